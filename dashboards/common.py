"""What the dashboards share: the data sources and the defaults of panels, tables and variables."""

from typing import Final

from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    VizLegendOptions,
    VizTextDisplayOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    FieldColor,
    QueryVariable,
    TimePicker,
)
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueJustifyMode,
    BigValueTextMode,
    DataSourceRef,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    TableCellBackgroundDisplayMode,
    TableCellHeight,
    TableColoredBackgroundCellOptions,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    VariableRefresh,
)

from dashboards.infinity import PLUGIN, InfinityQuery
from dashboards.states import Shown, grey, words

# Each Grafana has one data source with a token of its own: the floor's may not ask for what reviewers see.
FLOOR: Final = DataSourceRef(type_val=PLUGIN, uid="batchwitness-floor")
REVIEW: Final = DataSourceRef(type_val=PLUGIN, uid="batchwitness-review")


def board(title: str, *, uid: str, description: str, tags: list[str]) -> Dashboard:
    """A dashboard nobody edits in the browser: its source is here."""
    return (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["batchwitness", *tags])
        .readonly()
        .timepicker(TimePicker().refresh_intervals(["5s", "10s", "30s", "1m", "5m"]))
    )


def api_variable(name: str, *, label: str, description: str, query: InfinityQuery) -> QueryVariable:
    """A variable whose values the API gives; read again whenever the time range changes."""
    return (
        QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(query.source)
        .query({"queryType": "infinity", "infinityQuery": query})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .allow_custom_value(False)
    )


def stat(title: str, description: str) -> Stat:
    """Big values on a solid ground. What nobody gave a colour is grey: silence must never look well."""
    return (
        Stat()
        .title(title)
        .description(description)
        .unit("none")
        .no_value("NO DATA")
        .color_mode(BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(BigValueGraphMode.NONE)
        .justify_mode(BigValueJustifyMode.CENTER)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .text(VizTextDisplayOptions())
        .thresholds(grey())
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    )


def every_row(fields: str, *, at_most: int) -> ReduceDataOptions:
    """Show each row's value of the fields whose names match the pattern, instead of one figure for all rows."""
    return ReduceDataOptions().values(True).calcs([]).fields(fields).limit(at_most)


def table(title: str, description: str) -> Table:
    """A table with room for gloved fingers and old eyes."""
    return (
        Table()
        .title(title)
        .description(description)
        .unit("none")
        .no_value("–")
        .cell_height(TableCellHeight.MD)
        .thresholds(grey())
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    )


def timeseries(title: str, description: str) -> Timeseries:
    """Lines that break where readings are missing: a gap is drawn as a gap."""
    return (
        Timeseries()
        .title(title)
        .description(description)
        .unit("none")
        .no_value("NO DATA")
        .draw_style(GraphDrawStyle.LINE)
        .line_width(1)
        .span_nulls(False)
        .show_points(VisibilityMode.NEVER)
        .legend(
            VizLegendOptions()
            .show_legend(True)
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .calcs([])
        )
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .thresholds(grey())
    )


def coloured_cell(shown: dict[str, Shown]) -> list[DynamicConfigValue]:
    """Properties of a table column whose cells take the colour of their value."""
    return [
        DynamicConfigValue("mappings", words(shown)),
        DynamicConfigValue(
            "custom.cellOptions",
            TableColoredBackgroundCellOptions(mode=TableCellBackgroundDisplayMode.BASIC),
        ),
    ]


def property_values(**values: object) -> list[DynamicConfigValue]:
    """Properties of one field by id; `custom_` in a keyword stands for the panel's own `custom.` properties."""
    return [DynamicConfigValue(key.replace("custom_", "custom.", 1), value) for key, value in values.items()]


def fixed(color: str) -> dict[str, str]:
    """The colour of a field whatever its value."""
    return {"mode": FieldColorModeId.FIXED.value, "fixedColor": color}


def points(color: str, size: int) -> list[DynamicConfigValue]:
    """Properties of a field that is drawn as points without a line between them."""
    return property_values(
        color=fixed(color),
        custom_drawStyle=GraphDrawStyle.POINTS,
        custom_showPoints=VisibilityMode.ALWAYS,
        custom_pointSize=size,
    )


def ordered(*names: str) -> DataTransformerConfig:
    """Put columns in reading order: Infinity hands them over sorted by name."""
    return DataTransformerConfig(
        id_val="organize",
        options={"indexByName": {name: place for place, name in enumerate(names)}},
    )


def unit_from(ref_id: str) -> DataTransformerConfig:
    """Take the unit of all numbers from the column `unit` of the query `ref_id`, which then vanishes."""
    return DataTransformerConfig(
        id_val="configFromData",
        options={
            "configRefId": ref_id,
            "applyTo": {"id": "byType", "options": "number"},
            "mappings": [{"fieldName": "unit", "handlerKey": "unit", "reducerId": "lastNotNull"}],
        },
    )
