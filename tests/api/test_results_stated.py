"""Results stated over HTTP: who may, what becomes of them, and what of them is put aside."""

import threading
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from records.actors import add_machine, issue_token
from records.audit import verify
from store.journal import verify_chain
from tests.api.conftest import PEOPLE, Tokens, sign_in
from tests.api.seed import Plant, add_batch
from tests.fix_postgres import Database
from tests.store.test_results import result

MAY_STATE = {"otto", "mia", "quinn"}
ORIGIN = {"Origin": "http://plant.example"}


@pytest.fixture
def laboratory(anonymous: TestClient, plant: Plant, database: Database) -> TestClient:
    """The laboratory's machine."""
    with database.connect("api", autocommit=False) as connection:
        add_machine(connection, name="lims", printed_name="LIMS", roles=["operator"], by="test", reason="test")
        later = datetime.now(UTC) + timedelta(days=1)
        token = issue_token(connection, actor_name="lims", scope="results", expires=later, by="test", reason="test")
    anonymous.headers["Authorization"] = f"Bearer {token}"
    return anonymous


def test_a_result_is_stated_once_however_often_it_is_sent(laboratory: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=30))
    first = laboratory.post("/v1/results", json=result())
    again = laboratory.post("/v1/results", json=[result(), result()])
    assert (first.status_code, first.json()) == (201, {"stated": 1, "known": 0})
    assert (again.status_code, again.json()) == (200, {"stated": 0, "known": 2})
    assert plant.connection.execute("SELECT batch_id IS NOT NULL, value_number FROM qc_result").fetchall() == [
        (True, 92.1)
    ]
    (audited,) = plant.connection.execute("SELECT actor, reason FROM audit_event WHERE action = 'result stated'")
    assert audited == ("lims", "reported by analyst-4")
    ((chain,),) = plant.connection.execute("SELECT chain_id FROM chain WHERE name = 'api'").fetchall()
    assert verify_chain(plant.connection, chain) == []
    with plant.connection.transaction():
        assert verify(plant.connection) == []


