"""The wall board of the plant floor: a tile for each unit, what to do about each alert, and how old the data are.

It is read from across a hall and without a mouse, so nothing here has to be opened. A tile whose data stop turns
grey and says so; it never keeps its last colour.
"""

from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.models.common import VizOrientation
from grafana_foundation_sdk.models.dashboard import GridPos, VariableOption

from dashboards.common import FLOOR, api_variable, board, coloured_cell, every_row, ordered, property_values, stat
from dashboards.common import table as plain_table
from dashboards.infinity import Column, InfinityQuery, number, text, time
from dashboards.states import ALERT_STATES, ENVELOPE, SAMPLE_STATES, SEVERITIES, UNIT_STATES

UID = "batchwitness-wall-board"
POSITIONS_IN_A_UNIT = 8  # rows a tile shows at most


def wall_board() -> Dashboard:
    """The dashboard of the floor."""
    return (
        board(
            "Wall board",
            uid=UID,
            description="Every unit now: running, in alert, idle, or NO DATA. Open with ?kiosk on a wall.",
            tags=["floor"],
        )
        .timezone("browser")
        .time("now-24h", "now")
        .refresh("5s")
        .with_variable(unit())
        .with_panel(unit_tile())
        .with_panel(what_to_do())
        .with_panel(oldest_data())
        .with_panel(units_in_detail())
        .with_panel(samples())
    )


def unit() -> QueryVariable:
    """The units of this board: all, until a hall picks its own."""
    return (
        api_variable(
            "unit",
            label="Units",
            description="The units this board shows.",
            query=_units(text("unit", "__text"), text("unit", "__value")),
        )
        .multi(True)
        .include_all(True)
        .current(VariableOption(text="All", value="$__all"))
    )


def unit_tile() -> Stat:
    """One tile for each unit: its state above, the age of its data below."""
    return (
        stat(
            "$unit",
            "State of the unit, with batch, phase and process version; below it the time until which every tag that "
            "owes readings has spoken. Grey NO DATA means that nothing arrives, or nothing is analysed: look at the "
            "unit itself.",
        )
        .id(1)
        .grid_pos(GridPos(x=0, y=0, w=24, h=7))
        .repeat("unit")
        .repeat_direction("h")
        .max_per_row(6)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(every_row("/^(state|data until)$/", at_most=2 * POSITIONS_IN_A_UNIT))
        .override_by_name("state", coloured_cell(UNIT_STATES)[:1])
        .override_by_name(
            "data until",
            property_values(unit="dateTimeFromNow", color={"mode": "fixed", "fixedColor": "#303030"}),
        )
        .with_target(
            _units(
                text("unit"),
                text("batch"),
                text("phase"),
                text("process_version"),
                text("state"),
                time("data_until", "data until"),
                keep="unit == '${unit}'",
            )
        )
    )


def what_to_do() -> Table:
    """Open alerts, each with the one thing to do about it."""
    return (
        plain_table(
            "What to do now",
            "Open alerts, newest last, each with one action. Acknowledge on the batch pages, not here. "
            "The data-until time of each unit stands in its tile.",
        )
        .id(2)
        .grid_pos(GridPos(x=0, y=7, w=19, h=8))
        .override_by_name("since", property_values(unit="dateTimeAsSystem", custom_width=190))
        .override_by_name("state", [*coloured_cell(ALERT_STATES), *property_values(custom_width=140)])
        .override_by_name("severity", [*coloured_cell(SEVERITIES), *property_values(custom_width=100)])
        .override_by_name("do this", property_values(custom_width=420))
        .with_target(
            InfinityQuery(
                source=FLOOR,
                url="/grafana/floor/alerts",
                columns=(
                    time("time", "since"),
                    text("unit"),
                    text("batch"),
                    text("next_action", "do this"),
                    text("sentence", "what happened"),
                    text("kind"),
                    text("severity"),
                    text("state"),
                    text("alert", "alert no."),
                ),
            )
        )
        .with_transformation(
            ordered("since", "severity", "unit", "batch", "do this", "what happened", "kind", "state", "alert no.")
        )
    )


def oldest_data() -> Stat:
    """Until when even the slowest unit has spoken."""
    return (
        stat(
            "Everything shown is complete until",
            "The data-until time of the oldest tag that owes readings, of all units with a batch; idle units do not "
            "count. Compare it with the clock on the wall.",
        )
        .id(3)
        .grid_pos(GridPos(x=19, y=7, w=5, h=8))
        .unit("dateTimeAsSystem")
        .reduce_options(every_row("/^data_until_ms$/", at_most=1).values(False).calcs(["min"]))
        .with_target(_units(text("state"), number("data_until", "data_until_ms"), keep="state != 'idle'"))
    )


def units_in_detail() -> Table:
    """The rest of what is known of each unit."""
    return (
        plain_table(
            "Units in detail",
            "Batch, process version, reference, process hour and data-until of each unit. "
            "The ratio is the worst score over its limit: 1 and above is outside.",
        )
        .id(4)
        .grid_pos(GridPos(x=0, y=15, w=24, h=9))
        .override_by_name("state", [*coloured_cell(UNIT_STATES), *property_values(custom_width=120)])
        .override_by_name("in envelope", [*coloured_cell(ENVELOPE), *property_values(custom_width=120)])
        .override_by_name("data until", property_values(unit="dateTimeAsSystem", custom_width=190))
        .override_by_name("age", property_values(unit="s", decimals=0))
        .override_by_name("process hour", property_values(unit="h", decimals=1))
        .override_by_name("score / limit", property_values(decimals=2))
        .with_target(_units(*DETAIL))
        .with_transformation(ordered(*(column.text or column.selector for column in DETAIL)))
    )


def samples() -> Table:
    """What the sampling plan asks for and nobody has answered."""
    return (
        plain_table(
            "Samples to draw and results to come",
            "Lines of the sampling plan without a final result, by the time the result is due: to be drawn, awaited "
            "or OVERDUE. Batches that have ended still owe what they owe.",
        )
        .id(5)
        .grid_pos(GridPos(x=0, y=24, w=24, h=9))
        .override_by_name("state", [*coloured_cell(SAMPLE_STATES), *property_values(custom_width=140)])
        .override_by_name("due", property_values(unit="dateTimeAsSystem", custom_width=190))
        .override_by_name("draw at", property_values(unit="dateTimeAsSystem", custom_width=190))
        .override_by_name("overdue", property_values(unit="h", decimals=1))
        .with_target(InfinityQuery(source=FLOOR, url="/grafana/floor/samples", columns=SAMPLE))
        .with_transformation(ordered(*(column.text or column.selector for column in SAMPLE)))
    )


SAMPLE = (
    time("time", "due"),
    text("state"),
    text("batch"),
    text("unit"),
    text("attribute"),
    text("specimen"),
    time("sample_at", "draw at"),
    number("overdue_h", "overdue"),
)

DETAIL = (
    text("area"),
    text("unit"),
    text("state"),
    text("batch"),
    text("process"),
    text("process_version", "version"),
    text("phase"),
    number("process_hour", "process hour"),
    text("in_envelope", "in envelope"),
    number("worst_ratio", "score / limit"),
    text("worst_tag", "worst tag"),
    number("open_alerts", "open alerts"),
    time("data_until", "data until"),
    number("age_s", "age"),
    text("reference"),
    text("next_action", "next action"),
)


def _units(*columns: Column, keep: str = "") -> InfinityQuery:
    return InfinityQuery(source=FLOOR, url="/grafana/floor/units", columns=columns, keep=keep)
