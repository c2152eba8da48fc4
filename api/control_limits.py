"""Draft control limits of a chart from named batches, or from all that have a number."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

from psycopg import Connection

from analytics.methods.chart_rules import EVERY_RULE
from analytics.methods.control import lag1_autocorrelation
from analytics.methods.individuals import limits_of
from analytics.methods.run_rules import DEFAULT_RULES
from records.control_limits import Draft, draft_limits, open_chart
from store.charts import points_of, read_chart
from store.errors import InputInvalid, NotFound
from store.model.chart import Chart, ChartPoint, Summary, WithoutNumber
from store.model.result import Scale
from store.sql import queries

SCALES: Final = (Scale.LINEAR, Scale.LOG)
MOST_BOUNDS = 0.2  # of the named batches; beyond that, limits of the rest say little of the process


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which chart, from which batches, judged by which rules. `batches` None: all that are there.

    `scale` None: that of the attribute, linear for a summary; only a linear one may be asked to be a logarithm.
    """

    process: str
    attribute: str | None = None
    tag: str | None = None
    phase: str | None = None
    summary: Summary | None = None
    scale: Scale | None = None
    batches: Sequence[str] | None = None
    rules: Sequence[str] = tuple(str(rule) for rule in DEFAULT_RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """What was drafted."""

    chart: int
    control_limit: int
    n: int


def order_limits(connection: Connection, order: Order, *, by: str, reason: str) -> Drafted:
    """Calculate limits and write them down as a draft; the chart is opened when there is none yet. One transaction.

    Raises NotFound for an unknown process, attribute or tag, and InputInvalid for what cannot be charted; both begin
    with the field that they are about.
    """
    if not order.rules:
        raise InputInvalid("rules: a chart is judged by one at least")
    for rule in order.rules:
        if rule not in EVERY_RULE:
            raise InputInvalid(f"rules: {rule!r} is none of {', '.join(EVERY_RULE)}")
    asked = describe(connection, order)
    chart = read_chart(connection, open_chart(connection, asked, by=by, reason=reason))
    if order.scale not in (None, chart.scale):
        raise InputInvalid(f"scale: the chart of {chart.subject} is {chart.scale}, not {order.scale}")
    points = points_of(connection, chart)
    if order.batches is not None:
        absent = sorted(set(order.batches) - {point.batch for point in points})
        if absent:
            raise InputInvalid(f"batches: {', '.join(absent)} has no point on the chart of {chart.subject}")
        points = [point for point in points if point.batch in order.batches]
    draft = _draft(chart, points, order.rules)
    number = draft_limits(connection, chart, draft, by=by, reason=reason)
    return Drafted(chart=chart.control_chart_id, control_limit=number, n=draft.n)


def describe(connection: Connection, order: Order) -> Chart:
    """What is asked to be charted, without a number. Raises NotFound and InputInvalid as `order_limits` does."""
    if (order.attribute is None) == (order.summary is None):
        raise InputInvalid("attribute, summary: a chart shows one of them, and not both")
    if order.summary is not None and order.phase is None:
        raise InputInvalid("phase: a summary is of a phase")
    if (order.tag is None) != (order.summary in (None, Summary.DURATION)):
        raise InputInvalid(f"tag: {order.tag!r} does not go with summary {order.summary}")
    if order.attribute is not None and order.phase is not None:
        raise InputInvalid(f"phase: {order.phase!r} does not go with an attribute")
    row = connection.execute(
        queries("api_chart")["describe"],
        {"process": order.process, "attribute": order.attribute, "tag": order.tag},
    ).fetchone()
    if row is None:
        raise NotFound(f"process: there is no process {order.process!r}")
    process_version_id, scale, attribute_unit, tag_unit = row
    if order.attribute is not None and attribute_unit is None:
        raise NotFound(f"attribute: there is no attribute {order.attribute!r} of {order.process}")
    if order.tag is not None and tag_unit is None:
        raise NotFound(f"tag: there is no tag {order.tag!r}")
    if scale in (Scale.BINARY, Scale.ORDINAL):
        raise InputInvalid(f"attribute: {order.attribute!r} has the scale {scale}, which has no spread to chart")
    if order.scale not in (None, *SCALES):
        raise InputInvalid(f"scale: a chart is linear or log, not {order.scale}")
    if order.scale is Scale.LINEAR and scale == Scale.LOG:
        raise InputInvalid(f"scale: {order.attribute!r} is calculated with by its logarithm, so its chart is log")
    return Chart(
        control_chart_id=0,
        process_version_id=process_version_id,
        attribute=order.attribute,
        tag=order.tag,
        phase=order.phase,
        summary=order.summary,
        scale=Scale.LOG if Scale.LOG in (scale, order.scale) else Scale.LINEAR,
        unit_of_measure="h" if order.summary is Summary.DURATION else attribute_unit or tag_unit,
    )


def _draft(chart: Chart, points: Sequence[ChartPoint], rules: Sequence[str]) -> Draft:
    numbers = [(point, point.value) for point in points if point.without is None and point.value is not None]
    bounds = sum(point.without is WithoutNumber.BOUND for point in points)
    if bounds > MOST_BOUNDS * len(points):
        raise InputInvalid(
            f"batches: {bounds} of {len(points)} results of {chart.subject} state bounds: limits of the rest say little"
        )
    values = [log(value) if chart.scale is Scale.LOG else value for _, value in numbers]
    try:
        limits = limits_of(values)
    except ValueError as error:
        raise InputInvalid(f"batches: of {chart.subject}: {error}") from error
    return Draft(
        centre=limits.centre,
        sigma=limits.sigma,
        n=limits.n,
        autocorrelation=lag1_autocorrelation(values),
        rules=tuple(rules),
        points=[{"batch_id": point.batch_id, "batch": point.batch, "value": value} for point, value in numbers],
        left_out=[{"batch": point.batch, "why": str(point.without)} for point in points if point.without is not None],
    )
