"""The demo's charts over batches: limits from its history, in use when the live batches begin."""

import psycopg

from api.charts import read_charts
from api.control_limits import Order, order_limits
from batchwitness.plant.masterdata import ATTRIBUTES
from records.control_limits import put_limits_to_use
from store.model.chart import Summary

OLD_PROCESS, NEW_PROCESS = "MAN-1.0", "AUTO-2.0"
# Censored endotoxin is all bounds; limits of it would be refused.
CHARTED = tuple(name for name, _, _, scale, _ in ATTRIBUTES if scale != "censored")
SUMMARIES = ((Summary.MEAN, "temperature"), (Summary.MEAN, "heater_duty"), (Summary.MAXIMUM, "lactate"))
PHASE = "expansion"


def put_charts_to_use(connection: psycopg.Connection, *, by: str) -> int:
    """Draft limits of what has none yet and put them to use, each chart in a transaction of its own; how many."""
    known = {
        (chart.process, chart.attribute, chart.tag, chart.summary)
        for chart in read_charts(connection)
        if chart.limits_version is not None
    }
    orders = [Order(process=process, attribute=name) for process in (OLD_PROCESS, NEW_PROCESS) for name in CHARTED]
    orders += [Order(process=NEW_PROCESS, summary=summary, tag=tag, phase=PHASE) for summary, tag in SUMMARIES]
    begun = 0
    for order in orders:
        if (order.process, order.attribute, order.tag, order.summary) in known:
            continue
        with connection.transaction():
            drafted = order_limits(connection, order, by=by, reason="the batches of the demo's history")
            put_limits_to_use(connection, drafted.control_limit, by=by, reason="the demo begins")
        begun += 1
    return begun
