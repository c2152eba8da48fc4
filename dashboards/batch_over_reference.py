"""A batch drawn over what is known: the new process's reference, the old process's points, and every alert on it."""

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.models.common import LineStyle
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    GridPos,
)

from dashboards.common import (
    REVIEW,
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
from dashboards.infinity import Format, InfinityQuery, number, text, time
from dashboards.review import (
    BATCH,
    BATCH_ORDER,
    IN_VIEW,
    STEP_S,
    THIS_BATCH,
    alerts_in_view,
    batch,
    batches,
    process,
    tag,
    unit_of_measure,
)
from dashboards.states import ALERT_STATES, BAND, OLD, RED, RESULT_STATES, SEVERITIES

UID = "batchwitness-batch-over-reference"


def batch_over_reference() -> Dashboard:
    """The dashboard of a reviewer."""
    return (
        board(
            "Batch over reference",
            uid=UID,
            description="One batch, tag by tag, over the reference of the new process and the points of the old one.",
            tags=["review"],
        )
        .timezone("utc")
        .time("now-21d", "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(batch())
        .with_variable(process())
        .with_variable(tag())
        .annotation(alerts_on_the_time_axis())
        .with_panel(this_batch())
        .with_panel(data_until())
        .with_panel(over_the_reference())
        .with_panel(as_recorded())
        .with_panel(results())
        .with_panel(alerts())
        .with_panel(allbatches())
    )


def alerts_on_the_time_axis() -> AnnotationQuery:
    """The alerts of the batch, as marks and spans on every time axis; a signal is between batches and on none."""
    return (
        AnnotationQuery()
        .name("Alerts")
        .datasource(REVIEW)
        .enable(True)
        .icon_color(RED)
        .target(
            alerts_in_view(
                time("time"),
                time("timeEnd"),
                text("title"),
                text("text"),
                text("tags"),
                text("kind"),
                ref_id="Annotations",
                format=Format.ANNOTATIONS,
                keep="kind != 'signal'",
            )
        )
    )


def this_batch() -> Table:
    """What the batch is."""
    return (
        plain_table("This batch · $batch · $process", "Process version, role in the change, status, unit and times.")
        .id(1)
        .grid_pos(GridPos(x=0, y=0, w=18, h=4))
        .override_by_name("started", property_values(unit="dateTimeAsIso"))
        .override_by_name("ended", property_values(unit="dateTimeAsIso"))
        .with_target(batches(*BATCH, keep=THIS_BATCH))
        .with_transformation(ordered(*BATCH_ORDER))
    )


def data_until() -> Stat:
    """How far the record of the drawn tags reaches."""
    return (
        stat(
            "Data until · $batch · $process",
            "The last step of the time range in which a drawn tag has a reading. Everything below ends here.",
        )
        .id(2)
        .grid_pos(GridPos(x=18, y=0, w=6, h=4))
        .unit("dateTimeAsIso")
        .reduce_options(every_row("/^data_until_ms$/", at_most=1).values(False).calcs(["max"]))
        .with_target(
            InfinityQuery(
                source=REVIEW,
                url="/grafana/readings",
                params={"batch": "${batch}", "tags": "${tag:csv}", **IN_VIEW, "step": STEP_S},
                columns=(number("time", "data_until_ms"),),
            )
        )
    )


def over_the_reference() -> Timeseries:
    """The batch in the band of the new process's reference, with the points of the old process."""
    return (
        timeseries(
            "$tag over the reference · $batch · $process",
            "Cells of this batch over the reference's centre line and band. Purple points are the old process at "
            "matched points, with its interval; between them nothing is known of the old process and no line is drawn. "
            "Red marks are alerts. The line ends at data-until.",
        )
        .id(3)
        .grid_pos(GridPos(x=0, y=4, w=24, h=11))
        .repeat("tag")
        .repeat_direction("h")
        .max_per_row(2)
        .override_by_name("this batch", property_values(custom_lineWidth=2, color=fixed("text")))
        .override_by_name(
            "reference centre",
            property_values(color=fixed(BAND), custom_lineStyle=LineStyle(fill="dash", dash=[8, 8])),
        )
        .override_by_name("reference lower", property_values(color=fixed(BAND), custom_lineWidth=0))
        .override_by_name(
            "reference upper",
            property_values(
                color=fixed(BAND),
                custom_lineWidth=0,
                custom_fillBelowTo="reference lower",
                custom_fillOpacity=22,
            ),
        )
        .override_by_name("old process", points(OLD, 9))
        .override_by_name("old lower", points(OLD, 5))
        .override_by_name("old upper", points(OLD, 5))
        .with_target(
            InfinityQuery(
                source=REVIEW,
                url="/grafana/overlay",
                params={"batch": "${batch}", "tag": "${tag}", **IN_VIEW},
                columns=(
                    time("time"),
                    number("value", "this batch"),
                    number("center", "reference centre"),
                    number("lower", "reference lower"),
                    number("upper", "reference upper"),
                ),
            )
        )
        .with_target(
            InfinityQuery(
                source=REVIEW,
                ref_id="B",
                url="/grafana/old-points",
                params={"batch": "${batch}", "tag": "${tag}"},
                columns=(
                    time("time"),
                    number("value", "old process"),
                    number("lower", "old lower"),
                    number("upper", "old upper"),
                ),
            )
        )
        .with_target(unit_of_measure())
        .with_transformation(unit_from("U"))
    )


def as_recorded() -> Timeseries:
    """What was recorded, in the step that suits the range: nothing smoothed away, because least and most are drawn."""
    return (
        timeseries(
            "$tag as recorded · $batch · $process",
            "Readings of the batch: mean of each step, with the least and the greatest reading in it. "
            "A break in the line is a break in the record; the line ends at data-until.",
        )
        .id(4)
        .grid_pos(GridPos(x=0, y=15, w=24, h=8))
        .repeat("tag")
        .repeat_direction("h")
        .max_per_row(2)
        .override_by_name("mean", property_values(color=fixed("text")))
        .override_by_name("least", property_values(color=fixed(BAND), custom_lineWidth=0))
        .override_by_name(
            "greatest",
            property_values(color=fixed(BAND), custom_lineWidth=0, custom_fillBelowTo="least", custom_fillOpacity=35),
        )
        .with_target(
            InfinityQuery(
                source=REVIEW,
                url="/grafana/readings",
                params={"batch": "${batch}", "tags": "${tag:csv}", **IN_VIEW, "step": STEP_S},
                columns=(
                    time("time"),
                    number("value", "mean"),
                    number("minimum", "least"),
                    number("maximum", "greatest"),
                ),
            )
        )
        .with_target(unit_of_measure())
        .with_transformation(unit_from("U"))
    )


def results() -> Table:
    """QC results as they are known now."""
    return (
        plain_table(
            "QC results · $batch · $process",
            "Results with their original text, and when each became known. A corrected one replaces an earlier one.",
        )
        .id(5)
        .grid_pos(GridPos(x=0, y=23, w=12, h=10))
        .override_by_name("measured", property_values(unit="dateTimeAsIso"))
        .override_by_name("known since", property_values(unit="dateTimeAsIso"))
        .override_by_name("status", coloured_cell(RESULT_STATES))
        .with_target(
            InfinityQuery(
                source=REVIEW,
                url="/grafana/results",
                params={"batch": "${batch}"},
                columns=(
                    time("time", "measured"),
                    text("attribute"),
                    text("value_text", "value"),
                    text("unit_of_measure", "unit of measure"),
                    text("status"),
                    time("known_at", "known since"),
                ),
            )
        )
        .with_transformation(ordered("measured", "attribute", "value", "unit of measure", "status", "known since"))
    )


def alerts() -> Table:
    """The alerts of the batch in words."""
    return (
        plain_table(
            "Alerts · $batch · $process",
            "Every alert of the batch in the time range, with its life cycle. "
            "Acknowledge and assess on the alert's page.",
        )
        .id(6)
        .grid_pos(GridPos(x=12, y=23, w=12, h=10))
        .override_by_name("from", property_values(unit="dateTimeAsIso"))
        .override_by_name("until", property_values(unit="dateTimeAsIso"))
        .override_by_name("severity", coloured_cell(SEVERITIES))
        .override_by_name("state", coloured_cell(ALERT_STATES))
        .with_target(
            alerts_in_view(
                time("time", "from"),
                time("timeEnd", "until"),
                text("kind"),
                text("severity"),
                text("title"),
                text("text", "what happened"),
                text("state"),
                text("alert", "alert no."),
            )
        )
        .with_transformation(
            ordered("from", "until", "severity", "kind", "title", "what happened", "state", "alert no.")
        )
    )


def allbatches() -> Table:
    """The batches to choose from, old and new."""
    return (
        plain_table(
            "All batches",
            "Choose a batch to draw it over its own time range: a finished one to its end, a running one until now.",
        )
        .id(7)
        .grid_pos(GridPos(x=0, y=33, w=24, h=10))
        .override_by_name("started", property_values(unit="dateTimeAsIso"))
        .override_by_name("ended", property_values(unit="dateTimeAsIso"))
        .override_by_name("batch", property_values(links=[_open_until_its_end(), _open_until_now()]))
        .with_target(batches(*BATCH))
        .with_transformation(ordered(*BATCH_ORDER))
    )


def _open_until_its_end() -> dict[str, str]:
    return _open("Draw it from start to end", "${__data.fields.ended.numeric}")


def _open_until_now() -> dict[str, str]:
    return _open("Follow it until now", "now")


def _open(title: str, until: str) -> dict[str, str]:
    address = f"/d/{UID}?var-batch=${{__data.fields.batch}}&from=${{__data.fields.started.numeric}}&to={until}"
    return {"title": title, "url": address}
