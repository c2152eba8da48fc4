"""Charts over batches as people see them: points, limits, averages and sums drawn from the record, and what rules said.

The lines are calculated here from the stored limits and points by the same pure methods that judge them; signals are
those that were written down, never calculated anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import exp, log
from typing import Self

from psycopg import Connection

from analytics.methods.capability import performance
from analytics.methods.chart_rules import batches_a_false_signal
from analytics.methods.control import ControlLimits
from analytics.methods.cusum import CusumChart
from analytics.methods.ewma_chart import EwmaChart
from analytics.methods.individuals import individual_bounds, moving_range
from api.chart_drafts import read_drafts
from api.chart_rows import CapabilityRow, ChartDetail, ChartRow, LimitsRow, PointRow, RuleRow, SignalRow
from api.database import Row, models, row, rows
from store.charts import read_chart
from store.errors import NotFound
from store.model.chart import Chart, LimitsState, WithoutNumber
from store.model.result import Scale
from store.sql import queries


def read_charts(connection: Connection) -> list[ChartRow]:
    """All charts."""
    return models(connection, ChartRow, queries("api_chart")["charts"], {"chart": None})


def read_chart_detail(connection: Connection, number: int) -> ChartDetail:
    """One chart. Raises NotFound."""
    sql = queries("api_chart")
    found = models(connection, ChartRow, sql["charts"], {"chart": number})
    if not found:
        raise NotFound(f"there is no chart {number}")
    chart = read_chart(connection, number)
    limits = models(connection, LimitsRow, sql["limits"], {"chart": number})
    signals = models(connection, SignalRow, sql["signals"], {"chart": number})
    points = _points(chart, rows(connection, sql["points"], {"chart": number}), limits, signals)
    used = [version for version in limits if version.state is LimitsState.IN_USE]
    return ChartDetail(
        chart=found[0],
        points=points,
        limits=limits,
        signals=signals,
        rules=[_rule(rule) for rule in used[0].rules] if used else [],
        capability=_capability(connection, chart, points),
        drafts=read_drafts(connection, chart, limits),
    )


def signals_of_batch(connection: Connection, batch: str) -> list[Row]:
    """What rules say of a batch now: chart, rule and sentence."""
    return rows(connection, queries("api_chart")["of_batch"], {"batch": batch})


def _points(
    chart: Chart, found: Sequence[Row], limits: Sequence[LimitsRow], signals: Sequence[SignalRow]
) -> list[PointRow]:
    used = sorted((version for version in limits if version.used_ordinal is not None), key=_ordinal)
    broken: dict[str, list[str]] = {}
    for signal in signals:
        if signal.newest and signal.holds:
            broken.setdefault(signal.batch, []).append(signal.rule)
    lines = {version.version: _Lines.of(chart, version) for version in used}
    shown = []
    for point in found:
        version = _judge(used, point["first_ordinal"])
        reference = version is not None and any(one.batch_id == point["batch_id"] for one in version.points)
        usable = point["value"] is not None and point["without"] is None
        value = point["value"] if usable else None
        drawn: Row = dict.fromkeys(_DRAWN)
        if version is not None:
            drawn |= lines[version.version].take(value, reference=reference)
        shown.append(
            PointRow(
                **{name: point[name] for name in _STORED},
                without=None if point["without"] is None else WithoutNumber(point["without"]),
                limits_version=None if version is None else version.version,
                reference=reference,
                signals=sorted(broken.get(point["batch"], [])),
                **drawn,
            )
        )
    return shown


def _ordinal(version: LimitsRow) -> int:
    return version.used_ordinal or 0


def _judge(used: Sequence[LimitsRow], first_ordinal: int) -> LimitsRow | None:
    """The limits in use when a batch came onto the chart, if any; of those from before the first ones, the first."""
    before = [version for version in used if _ordinal(version) <= first_ordinal] or list(used[:1])
    judged = before and (before[-1].retired_ordinal is None or first_ordinal < before[-1].retired_ordinal)
    return before[-1] if judged else None


@dataclass(slots=True)
class _Lines:
    """The lines of one version of limits, in the chart's unit, as its points are taken in order."""

    chart: Chart
    limits: ControlLimits
    ewma: EwmaChart
    cusum: CusumChart
    before: float | None = None

    @classmethod
    def of(cls, chart: Chart, version: LimitsRow) -> Self:
        limits = ControlLimits(centre=version.centre, sigma=version.sigma, n=version.n)
        return cls(chart=chart, limits=limits, ewma=EwmaChart(limits=limits), cusum=CusumChart(limits=limits))

    def take(self, shown: float | None, *, reference: bool) -> dict[str, float | None]:
        """What is drawn beside a value; averages and sums of phase II alone."""
        lower, upper = individual_bounds(self.limits)
        drawn: dict[str, float | None] = {
            "centre": self._outer(self.limits.centre),
            "lower": self._outer(lower),
            "upper": self._outer(upper),
        }
        if shown is None:
            return drawn
        value = log(shown) if self.chart.scale is Scale.LOG else shown
        if self.before is not None:
            between = moving_range(self.before, value, self.limits)
            drawn |= {"moving_range": between.value, "moving_range_upper": between.upper}
        self.before = value
        if not reference:
            self.ewma, _ = self.ewma.update(value)
            self.cusum, _ = self.cusum.update(value)
            low, high = self.ewma.bounds()
            drawn |= {
                "average": self._outer(self.ewma.average),
                "average_lower": self._outer(low),
                "average_upper": self._outer(high),
                "high_sum": self.cusum.high,
                "low_sum": self.cusum.low,
            }
        return drawn

    def _outer(self, value: float) -> float:
        return exp(value) if self.chart.scale is Scale.LOG else value


def _rule(rule: str) -> RuleRow:
    return RuleRow(rule=rule, batches_a_false_signal=batches_a_false_signal(rule))


def _capability(connection: Connection, chart: Chart, points: Sequence[PointRow]) -> CapabilityRow | None:
    asked = {"process_version_id": chart.process_version_id, "attribute": chart.attribute}
    limits = row(connection, queries("api_chart")["specification"], asked)
    if chart.attribute is None or limits is None:
        return None
    values = [point.value for point in points if point.value is not None and point.without is None]
    inner: Callable[[float], float] = log if chart.scale is Scale.LOG else float
    low, high = (None if bound is None else inner(bound) for bound in (limits["low"], limits["high"]))
    found = performance([inner(value) for value in values], low=low, high=high)
    hidden = found.hidden
    if hidden is None and any(point.signals for point in points):
        hidden = "Ppk needs a process in control, and rules are broken"
    if hidden is not None:
        found = replace(found, ppk=None, lower=None)
    return CapabilityRow(
        low=limits["low"], high=limits["high"], n=found.n, ppk=found.ppk, lower=found.lower, hidden=hidden
    )


_STORED = ("batch", "started", "value", "value_text", "bound", "readings", "revision", "earlier")
_DRAWN = (
    "centre", "lower", "upper", "moving_range", "moving_range_upper", "average", "average_lower", "average_upper",
    "high_sum", "low_sum",
)  # fmt: skip
