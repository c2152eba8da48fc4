"""The report of a campaign: a table for people, an object for programs."""

import statistics
from typing import Any

from tests.bench.campaign.account import Loss
from tests.bench.campaign.faults import FaultKind
from tests.bench.campaign.run import Campaign

KILL_BROKER = (FaultKind.KILL_BROKER, FaultKind.KILL_BOTH)
ROW = ("fault", "times", "recovered_median_s", "recovered_longest_s", "lost")
SUM = (
    "{faults} faults in {minutes} minutes; {messages:,} messages, delivered {deliveries:,} times;"
    " {readings:,} readings stored; {alerts} alerts."
)


def figures(campaign: Campaign) -> dict[str, Any]:
    """Everything the table says, with names that carry units."""
    counted = campaign.account
    return {
        "faults": len(campaign.met),
        "minutes": round(campaign.duration_s / 60, 1),
        "messages": counted.messages,
        "deliveries": counted.deliveries,
        "readings": counted.readings,
        "alerts": campaign.alerts,
        "outcomes": {str(outcome): count for outcome, count in sorted(counted.outcomes.items())},
        "by_kind": [_row(campaign, kind) for kind in FaultKind if any(met.fault.kind is kind for met in campaign.met)],
        "oldest_lost_s": max((_age_s(loss) for loss in counted.losses), default=None),
        "problems": counted.problems[:100],
    }


def table(told: dict[str, Any]) -> str:
    """The same in Markdown."""
    lines = [
        "| fault | times | recovered in s, median | longest | messages lost, each reported as a gap |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(str(row[name]) for name in ROW)} |" for row in told["by_kind"]),
        "",
        "| outcome | messages |",
        "|---|---|",
        *(f"| {outcome} | {count:,} |" for outcome, count in told["outcomes"].items()),
        "",
        SUM.format_map(told),
        *(f"- {problem}" for problem in told["problems"] or ["nothing is unaccounted"]),
    ]
    return "\n".join(lines) + "\n"


def _row(campaign: Campaign, kind: FaultKind) -> dict[str, Any]:
    recovered_s = [met.recovered_s for met in campaign.met if met.fault.kind is kind]
    killers = [met.fault.kind for met in campaign.met if met.fault.kind in KILL_BROKER]
    killed_s = dict(zip(campaign.broker_kills_s, killers, strict=True))
    lost = [loss for loss in campaign.account.losses if loss.killed_s and killed_s[loss.killed_s] is kind]
    return {
        "fault": str(kind),
        "times": len(recovered_s),
        "recovered_median_s": round(statistics.median(recovered_s), 1),
        "recovered_longest_s": round(max(recovered_s), 1),
        "lost": len(lost),
    }


def _age_s(loss: Loss) -> float:
    """How long the broker had had it."""
    assert loss.sent.acknowledged_s is not None
    return 0.0 if loss.killed_s is None else round(loss.killed_s - loss.sent.acknowledged_s, 2)
