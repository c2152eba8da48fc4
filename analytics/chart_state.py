"""What is known of a chart at one place in the recorded order, and how the next entry changes it: pure.

Nothing is written over: a corrected value is a further revision of its point, and what it did to signals, to those of
later batches too, are further revisions of those; alerts have versions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from analytics.chart_episodes import JudgedChart, LimitsInUse, SignalAlert, alerts_of
from analytics.methods.chart_judge import Judged, judge
from store.model.chart import Chart, ChartPoint, WithoutNumber


class SignalKey(NamedTuple):
    """What a rule says of a batch on one side."""

    batch_id: int
    rule: str
    side: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRevision:
    """What a batch shows from an entry on."""

    revision: int
    point: ChartPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRevision:
    """What a rule says of a batch from an entry on, or that it says nothing any more."""

    revision: int
    holds: bool
    control_limit_id: int
    statistic: float
    limit_value: float
    points: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertVersion:
    """What is told of an episode from an entry on."""

    version: int  # 0: as it was raised
    alert: SignalAlert
    joined: frozenset[int]  # batches that it was not about before


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one entry changed, in the order in which it is written down."""

    points: Sequence[PointRevision]
    signals: Sequence[tuple[SignalKey, SignalRevision]]
    alerts: Sequence[AlertVersion]


@dataclass(slots=True, kw_only=True)
class ChartState:
    """The newest of everything, by what it is about."""

    points: dict[int, PointRevision] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)  # ordinal at which each batch came onto the chart
    signals: dict[SignalKey, SignalRevision] = field(default_factory=dict)
    alerts: dict[tuple[int, int], AlertVersion] = field(default_factory=dict)  # by version of limits and ordinal

    def known(self) -> dict[int, ChartPoint]:
        """Points with a number."""
        return {batch_id: known.point for batch_id, known in self.points.items() if known.point.without is None}

    def advance(
        self, chart: Chart, found: Iterable[ChartPoint], versions: Sequence[LimitsInUse], *, ordinal: int, at: datetime
    ) -> Changes:
        """Take what batches show at an entry and judge all of it anew; what that changed.

        `versions` are the limits put to use by that entry, in order; `at` is the plant's time there.
        """
        points = list(self._take_points(found, ordinal))
        judged = [_judged(chart, version, self._judged_by(version, versions)) for version in versions]
        signals = list(self._take_signals(judged))
        alerts = [changed for one in judged for changed in self._take_alerts(one, at)]
        return Changes(points=points, signals=signals, alerts=alerts)

    def _take_points(self, found: Iterable[ChartPoint], ordinal: int) -> Iterable[PointRevision]:
        shown = {point.batch_id: point for point in found}
        for batch_id, before in self.points.items():
            if batch_id not in shown:
                shown[batch_id] = replace(
                    before.point, value=None, without=WithoutNumber.WITHDRAWN, bound=None, qc_result_id=None
                )
        for point in shown.values():
            known = self.points.get(point.batch_id)
            if known is None or known.point != point:
                revised = PointRevision(revision=1 if known is None else known.revision + 1, point=point)
                self.points[point.batch_id] = revised
                self.first.setdefault(point.batch_id, ordinal)
                yield revised

    def _judged_by(self, version: LimitsInUse, versions: Sequence[LimitsInUse]) -> list[ChartPoint]:
        """Batches that came while these limits were in use; the first limits also judge what was there before."""
        points = sorted((known.point for known in self.points.values()), key=lambda point: (point.started, point.batch))
        return [
            point
            for point in points
            if point.batch_id not in version.batches
            and (version is versions[0] or self.first[point.batch_id] >= version.ordinal)
            and (version.until is None or self.first[point.batch_id] < version.until)
        ]

    def _take_signals(self, judged: Sequence[JudgedChart]) -> Iterable[tuple[SignalKey, SignalRevision]]:
        said: dict[SignalKey, tuple[int, Judged]] = {}
        for version in judged:
            for one in version.signals:
                key = SignalKey(one.batch_id, one.signal.rule, str(one.signal.side))
                said[key] = (version.limits.control_limit_id, one)
        for key in sorted(said.keys() | self.signals.keys()):
            before = self.signals.get(key)
            after = _revised(before, said.get(key))
            if after is not None:
                self.signals[key] = after
                yield key, after

    def _take_alerts(self, judged: JudgedChart, at: datetime) -> Iterable[AlertVersion]:
        limits = judged.limits.control_limit_id
        before = [known.alert for (of, _), known in sorted(self.alerts.items()) if of == limits]
        for alert in alerts_of(judged, before, at):
            known = self.alerts.get((limits, alert.ordinal))
            if known is None:
                known = AlertVersion(version=0, alert=replace(alert, ended=None), joined=alert.batches)
                yield known
            if known.alert != alert:  # also where it was over when it could first be known
                joined = alert.batches - known.alert.batches
                known = AlertVersion(version=known.version + 1, alert=alert, joined=joined)
                yield known
            self.alerts[limits, alert.ordinal] = known


def _judged(chart: Chart, version: LimitsInUse, points: Sequence[ChartPoint]) -> JudgedChart:
    return JudgedChart(limits=version, points=points, signals=judge(chart, points, version.limits, version.rules))


def _revised(before: SignalRevision | None, said: tuple[int, Judged] | None) -> SignalRevision | None:
    """A further revision where something is said otherwise than before."""
    revision = 1 if before is None else before.revision + 1
    if said is None:
        if before is None or not before.holds:
            return None
        sentence = f"No longer, by what is known now: {before.sentence}"
        return replace(before, revision=revision, holds=False, sentence=sentence)
    control_limit_id, one = said
    after = SignalRevision(
        revision=revision,
        holds=True,
        control_limit_id=control_limit_id,
        statistic=one.signal.statistic,
        limit_value=one.signal.limit,
        points=one.signal.points,
        sentence=one.sentence,
    )
    return None if before is not None and replace(before, revision=revision) == after else after
