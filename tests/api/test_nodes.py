"""Silence rolled up to the edge node or publisher behind several units, over a real record and real analytics."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from store.commit import commit
from store.draft import Draft
from store.edge_nodes import EdgeSession
from store.model.edge import EdgeState
from store.model.times import to_us
from tests.fix_postgres import Database
from tests.plant import BIOREACTOR_TAGS
from tests.store.record import Record, opened
from tests.working import work_off

EVERY = timedelta(minutes=10)
NAMES = tuple(tag[0] for tag in BIOREACTOR_TAGS)
UNITS = ("BR-01", "BR-02")
SPOKE, SILENT = 12, 40  # intervals


@pytest.fixture
def record(database: Database) -> Iterator[Record]:
    with opened(database) as one:
        yield one


class Line:
    """Two running bioreactors, told about up to now."""

    def __init__(self, record: Record, database: Database) -> None:
        self.record, self.database = record, database
        self.start = datetime.now(UTC) - SILENT * EVERY

    def at(self, number: float) -> str:
        return (self.start + number * EVERY).isoformat()

    def begin(self, **more: object) -> None:
        for number, unit in enumerate(UNITS):
            event = {"event": "unit_procedure_started", "batch": f"CT-{number}", "process": "AUTO-2.0"}
            self.record.take((f"{unit}/events", event | {"time": self.at(0)} | more))

    def say(self, number: int, *units: str, **more: object) -> None:
        values = dict.fromkeys(NAMES, 7.0)
        for unit in units:
            self.record.take((f"{unit}/readings", {"time": self.at(number), "values": values} | more))

    def now(self) -> None:
        """Time has passed up to now, and everything is worked off."""
        self.record.tick(to_us(datetime.now(UTC)))
        work_off(self.database.dsn("analytics"))


@pytest.fixture
def line(record: Record, database: Database) -> Line:
    return Line(record, database)


def silences(line: Line) -> list[int]:
    return [alert for (alert,) in line.record.ask("SELECT alert_id FROM alert WHERE kind = 'silence' ORDER BY unit_id")]


def numbered(line: Line, until: int, *units: str, first: int = 0, publisher: str = "gateway-7") -> None:
    """One gateway speaks for units, each message numbered."""
    for number in range(until):
        for place, unit in enumerate(units):
            line.say(number, unit, publisher=publisher, boot=1, seq=first + len(units) * number + place)


def test_ingest_5_two_units_behind_one_publisher_that_falls_silent_are_one_row(line: Line, review: TestClient) -> None:
    line.begin()
    numbered(line, SPOKE, *UNITS)
    line.now()
    alerts = silences(line)
    assert len(alerts) == 2, "each batch keeps its own alert"
    found = review.get("/v1/units").json()
    (node,) = found["silent_nodes"]
    assert (node["node"], node["kind"]) == ("gateway-7", "publisher")
    assert (node["units"], node["batches"], node["alerts"]) == (["BR-01", "BR-02"], ["CT-0", "CT-1"], alerts)
    assert datetime.fromisoformat(node["since"]) == line.start + (SPOKE - 1) * EVERY
    tiles = {tile["unit"]: tile for tile in found["units"]}
    assert {tiles[unit]["state"] for unit in UNITS} == {"no_data"}
    assert {tiles[unit]["next_action"] for unit in UNITS} == {node["next_action"]}
    (row,) = review.get("/grafana/floor/alerts").json()
    assert (row["unit"], row["batch"], row["state"]) == ("BR-01, BR-02", "CT-0, CT-1", "raised")
    assert all(str(alert) in row["sentence"] for alert in alerts)
    for page in ("/", "/alerts"):
        text = review.get(page).text
        assert text.count('data-node="gateway-7"') == 1
        assert all(f'href="/alerts/{alert}"' in text for alert in alerts)
    for number in range(2):
        (own,) = review.get("/v1/alerts", params={"batch": f"CT-{number}"}).json()["items"]
        assert own["alert"] == alerts[number]


def test_ingest_5_two_units_on_one_edge_node_that_falls_silent_are_one_row(line: Line, review: TestClient) -> None:
    draft = Draft()
    node, started = ("leiden", "hall-1"), to_us(line.start)
    draft.edge.server = "broker:1883"
    draft.edge.sessions[node] = EdgeSession(
        state=EdgeState.ONLINE,
        cause="nbirth",
        since_us=started,
        bd_seq=0,
        last_seq=0,
        born_us=started,
        heard_us=started,
    )
    draft.edge.units |= {
        ((*node, unit), unit_id) for unit, unit_id in line.record.ask("SELECT name, unit_id FROM unit")
    }
    commit(line.record.connection, line.record.lease, draft)
    line.begin()
    for number in range(SPOKE):
        line.say(number, *UNITS)
    line.now()
    (found,) = review.get("/v1/units").json()["silent_nodes"]
    assert (found["node"], found["kind"], found["units"]) == ("leiden/hall-1", "edge_node", ["BR-01", "BR-02"])
    assert found["alerts"] == silences(line)


def test_units_that_fall_silent_at_different_times_or_while_another_speaks_stay_apart(
    line: Line, review: TestClient
) -> None:
    line.begin()
    numbered(line, SPOKE, *UNITS)
    late = SPOKE + 15
    for number in range(SPOKE, late):
        line.say(number, "BR-02", publisher="gateway-7", boot=1, seq=SPOKE + number)
    work_off(line.database.dsn("analytics"))
    assert review.get("/v1/units").json()["silent_nodes"] == []
    line.now()
    assert len(silences(line)) == 2
    assert review.get("/v1/units").json()["silent_nodes"] == [], "hours lie between them"
    assert len(review.get("/grafana/floor/alerts").json()) == 2


def test_a_publisher_that_goes_on_speaking_is_not_called_silent(line: Line, review: TestClient) -> None:
    line.begin()
    numbered(line, SPOKE, *UNITS)
    result: dict[str, Any] = {"event": "material_added", "time": line.at(SILENT - 1), "batch": "CT-0"}
    line.record.take(("BR-01/events", result | {"publisher": "gateway-7", "boot": 1, "seq": 2 * SPOKE}))
    line.now()
    assert len(silences(line)) == 2
    assert review.get("/v1/units").json()["silent_nodes"] == []
