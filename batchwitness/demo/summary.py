"""What the demo says at its end: counts that add up, alerts, old against new."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import psycopg
from rich.console import Console
from rich.table import Table

from batchwitness.demo.state import DemoState
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Published against stored."""

    published: int
    stored: int
    conflicts: int
    quarantined: int
    missing_messages: int  # by sequence number
    batches: int
    behind: int  # journal blocks that some consumer has not seen

    @property
    def exact(self) -> bool:
        """Everything published is stored exactly once, and nothing else is."""
        return (
            self.stored == self.published
            and self.conflicts == 0
            and self.quarantined == 0
            and self.missing_messages == 0
        )


def look(connection: psycopg.Connection, state: DemoState) -> Outcome:
    """Count."""
    row = connection.execute(queries("demo")["totals"]).fetchone()
    assert row is not None
    stored, conflicts, quarantined, missing, batches, behind = row
    return Outcome(
        published=state.history_readings + state.live_readings,
        stored=stored,
        conflicts=conflicts,
        quarantined=quarantined,
        missing_messages=int(missing),
        batches=batches,
        behind=int(behind),
    )


def show(connection: psycopg.Connection, outcome: Outcome, state: DemoState, console: Console) -> None:
    """Print the summary."""
    console.rule("summary")
    console.print(
        f"{outcome.batches} batches; readings: {outcome.published:,} published "
        f"({state.history_readings:,} as history, {state.live_readings:,} over MQTT), {outcome.stored:,} stored, "
        f"{outcome.quarantined:,} quarantined, {outcome.conflicts:,} in conflict, "
        f"{outcome.missing_messages:,} messages missing by sequence number"
    )
    if outcome.exact:
        console.print("[green]everything published is stored exactly once[/]")
    else:
        console.print("[red]published and stored do not agree[/]")
    _show_alerts(connection, console)
    _show_comparison(connection, console)


def _show_alerts(connection: psycopg.Connection, console: Console) -> None:
    table = Table("batch", "kind", "tags", "process hour", "what", title="alerts")
    for _, batch, kind, tags, hour, sentence in connection.execute(queries("demo")["new_alerts"], {"after": 0}):
        table.add_row(batch, kind, ", ".join(tags[:3]), f"{hour:.1f}", sentence)
    console.print(table)


def _show_comparison(connection: psycopg.Connection, console: Console) -> None:
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for attribute, unit, role, number in connection.execute(queries("demo")["numeric_results"]):
        values[attribute, unit][role].append(number)
    table = Table(
        "attribute", "unit", "old n", "old mean ± SD", "new n", "new mean ± SD",
        title="old against new: exploratory, no protocol was locked before these data",
    )  # fmt: skip
    for (attribute, unit), by_role in values.items():
        old, new = np.array(by_role["pre_change"]), np.array(by_role["post_change"])
        if min(len(old), len(new)) < 2:
            continue
        table.add_row(attribute, unit, str(len(old)), _spread(old), str(len(new)), _spread(new))
    console.print(table)


def _spread(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> str:
    return f"{values.mean():.3g} ± {values.std(ddof=1):.2g}"
