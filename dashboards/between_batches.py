"""Charts over batches: each batch between its control limits, what rules say of it, and the alerts of that."""

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard, QueryVariable
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.models.common import LineStyle, VisibilityMode
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, GridPos

from dashboards.common import (
    REVIEW,
    api_variable,
    board,
    coloured_cell,
    every_row,
    fixed,
    ordered,
    points,
    property_values,
    stat,
    timeseries,
    unit_from,
)
from dashboards.common import table as plain_table
from dashboards.infinity import Column, Format, InfinityQuery, number, text, time
from dashboards.review import IN_VIEW
from dashboards.states import ALERT_STATES, BAND, RED, SEVERITIES, SIGNAL_STATES

UID = "batchwitness-between-batches"
THIS_CHART = "chart == '${chart}'"


def between_batches() -> Dashboard:
    """The dashboard of whoever asks whether a process creeps."""
    return (
        board(
            "Between batches",
            uid=UID,
            description="One number a batch, within limits that people put to use. Not drift of a running batch.",
            tags=["review"],
        )
        .timezone("utc")
        .time("now-3y", "now")
        .refresh("1m")
        .with_variable(chart())
        .annotation(alerts_on_the_time_axis())
        .with_panel(this_chart())
        .with_panel(data_until())
        .with_panel(within_limits())
        .with_panel(signals())
        .with_panel(alerts())
        .with_panel(all_charts())
    )


def chart() -> QueryVariable:
    """Which chart."""
    return api_variable(
        "chart",
        label="Chart",
        description="The chart that is drawn.",
        query=_charts(text("label", "__text"), text("chart", "__value")),
    )


def alerts_on_the_time_axis() -> AnnotationQuery:
    """The alerts of the chart, from the first batch of their pattern on."""
    return (
        AnnotationQuery()
        .name("Alerts")
        .datasource(REVIEW)
        .enable(True)
        .icon_color(RED)
        .target(
            _alerts(
                time("time"),
                time("timeEnd"),
                text("title"),
                text("text"),
                text("tags"),
                text("chart"),
                ref_id="Annotations",
                format=Format.ANNOTATIONS,
            )
        )
    )


def this_chart() -> Table:
    """What the chart shows, and by which limits."""
    return (
        plain_table("This chart · $chart", "Process, what it shows, the limits in use, and how many signals hold.")
        .id(1)
        .grid_pos(GridPos(x=0, y=0, w=18, h=4))
        .with_target(
            _charts(
                text("chart"),
                text("process"),
                text("shows"),
                text("unit_of_measure", "unit of measure"),
                text("scale"),
                number("batches"),
                number("limits_version", "limits version"),
                text("limits_kind", "limits kind"),
                number("limits_n", "limits of batches"),
                number("signals", "signals that hold"),
                text("failure", "not judged because"),
                keep=THIS_CHART,
            )
        )
        .with_transformation(
            ordered(
                "chart", "process", "shows", "unit of measure", "scale", "batches", "limits version", "limits kind",
                "limits of batches", "signals that hold", "not judged because",
            )
        )
    )  # fmt: skip


def data_until() -> Stat:
    """How far the chart reaches."""
    return (
        stat(
            "Data until · $chart",
            "Start of the newest batch on the chart. A batch comes onto it with its result or when it has completed.",
        )
        .id(2)
        .grid_pos(GridPos(x=18, y=0, w=6, h=4))
        .unit("dateTimeAsIso")
        .reduce_options(every_row("/^data_until_ms$/", at_most=1).values(False).calcs(["max"]))
        .with_target(_charts(text("chart"), number("data_until", "data_until_ms"), keep=THIS_CHART))
    )


def within_limits() -> Timeseries:
    """Every batch at its start, within the limits that judge it."""
    return (
        timeseries(
            "Batches within their limits · $chart",
            "One point a batch, at its start. Blue points: the limits rest on them and do not judge them. "
            "Red points: a rule is broken. Dashed: centre and three sigma of the limits that judge each batch; "
            "a batch without a number has no point. The line ends at data-until.",
        )
        .id(3)
        .grid_pos(GridPos(x=0, y=4, w=24, h=13))
        .override_by_name(
            "value",
            property_values(
                color=fixed("text"), custom_lineWidth=1, custom_showPoints=VisibilityMode.ALWAYS, custom_pointSize=6
            ),
        )
        .override_by_name("limits rest on it", points(BAND, 8))
        .override_by_name("signal", points(RED, 12))
        .override_by_name("centre", _dashed(BAND))
        .override_by_name("lower limit", _dashed("text"))
        .override_by_name("upper limit", _dashed("text"))
        .with_target(
            InfinityQuery(
                source=REVIEW,
                url="/grafana/chart-points",
                params={"chart": "${chart}", **IN_VIEW},
                columns=(
                    time("time"),
                    number("value"),
                    number("phase_one", "limits rest on it"),
                    number("signal"),
                    number("centre"),
                    number("lower", "lower limit"),
                    number("upper", "upper limit"),
                ),
            )
        )
        .with_target(
            InfinityQuery(
                source=REVIEW,
                ref_id="U",
                url="/grafana/charts",
                columns=(text("chart"), text("unit_of_measure")),
                computed=(text("unit_of_measure == '1' ? 'none' : 'suffix:' + unit_of_measure", "unit"),),
                keep=THIS_CHART,
            )
        )
        .with_transformation(unit_from("U"))
    )


