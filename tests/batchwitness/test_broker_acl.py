"""The rules that `batchwitness broker-acl` prints, in a real broker."""

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from batchwitness.broker_acl import run
from batchwitness.embedded.mosquitto import _hashed
from ingest.settings import IngestSettings
from records.masterdata import load_masterdata
from tests.edge import NOT_AUTHORISED, Edge
from tests.fix_postgres import Database
from tests.mosquittos import mosquitto_with
from tests.plant import document
from tests.support import free_port

HALL = "batchwitness/v1/leiden/hall"
REGISTERED = (("edge 1", "BR-01", True), ("edge 1", "INC-1", True), ("edge-2", "BR-02", True), ("old", "BR-01", False))


@pytest.fixture
def printed(database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command prints of a record with registered publishers."""
    publishers = [
        {"name": name, "site": "leiden", "area": "hall", "unit": unit, "allowed": allowed}
        for name, unit, allowed in REGISTERED
    ]
    with psycopg.connect(database.dsn("api")) as connection:
        load_masterdata(
            connection,
            document() | {"publishers": publishers},
            by="mara",
            reason="gateways as installed",
            effective_from=datetime.now(UTC),
        )
    monkeypatch.setattr("batchwitness.broker_acl.dsn", lambda _var, role: database.dsn(role))
    assert run(Path("var"), reader="ingest") == 0
    return capsys.readouterr().out


def test_a_publisher_can_write_to_its_own_units_and_to_no_other(printed: str, tmp_path: Path) -> None:
    users = {"ingest", *(name for name, _, _ in REGISTERED)}
    (tmp_path / "acl").write_text(printed)
    (tmp_path / "users").write_text("".join(f"{user}:{_hashed('x')}\n" for user in users))
    (tmp_path / "password").write_text("x")
    port = free_port()
    settings = f"""\
listener {port} 127.0.0.1
allow_anonymous false
password_file {tmp_path / "users"}
acl_file {tmp_path / "acl"}
"""

    def edge(user: str) -> Edge:
        return Edge(
            IngestSettings(mqtt_port=port, mqtt_user=user, mqtt_password_file=tmp_path / "password"), f"as {user}"
        )

    with (
        mosquitto_with(settings, tmp_path, port),
        edge("ingest") as ingest,
        edge("edge 1") as first,
        edge("edge-2") as second,
        edge("old") as old,
    ):
        ingest.listen("batchwitness/v1/#")
        assert ingest.say(f"{HALL}/BR-01/readings") == NOT_AUTHORISED
        assert old.say(f"{HALL}/BR-01/readings") == NOT_AUTHORISED
        assert second.say(f"{HALL}/BR-01/readings") == NOT_AUTHORISED
        assert first.say(f"{HALL}/BR-02/readings") == NOT_AUTHORISED
        assert first.say(f"{HALL}/BR-01/readings") == first.say(f"{HALL}/INC-1/events") == 0
        assert second.say(f"{HALL}/BR-02/readings") == 0
        second.listen("batchwitness/v1/#")
        assert first.say(f"{HALL}/BR-01/results", b"last") == 0
        while not ingest.heard or ingest.heard[-1][1] != b"last":
            assert ingest.heard.count((f"{HALL}/BR-01/results", b"last")) <= 1
        assert [topic for topic, _ in ingest.heard] == [
            f"{HALL}/BR-01/readings",
            f"{HALL}/INC-1/events",
            f"{HALL}/BR-02/readings",
            f"{HALL}/BR-01/results",
        ]
        assert second.heard == []


def test_without_a_record_the_command_says_why_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("batchwitness.broker_acl.dsn", lambda _var, _role: f"host={tmp_path}")
    assert run(Path("var"), reader="ingest") == 1
    assert str(tmp_path) in capsys.readouterr().err
