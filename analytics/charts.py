"""Follow the recorded order and keep charts over batches: points as they come to be known, and what rules say of them.

DETECT-1: a chart of an attribute depends on the recorded order alone, however the order was cut into stretches. Nothing
is written over: a corrected value is a further revision of its point, and what it did to signals, to those of later
batches too, are further revisions of those. A summary of readings is taken once its batch has completed, from the
readings as they hold then, and again when its phase or its readings are corrected.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import psycopg
import structlog

from analytics.chart_judge import Judged, judge
from analytics.intake import Stretch
from analytics.methods.control import ControlLimits
from analytics.software import software
from store.charts import points_of, read_chart
from store.model.chart import Chart, ChartPoint, WithoutNumber
from store.sql import queries

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsInUse:
    """A version of a chart's limits from when on it judges."""

    control_limit_id: int
    limits: ControlLimits
    rules: tuple[str, ...]
    batches: frozenset[int]  # phase I: what it rests on
    ordinal: int


def follow_charts(connection: psycopg.Connection, stretch: Stretch) -> None:
    """Bring the charts that a stretch touches up to date, in the caller's transaction.

    A chart that cannot be judged says so and holds up nothing else.
    """
    sql = queries("chart")
    parameters = {"after": stretch.after, "until": stretch.until}
    for ordinal, control_chart_id in connection.execute(sql["touched"], parameters).fetchall():
        failure = None
        try:
            with connection.transaction():
                bring_up_to_date(connection, control_chart_id, ordinal)
        except psycopg.OperationalError:
            raise  # the store is unavailable, the chart is not to blame
        except Exception as error:
            log.exception("chart failed", chart=control_chart_id, ordinal=ordinal)
            failure = f"{type(error).__name__}: {error}"[:500]
        connection.execute(sql["say_failure"], {"control_chart_id": control_chart_id, "failure": failure})


def bring_up_to_date(connection: psycopg.Connection, control_chart_id: int, ordinal: int) -> None:
    """Write down what an ordinal of the intake changed of a chart's points and signals."""
    chart = read_chart(connection, control_chart_id)
    points, first = _revise_points(connection, chart, ordinal)
    versions = _limits(connection, chart, ordinal)
    said: dict[tuple[int, str, str], tuple[int, Judged]] = {}
    for version, later in zip(versions, [*versions[1:], None], strict=True):
        judged = [
            point
            for point in points
            if point.batch_id not in version.batches
            and (version is versions[0] or first[point.batch_id] >= version.ordinal)
            and (later is None or first[point.batch_id] < later.ordinal)
        ]
        for one in judge(chart, judged, version.limits, version.rules):
            said[one.batch_id, one.signal.rule, str(one.signal.side)] = (version.control_limit_id, one)
    _revise_signals(connection, chart, said, ordinal)


def _revise_points(
    connection: psycopg.Connection, chart: Chart, ordinal: int
) -> tuple[list[ChartPoint], dict[int, int]]:
    """Points as they now hold, in order, and the ordinal at which each batch came onto the chart."""
    sql = queries("chart")
    stored: dict[int, tuple[ChartPoint, int]] = {}
    first: dict[int, int] = {}
    for row in connection.execute(sql["points"], {"control_chart_id": chart.control_chart_id}).fetchall():
        *values, revision, first_ordinal = row
        point = ChartPoint(**dict(zip(_POINT, values, strict=True)))
        point = replace(point, without=None if point.without is None else WithoutNumber(point.without))
        stored[point.batch_id] = (point, revision)
        first[point.batch_id] = first_ordinal
    found = {
        point.batch_id: point
        for point in points_of(
            connection,
            chart,
            ordinal=ordinal,
            known={batch_id: point for batch_id, (point, _) in stored.items() if point.without is None},
        )
    }
    for batch_id, (point, _) in stored.items():
        if batch_id not in found:
            found[batch_id] = replace(point, value=None, without=WithoutNumber.WITHDRAWN, bound=None, qc_result_id=None)
    for point in found.values():
        before, revision = stored.get(point.batch_id, (None, 0))
        if point != before:
            written = {"control_chart_id": chart.control_chart_id, "ordinal": ordinal, "revision": revision + 1}
            connection.execute(sql["insert_point"], asdict(point) | written)
            first.setdefault(point.batch_id, ordinal)
    return sorted(found.values(), key=lambda point: (point.started, point.batch)), first


def _limits(connection: psycopg.Connection, chart: Chart, ordinal: int) -> list[LimitsInUse]:
    asked = {"control_chart_id": chart.control_chart_id, "ordinal": ordinal}
    return [
        LimitsInUse(
            control_limit_id=number,
            limits=ControlLimits(centre=centre, sigma=sigma, n=n),
            rules=tuple(rules),
            batches=frozenset(point["batch_id"] for point in points),
            ordinal=used,
        )
        for number, _, centre, sigma, n, rules, points, used in connection.execute(
            queries("chart")["limits_in_order"], asked
        )
    ]


def _revise_signals(
    connection: psycopg.Connection, chart: Chart, said: dict[tuple[int, str, str], tuple[int, Judged]], ordinal: int
) -> None:
    sql = queries("chart")
    stored: dict[tuple[int, str, str], tuple[int, bool, tuple[Any, ...]]] = {}
    for batch_id, rule, side, revision, holds, *told in connection.execute(
        sql["signals"], {"control_chart_id": chart.control_chart_id}
    ).fetchall():
        stored[batch_id, rule, side] = (revision, holds, tuple(told))
    for key in sorted(said.keys() | stored.keys()):
        revision, held, before = stored.get(key, (0, False, ()))
        content: tuple[Any, ...]
        if key in said:
            control_limit_id, one = said[key]
            signal = one.signal
            content = (control_limit_id, signal.statistic, signal.limit, signal.points, one.sentence)
        else:
            content = before if not held else (*before[:4], f"No longer, by what is known now: {before[4]}")
        holds = key in said
        if (holds, content) == (held, before):
            continue
        batch_id, rule, side = key
        connection.execute(
            sql["insert_signal"],
            dict(zip(_CONTENT, content, strict=True))
            | {
                "control_chart_id": chart.control_chart_id,
                "batch_id": batch_id,
                "rule": rule,
                "side": side,
                "revision": revision + 1,
                "holds": holds,
                "software": software(),
                "ordinal": ordinal,
            },
        )


_POINT = (
    "batch_id", "batch", "started", "value", "value_text", "without", "bound", "qc_result_id", "since", "until",
    "readings",
)  # fmt: skip
_CONTENT = ("control_limit_id", "statistic", "limit_value", "points", "sentence")