@pytest.mark.parametrize(
    ("body", "field", "value", "said"),
    [
        (result(value=None), "value", "null", "value must be text or a number"),
        (result(status="guessed"), "status", "'guessed'", "status must be one of"),
        (result(measured_at="2026-01-05T08:00:00"), "measured_at", "'2026-01-05T08:00:00'", "no offset"),
        (result(reportable="mean", replicates=[{"value": "9"}]), "value", "'92.1'", "which is 9"),
        (result(replicates=[{}]), "replicates[0].value", "[{}]", "replicates[0].value"),
        ([result("LIMS-2"), result(method=5)], "[1].method", "5", "method must be text, not 5"),
        ([result("LIMS-2"), 7], "[1]", "7", "a result must be an object, not 7"),
        (result(status=["final"]), "status", "['final']", "status must be text"),
        ("text", "", "'text'", "a result must be an object"),
    ],
)
def test_ingest_3_a_refused_body_is_told_field_and_value_and_is_kept(
    laboratory: TestClient, plant: Plant, body: object, field: str, value: str, said: str
) -> None:
    answer = laboratory.post("/v1/results", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert (error["field"], error["value"]) == (field, value)
    assert said in error["message"]
    assert laboratory.post("/v1/results", json=body).status_code == 422, "the same again is refused again"
    assert plant.connection.execute("SELECT topic, count(*) FROM quarantine GROUP BY topic").fetchall() == [
        ("api/results", 1)
    ]
    stored = plant.connection.execute("SELECT result FROM qc_result").fetchall()
    assert stored == ([("LIMS-2",)] if isinstance(body, list) else []), "what is right beside it is stored"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\x00", "not_json"),
        (b"[" * 500 + b"]" * 500, "too_deep"),
        (b'{"result": "\\ud800"}', "bad_text"),
        (b"[" + b"7," * 10_000 + b"7]", "too_large"),
        (orjson.dumps(result("x" * 201)), "bad_text"),
        (orjson.dumps(result(batch="CT-1/2")), "bad_text"),
        (orjson.dumps(result(measured_at="0001-01-01T00:00:00+14:00")), "bad_time"),
    ],
)
def test_ingest_3_hostile_bodies_end_in_quarantine(
    laboratory: TestClient, plant: Plant, body: bytes, code: str
) -> None:
    answer = laboratory.post("/v1/results", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert plant.connection.execute("SELECT code FROM quarantine").fetchall() == [(code,)]


def test_what_the_database_refuses_is_put_aside_with_its_body(
    laboratory: TestClient, plant: Plant, database: Database
) -> None:
    plant.do("ALTER TABLE qc_result ADD CHECK (value_text <> '13')")
    answer = laboratory.post("/v1/results", json=[result("LIMS-2"), result(value="13")])
    assert answer.status_code == 422
    assert plant.connection.execute("SELECT code FROM quarantine").fetchall() == [("store_rejected",)]
    assert plant.connection.execute("SELECT count(*) FROM qc_result").fetchone() == (0,)


def test_people_state_results_only_by_their_role_and_from_our_own_page(
    anonymous: TestClient, people: None, plant: Plant
) -> None:
    for name in sorted(PEOPLE):
        sign_in(anonymous, name)
        body = result(f"LIMS-{name}")
        assert anonymous.post("/v1/results", json=body).status_code == 403, "no page of ours sent it"
        sent = anonymous.post("/v1/results", json=body, headers=ORIGIN)
        assert sent.status_code == (201 if name in MAY_STATE else 403), name
    stated = plant.connection.execute("SELECT result FROM qc_result ORDER BY result").fetchall()
    assert [name for (name,) in stated] == [f"LIMS-{name}" for name in sorted(MAY_STATE)]
    sign_in(anonymous, "quinn")
    for status in ("corrected", "invalidated"):
        body = result(status=status)
        refused = anonymous.post("/v1/results", json=body, headers=ORIGIN)
        assert refused.json()["errors"][0]["field"] == "reason", "people say why"
        assert anonymous.post("/v1/results", json=body | {"reason": "label"}, headers=ORIGIN).status_code == 201


@pytest.mark.parametrize("which", ["floor", "review", "roleless"])
def test_no_token_of_another_scope_states_results(
    anonymous: TestClient, plant: Plant, tokens: Tokens, which: str
) -> None:
    anonymous.headers["Authorization"] = f"Bearer {getattr(tokens, which)}"
    assert anonymous.post("/v1/results", json=result()).status_code == 403
    assert plant.connection.execute("SELECT count(*) FROM block_body").fetchone() == (0,)


def test_a_laboratorys_token_opens_nothing_else(laboratory: TestClient, plant: Plant) -> None:
    for path in ("/v1/batches", "/v1/units", "/", "/grafana/floor/units", "/metrics", "/ready"):
        assert laboratory.get(path).status_code == 403, path


def test_many_who_state_at_the_same_time_lose_nothing_and_double_nothing(
    app: FastAPI, laboratory: TestClient, plant: Plant
) -> None:
    answers: list[int] = []

    def send(sender: int) -> None:
        for number in range(5):
            answers.append(laboratory.post("/v1/results", json=result(f"LIMS-{number}")).status_code)
            answers.append(laboratory.post("/v1/results", json=result(f"LIMS-{sender}-{number}")).status_code)

    senders = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sorted(set(answers)) == [200, 201]
    assert answers.count(201) == 25
    assert plant.connection.execute("SELECT count(*), count(DISTINCT known_at) FROM qc_result").fetchone() == (25, 25)
    ((chain,),) = plant.connection.execute("SELECT chain_id FROM chain WHERE name = 'api'").fetchall()
    assert verify_chain(plant.connection, chain) == []