def signals() -> Table:
    """What rules said, and what became of it."""
    return (
        plain_table(
            "Signals · $chart",
            "Each rule that a batch broke, as it was written down. A corrected result takes a signal back and never "
            "writes over it.",
        )
        .id(4)
        .grid_pos(GridPos(x=0, y=17, w=14, h=10))
        .override_by_name("written", property_values(unit="dateTimeAsIso"))
        .override_by_name("state", coloured_cell(SIGNAL_STATES))
        .with_target(
            InfinityQuery(
                source=REVIEW,
                url="/grafana/chart-signals",
                params={"chart": "${chart}"},
                columns=(
                    time("time", "written"),
                    text("batch"),
                    text("rule"),
                    text("state"),
                    text("sentence", "what it says"),
                    number("limits_version", "limits version"),
                ),
            )
        )
        .with_transformation(ordered("written", "batch", "rule", "state", "what it says", "limits version"))
    )


def alerts() -> Table:
    """The alerts of the chart in words: one an episode."""
    return (
        plain_table(
            "Alerts · $chart",
            "One alert an episode of the chart, with its life cycle. Acknowledge and assess on the alert's page.",
        )
        .id(5)
        .grid_pos(GridPos(x=14, y=17, w=10, h=10))
        .override_by_name("from", property_values(unit="dateTimeAsIso"))
        .override_by_name("severity", coloured_cell(SEVERITIES))
        .override_by_name("state", coloured_cell(ALERT_STATES))
        .with_target(
            _alerts(
                time("time", "from"),
                text("severity"),
                text("state"),
                text("text", "what happened"),
                text("batch", "batches"),
                text("alert", "alert no."),
                text("chart"),
            )
        )
        .with_transformation(ordered("from", "severity", "state", "what happened", "batches", "alert no.", "chart"))
    )


def all_charts() -> Table:
    """The charts to choose from."""
    return (
        plain_table("All charts", "Choose a chart to draw it.")
        .id(6)
        .grid_pos(GridPos(x=0, y=27, w=24, h=10))
        .override_by_name("data until", property_values(unit="dateTimeAsIso"))
        .override_by_name("newest value known", property_values(unit="dateTimeAsIso"))
        .override_by_name("shows", property_values(links=[_open()]))
        .with_target(
            _charts(
                text("chart"),
                text("process"),
                text("shows"),
                number("batches"),
                number("signals", "signals that hold"),
                number("limits_version", "limits version"),
                time("data_until", "data until"),
                time("known_until", "newest value known"),
                text("failure", "not judged because"),
            )
        )
        .with_transformation(
            ordered(
                "chart", "process", "shows", "batches", "signals that hold", "limits version", "data until",
                "newest value known", "not judged because",
            )
        )
    )  # fmt: skip


def _charts(*columns: Column, keep: str = "") -> InfinityQuery:
    return InfinityQuery(source=REVIEW, url="/grafana/charts", columns=columns, keep=keep)


def _alerts(*columns: Column, ref_id: str = "A", format: Format = Format.TABLE) -> InfinityQuery:  # noqa: A002 -- Infinity's word
    """The alerts of the chosen chart in the time range."""
    return InfinityQuery(
        source=REVIEW,
        ref_id=ref_id,
        url="/grafana/alerts",
        params=dict(IN_VIEW),
        columns=columns,
        keep=THIS_CHART,
        format=format,
    )


def _dashed(color: str) -> list[DynamicConfigValue]:
    return property_values(color=fixed(color), custom_lineStyle=LineStyle(fill="dash", dash=[8, 8]))


def _open() -> dict[str, str]:
    return {"title": "Draw it", "url": f"/d/{UID}?var-chart=${{__data.fields.chart}}"}
