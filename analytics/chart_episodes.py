"""From signals to alerts: one for each episode of a chart, however many rules and batches it has.

An episode is a row of batches that break a rule with fewer than two between them that break none. It is of one version
of limits: new ones begin the chart anew. A batch that belongs to an alert stays with it; one that comes to signal joins
the episode before it, else the one after it, else begins another. An alert of which nothing holds any more is withdrawn
and said to be; what comes back later is another alert. Pure: the same signals and alerts before give the same alerts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from analytics.chart_sentences import limits_in_words, signal_sentence, withdrawn_sentence
from analytics.methods.chart_judge import Judged
from analytics.methods.chart_rules import EWMA, OF_ONE_BATCH
from analytics.methods.control import ControlLimits
from analytics.severity import graver, signal_severity
from store.model.alert import AlertSeverity
from store.model.chart import ChartPoint

QUIET_BATCHES = 2  # that break no rule end an episode; with one alone, what sways about a limit would be many alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsInUse:
    """A version of a chart's limits from when on, and until when, it judges."""

    control_limit_id: int
    version: int
    kind: str  # "initial" or "long_term"
    limits: ControlLimits
    rules: tuple[str, ...]
    batches: frozenset[int]  # phase I: what it rests on
    ordinal: int  # of the intake: in use from here on
    until: int | None  # of the intake: retired here; None: it judges still


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedChart:
    """What one version of limits says now: the batches it judges in order of their starts, and the rules they break."""

    limits: LimitsInUse
    points: Sequence[ChartPoint]
    signals: Sequence[Judged]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAlert:
    """One episode, as it is told."""

    control_limit_id: int
    ordinal: int  # 1, 2, … of its version of limits
    severity: AlertSeverity  # never falls
    rule: str  # of the signal that is told first, as are score and limit
    score: float
    limit: float
    sentence: str
    batches: frozenset[int]  # every batch it was ever about
    evidence: tuple[dict[str, str | float | int], ...]  # each signal that holds; none: it is withdrawn
    raised: datetime  # the plant's time at the entry by which it could be known, as is `ended`
    onset: datetime  # start of the first batch of the pattern that raised it
    ended: datetime | None


def alerts_of(judged: JudgedChart, before: Sequence[SignalAlert], at: datetime) -> Iterator[SignalAlert]:
    """The alerts of a version of limits that are new, or told otherwise than before."""
    standing = {alert.ordinal: alert for alert in before if alert.evidence}
    belongs = _assigned(judged, standing, first_free=len(before) + 1)
    for ordinal in sorted(standing.keys() | set(belongs.values())):
        known = standing.get(ordinal)
        told = _told(judged, ordinal, belongs, known, at)
        if told != known:
            yield told


def _assigned(judged: JudgedChart, standing: Mapping[int, SignalAlert], *, first_free: int) -> dict[int, int]:
    """Which alert each batch that breaks a rule belongs to, by the alert's ordinal."""
    signalled = {one.batch_id for one in judged.signals}
    known = {batch: ordinal for ordinal, alert in standing.items() for batch in alert.batches if batch in signalled}
    belongs: dict[int, int] = {}
    current, quiet = None, 0
    for index, point in enumerate(judged.points):
        if point.batch_id not in signalled:
            quiet += _counts(point)
            continue
        before = current if quiet < QUIET_BATCHES else None
        current = known.get(point.batch_id, before) or _next_alert(judged.points[index + 1 :], signalled, known)
        if current is None:
            current, first_free = first_free, first_free + 1
        belongs[point.batch_id] = current
        quiet = 0
    return belongs


def _next_alert(later: Sequence[ChartPoint], signalled: set[int], known: Mapping[int, int]) -> int | None:
    """The alert that the same episode has further on."""
    quiet = 0
    for point in later:
        if point.batch_id in known:
            return known[point.batch_id]
        quiet = 0 if point.batch_id in signalled else quiet + _counts(point)
        if quiet == QUIET_BATCHES:
            return None
    return None


def _counts(point: ChartPoint) -> bool:
    """Whether a batch that breaks no rule says that all is quiet: one without a number says nothing."""
    return point.value is not None and point.without is None


def _told(
    judged: JudgedChart, ordinal: int, belongs: Mapping[int, int], before: SignalAlert | None, at: datetime
) -> SignalAlert:
    own = [one for one in judged.signals if belongs[one.batch_id] == ordinal]
    if not own:
        assert before is not None
        return replace(before, sentence=withdrawn_sentence(before.sentence), evidence=(), ended=before.ended or at)
    points = {point.batch_id: point for point in judged.points}
    held = list(dict.fromkeys(one.batch_id for one in own))
    ever = frozenset(held) | (frozenset() if before is None else before.batches)
    gone = ever.difference(held)
    newest = [one for one in own if one.batch_id == held[-1]]
    first = min(newest, key=lambda one: one.signal.rule not in OF_ONE_BATCH)  # of equals that which stands first
    end = _end(judged, held[-1])
    ended_before = None if before is None else before.ended
    severity = signal_severity(outside=any(one.signal.rule in OF_ONE_BATCH for one in own))
    return SignalAlert(
        control_limit_id=judged.limits.control_limit_id,
        ordinal=ordinal,
        severity=severity if before is None else graver(severity, before.severity),
        rule=first.signal.rule,
        score=first.signal.statistic,
        limit=first.signal.limit,
        sentence=signal_sentence(
            told=first,
            limits=limits_in_words(version=judged.limits.version, kind=judged.limits.kind, n=judged.limits.limits.n),
            batches=[points[batch_id].batch for batch_id in held],
            rules=list(dict.fromkeys(one.signal.rule for one in own)),
            taken_back=[point.batch for point in judged.points if point.batch_id in gone],
            end=end,
        ),
        batches=ever,
        evidence=tuple(_evidence(points[one.batch_id], one) for one in own),
        raised=at if before is None else before.raised,
        onset=_onset(judged, points, own) if before is None else before.onset,
        ended=(ended_before or at) if end else None,
    )


def _end(judged: JudgedChart, last: int) -> str:
    """Why the episode whose last batch is this one is over; empty while it lasts."""
    signalled = {one.batch_id for one in judged.signals}
    places = {point.batch_id: index for index, point in enumerate(judged.points)}
    quiet: list[str] = []
    for point in judged.points[places[last] + 1 :]:
        if point.batch_id in signalled:
            quiet = []
        elif _counts(point):
            quiet.append(point.batch)
        if len(quiet) == QUIET_BATCHES:
            return f"Over: {' and '.join(quiet)} break no rule"
    return "Over: these limits judge no further batch" if judged.limits.until is not None else ""


def _onset(judged: JudgedChart, points: Mapping[int, ChartPoint], own: Sequence[Judged]) -> datetime:
    """Start of the first batch of the patterns; an average remembers all batches, so of it the batch's own."""
    numbers = [point for point in judged.points if _counts(point)]
    places = {point.batch_id: index for index, point in enumerate(numbers)}

    def began(one: Judged) -> datetime:
        if one.signal.rule == EWMA or one.batch_id not in places:  # a bound has no place among the numbers
            return points[one.batch_id].started
        return numbers[max(0, places[one.batch_id] - one.signal.points + 1)].started

    return min(map(began, own))


def _evidence(point: ChartPoint, one: Judged) -> dict[str, str | float | int]:
    return {
        "batch": point.batch,
        "value": point.value_text,
        "rule": one.signal.rule,
        "side": str(one.signal.side),
        "statistic": one.signal.statistic,
        "limit": one.signal.limit,
        "points": one.signal.points,
    }
