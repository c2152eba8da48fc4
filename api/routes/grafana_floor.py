"""What wall boards read: flat arrays for Grafana's Infinity data source. Open to a token that opens nothing else."""

from fastapi import APIRouter, Response

from api.board import read_board
from api.clock import read_clock
from api.database import Reading, rows
from api.expected import OPEN, flat_lines, read_plan
from api.fields import to_ms
from api.flat import ROW_CAP, FlatRow, flat
from store.model.alert import AlertKind, AlertSeverity
from store.sql import queries

router = APIRouter(prefix="/grafana/floor", tags=["grafana floor"])


@router.get("/units", response_model=list[FlatRow])
def floor_units(connection: Reading) -> Response:
    """One row a unit, or one a position where several batches share a unit."""
    return flat(
        {
            "unit": tile.unit,
            "area": tile.area,
            "batch": tile.batch,
            "process": tile.process,
            "process_version": tile.process,
            "phase": tile.phase,
            "state": tile.state,
            "in_envelope": tile.in_envelope,
            "data_until": to_ms(tile.data_until),
            "age_s": tile.age_s,
            "open_alerts": tile.open_alerts,
            "process_hour": tile.process_hour,
            "worst_ratio": tile.worst_ratio,
            "worst_tag": tile.worst_tag,
            "reference": tile.reference,
            "next_action": tile.next_action,
        }
        for tile in read_board(connection).tiles
    )


@router.get("/alerts", response_model=list[FlatRow])
def floor_alerts(connection: Reading) -> Response:
    """Alerts of running batches and of units that nobody has closed, in order of time; of a silent node one row."""
    nodes = read_board(connection).silent_nodes
    gathered = {alert for node in nodes for alert in node.alerts}
    found = [row for row in rows(connection, queries("api_grafana")["floor_alerts"]) if row["alert"] not in gathered]
    found += [
        {
            "time": to_ms(node.raised),
            "alert": node.alerts[0],
            "unit": ", ".join(node.units),
            "batch": ", ".join(dict.fromkeys(node.batches)),
            "kind": AlertKind.SILENCE,
            "severity": AlertSeverity.HIGH,
            "sentence": f"{node.sentence} Alerts {', '.join(map(str, node.alerts))}.",
            "state": node.state,
            "next_action": node.next_action,
        }
        for node in nodes
    ]
    return flat(sorted(found, key=lambda row: (row["time"], row["alert"])))


@router.get("/samples", response_model=list[FlatRow])
def floor_samples(connection: Reading) -> Response:
    """What is to be drawn, awaited or overdue of all batches, by due time; ended batches owe what they owe."""
    now = read_clock(connection).now
    lines = read_plan(connection, batches=None, now=now, open_only=True, limit=ROW_CAP + 1)
    return flat(flat_lines([line for line in lines if line.state in OPEN], now))
