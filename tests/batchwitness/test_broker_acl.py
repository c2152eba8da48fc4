"""The rules that `batchwitness broker-acl` prints, in a real broker."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from batchwitness.broker_acl import run
from batchwitness.embedded import ports
from batchwitness.embedded.mosquitto import _hashed
from ingest.settings import IngestSettings
from records.masterdata import load_masterdata
from tests.edge import NOT_AUTHORISED, Edge
from tests.fix_postgres import Database
from tests.mosquittos import mosquitto_with
from tests.plant import document
from tests.support import eventually

HALL = "batchwitness/v1/leiden/hall"
REGISTERED = (("edge 1", "BR-01", True), ("edge 1", "INC-1", True), ("edge-2", "BR-02", True), ("old", "BR-01", False))


@pytest.fixture
def printed(database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command prints of a record with registered publishers."""
    publishers = [
        {"name": name, "site": "leiden", "area": "hall", "unit": unit, "allowed": allowed}
        for name, unit, allowed in REGISTERED
    ]
    nodes = [
        {"group": group, "node": node, "metric": "*", "site": "leiden", "area": "hall", "unit": "BR-01"}
        for group, node in (("S3", "EN-07"), ("S3", "EN-08"), ("S3", "EN-*"))
    ]
    with psycopg.connect(database.dsn("api")) as connection:
        load_masterdata(
            connection,
            document() | {"publishers": publishers, "sparkplug": nodes},
            by="mara",
            reason="gateways as installed",
            effective_from=datetime.now(UTC),
        )
    monkeypatch.setattr("batchwitness.broker_acl.dsn", lambda _var, role: database.dsn(role))
    assert run(Path("var"), reader="ingest", host="sparkplug") == 0
    return capsys.readouterr().out


def printed_rules(
    printed: str, directory: Path, users: set[str]
) -> tuple[Callable[[str], Edge], AbstractContextManager[None]]:
    """What connects as a user, and a mosquitto with these rules and users."""
    (directory / "acl").write_text(printed)
    (directory / "users").write_text("".join(f"{user}:{_hashed('x')}\n" for user in users))
    (directory / "password").write_text("x")
    port = ports.free()
    settings = f"""\
listener {port} 127.0.0.1
allow_anonymous false
password_file {directory / "users"}
acl_file {directory / "acl"}
"""

    def edge(user: str) -> Edge:
        return Edge(
            IngestSettings(mqtt_port=port, mqtt_user=user, mqtt_password_file=directory / "password"), f"as {user}"
        )

    return edge, mosquitto_with(settings, directory, port)


def test_a_publisher_can_write_to_its_own_units_and_to_no_other(printed: str, tmp_path: Path) -> None:
    users = {"ingest", *(name for name, _, _ in REGISTERED)}
    edge, broker = printed_rules(printed, tmp_path, users)
    with (
        broker,
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


def test_an_edge_node_speaks_for_itself_alone_and_the_host_says_nothing_but_state_and_commands(
    printed: str, tmp_path: Path
) -> None:
    edge, broker = printed_rules(printed, tmp_path, {"sparkplug", "EN-07", "EN-08", "EN-09"})
    with broker, edge("sparkplug") as host, edge("EN-07") as node, edge("EN-08") as other, edge("EN-09") as unknown:
        host.listen("spBv1.0/#")
        node.listen("spBv1.0/S3/NCMD/EN-07")
        node.listen("spBv1.0/STATE/+")
        other.listen("spBv1.0/#")
        assert unknown.say("spBv1.0/S3/NBIRTH/EN-09") == NOT_AUTHORISED
        assert node.say("spBv1.0/S3/NDATA/EN-08") == NOT_AUTHORISED
        assert node.say("spBv1.0/S4/NDATA/EN-07") == NOT_AUTHORISED
        assert node.say("spBv1.0/STATE/batchwitness") == NOT_AUTHORISED
        assert host.say("spBv1.0/S3/NDATA/EN-07") == NOT_AUTHORISED
        assert host.say("spBv1.0/S3/DCMD/EN-07/PLC") == NOT_AUTHORISED
        assert host.say("batchwitness/v1/leiden/hall/BR-01/readings") == NOT_AUTHORISED
        said = ["spBv1.0/S3/NBIRTH/EN-07", "spBv1.0/S3/DBIRTH/EN-07/PLC", "spBv1.0/S3/NDEATH/EN-07"]
        assert [node.say(topic) for topic in said] == [0, 0, 0]
        asked = ["spBv1.0/STATE/batchwitness", "spBv1.0/S3/NCMD/EN-07"]
        assert [host.say(topic) for topic in asked] == [0, 0]
        eventually(lambda: [topic for topic, _ in node.heard] == asked, what="the edge node hears what is for it")
        eventually(lambda: [topic for topic, _ in host.heard] == said + asked, what="the host hears everything")
        eventually(lambda: [topic for topic, _ in other.heard] == asked[:1], what="another hears STATE alone")


def test_without_a_record_the_command_says_why_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("batchwitness.broker_acl.dsn", lambda _var, _role: f"host={tmp_path}")
    assert run(Path("var"), reader="ingest", host="sparkplug") == 1
    assert str(tmp_path) in capsys.readouterr().err
