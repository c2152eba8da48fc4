"""What a reviewer's board asks of the API: its variables, and the queries its panels share."""

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import VariableHide, VariableSort

from dashboards.common import REVIEW, api_variable
from dashboards.infinity import Column, Format, InfinityQuery, number, text, time

THIS_BATCH = "batch == '${batch}'"
# Seconds a point of the readings stands for, by the length of the time range, so that 21 tags stay under the row cap.
STEP_S = "$__customInterval(6h,60,2d,600,14d,1800,3600)"
IN_VIEW = {"from": "${__from}", "to": "${__to}"}
BATCH = (
    text("batch"),
    text("process", "process version"),
    text("role"),
    text("status"),
    text("unit"),
    time("started"),
    time("ended"),
    number("open_alerts", "open alerts"),
)
BATCH_ORDER = tuple(column.text or column.selector for column in BATCH)


def batch() -> QueryVariable:
    """Which batch."""
    return api_variable(
        "batch",
        label="Batch",
        description="The batch that is drawn.",
        query=batches(text("batch", "__text"), text("batch", "__value")),
    ).sort(VariableSort.ALPHABETICAL_DESC)


def process() -> QueryVariable:
    """The process version the batch was made with, for the titles of the panels."""
    return api_variable(
        "process",
        label="Process version",
        description="The process version of the batch.",
        query=batches(text("batch"), text("process", "__text"), text("process", "__value"), keep=THIS_BATCH),
    ).hide(VariableHide.HIDE_VARIABLE)


def tag() -> QueryVariable:
    """Which tags; each gets panels of its own."""
    return (
        api_variable(
            "tag",
            label="Tags",
            description="The tags that are drawn, each in panels of its own.",
            query=InfinityQuery(
                source=REVIEW,
                url="/grafana/tags",
                params={"batch": "${batch:csv}"},
                columns=(text("tag", "__text"), text("tag", "__value")),
            ),
        )
        .multi(True)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def batches(*columns: Column, keep: str = "") -> InfinityQuery:
    """Batches old and new; `keep` chooses among them."""
    return InfinityQuery(source=REVIEW, url="/grafana/batches", columns=columns, keep=keep)


def alerts_in_view(
    *columns: Column,
    ref_id: str = "A",
    format: Format = Format.TABLE,  # noqa: A002 -- Infinity's word
    keep: str = "",
) -> InfinityQuery:
    """The alerts of the chosen batch in the time range; `keep` chooses among them."""
    return InfinityQuery(
        source=REVIEW,
        ref_id=ref_id,
        url="/grafana/alerts",
        params={"batch": "${batch}", **IN_VIEW},
        columns=columns,
        format=format,
        keep=keep,
    )


def unit_of_measure() -> InfinityQuery:
    """The unit of the drawn tag, in the column `unit` as Grafana writes a unit it does not know; UCUM's 1 is none."""
    return InfinityQuery(
        source=REVIEW,
        ref_id="U",
        url="/grafana/tags",
        params={"batch": "${batch}"},
        columns=(text("tag"), text("unit_of_measure")),
        computed=(text("unit_of_measure == '1' ? 'none' : 'suffix:' + unit_of_measure", "unit"),),
        keep="tag == '${tag}'",
    )
