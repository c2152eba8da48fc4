"""Results from files: the same statement by broker, API and file is one."""

import csv
import json
from datetime import UTC, datetime, timedelta

from fastapi.testclient import TestClient

from api.app import create_app
from api.database import make_pool
from api.settings import ApiSettings
from records.actors import add_machine, issue_token
from tests.batchwitness.importing.conftest import Desk
from tests.store.record import opened
from tests.store.test_results import result

MAPPING = '[[file]]\npath = "*.csv"\nkind = "results"\ntime_zone = "Europe/Berlin"\n'


def write(desk: Desk, *statements: dict[str, object]) -> None:
    """The statements as a file whose times are those of a wall clock in Berlin, and replicates JSON in a cell."""
    desk.mapping(MAPPING)
    fields = list(dict.fromkeys(field for statement in statements for field in statement))
    with (desk.directory / "lims.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, fields)
        rows.writeheader()
        for statement in statements:
            row = {field: json.dumps(value) if isinstance(value, list) else value for field, value in statement.items()}
            rows.writerow(row)


def stated_by_api(desk: Desk, statement: dict[str, object]) -> dict[str, int]:
    """What the API answers to the laboratory's machine."""
    with desk.database.connect("api", autocommit=False) as connection:
        add_machine(connection, name="lims", printed_name="LIMS", roles=["operator"], by="test", reason="test")
        later = datetime.now(UTC) + timedelta(days=1)
        token = issue_token(connection, actor_name="lims", scope="results", expires=later, by="test", reason="test")
    with TestClient(create_app(make_pool(desk.database.dsn("api")), ApiSettings())) as client:
        answer = client.post("/v1/results", json=statement, headers={"Authorization": f"Bearer {token}"})
    counts: dict[str, int] = answer.json()
    return counts


def test_ingest_2_the_same_statement_by_broker_api_and_file_is_one_row(desk: Desk) -> None:
    statement = result(
        "LIMS-3",
        retest_of="LIMS-1",
        reason="OOS-17",
        reportable="mean",
        replicates=[{"value": "92.0"}, {"value": "92.2"}, {"value": "3", "valid": False, "reason": "clumped"}],
        stated_at="2026-01-05T10:00:00+01:00",
    )
    write(desk, statement | {"stated_at": "2026-01-05 10:00:00"})
    assert desk.run().counts.results == 1
    assert stated_by_api(desk, statement) == {"stated": 0, "known": 1}
    with opened(desk.database, chain="broker") as record:
        assert record.take(("BR-01/results", statement)).results == 0
    assert desk.ask("SELECT count(*) FROM qc_result") == [(1,)]
    assert desk.ask("SELECT value_text, valid, reason FROM qc_replicate ORDER BY position") == [
        ("92.0", True, None),
        ("92.2", True, None),
        ("3", False, "clumped"),
    ]
    ways = "SELECT DISTINCT name FROM block JOIN chain USING (chain_id) WHERE entries > 0 ORDER BY name"
    assert desk.ask(ways) == [("api",), ("broker",), ("import",)], "each way has its entry in the journal"
    assert desk.ask("SELECT action, actor FROM audit_event WHERE action = 'result stated'") == [
        ("result stated", "import:mara")
    ]


def test_a_row_that_contradicts_the_record_or_itself_is_put_aside_with_its_line(desk: Desk) -> None:
    good = result("L-1", specimen="X-1")
    write(
        desk,
        good | {"replicates": None},
        result("L-2", specimen="X-1", sampled_at="2026-01-05 11:11:00", attribute="fold"),
        good | {"result": "L-3", "replicates": "not json"},
        good | {"result": "L-4"},
    )
    counts = desk.run().counts
    assert (counts.results, counts.put_aside, counts.duplicates) == (2, 2, 0)
    assert desk.ask("SELECT item, code FROM quarantine ORDER BY item") == [
        ("line 3", "specimen_contradicts"),
        ("line 4", "not_json"),
    ]
