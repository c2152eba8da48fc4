"""Corrections through the API: what is shown, what held before, and who may."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import PEOPLE, sign_in
from tests.api.seed import Plant, add_alert, add_batch, add_readings

ORIGIN = {"Origin": "http://plant.example"}
MAY_CORRECT = {"mia", "quinn"}


@pytest.fixture
def batch(plant: Plant) -> Plant:
    """CT-1, forty hours old, with a reading of every tag each quarter of an hour and one contradicted."""
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=40))
    add_readings(plant, "CT-1", until_h=40)
    plant.insert(
        "reading_conflict",
        tag_id=plant.tags["BR-01", "pH"],
        source_time=plant.started["CT-1"] + timedelta(hours=5),
        value=6.5,
        quality=192,
        received_time=plant.now,
        chain_id=plant.chain,
        block_seq=1,
        entry=0,
    )
    return plant


def hour(plant: Plant, hours: float) -> str:
    return (plant.started["CT-1"] + timedelta(hours=hours)).isoformat()


def see(client: TestClient, plant: Plant, first: float, last: float, tag: str = "pH") -> dict[str, Any]:
    asked = {"tag": tag, "since": hour(plant, first), "until": hour(plant, last)}
    answer = client.get("/v1/batches/CT-1/selection", params=asked)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert isinstance(found, dict)
    return found


def correct(client: TestClient, seen: dict[str, Any], **change: Any) -> Any:
    body = {name: seen[name] for name in ("tag", "since", "until", "readings", "version")} | change
    body.setdefault("reason", "the probe was out")
    return client.post("/v1/batches/CT-1/corrections/readings", json=body, headers=ORIGIN)


def readings(client: TestClient, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/batches/CT-1/readings", params={"tags": "pH", "step_s": 0} | asked)
    assert answer.status_code == 200, answer.text
    found = answer.json()["readings"]
    assert isinstance(found, list)
    return found


def test_a_corrected_reading_is_shown_marked_and_as_it_arrived_on_demand(
    anonymous: TestClient, people: None, batch: Plant
) -> None:
    sign_in(anonymous, "mia")
    before = readings(anonymous)
    assert {row["corrected"] for row in before} == {0}
    made = correct(anonymous, see(anonymous, batch, 10, 10.1), kind="corrected", value=6.9)
    assert made.status_code == 200, made.text
    assert correct(anonymous, see(anonymous, batch, 12, 13), kind="invalidated").status_code == 200
    after = readings(anonymous)
    assert len(after) == len(before) - 4
    assert [(row["value"], row["corrected"]) for row in after if row["corrected"]] == [(6.9, 1)]
    assert [row["value"] for row in readings(anonymous, original=True)] == [row["value"] for row in before]
    stepped = readings(anonymous, step_s=3600)
    assert sum(row["corrected"] for row in stepped) == 5, "the overview is not derived anew here"
    selection = see(anonymous, batch, 10, 10.1)
    assert (selection["version"], selection["rows"][0]["revised"]) == (made.json()["correction"], "corrected")
    assert selection["rows"][0]["original_value"] != 6.9
    overlay = anonymous.get("/v1/batches/CT-1/overlay", params={"tag": "pH"}).json()
    assert sum(overlay["series"]["corrected"]) == 1
    assert [(one["kind"], one["readings"], one["actor"], one["reason"]) for one in overlay["revised"]] == [
        ("corrected", 1, "mia", "the probe was out"),
        ("invalidated", 4, "mia", "the probe was out"),
    ]
    acts = anonymous.get("/v1/batches/CT-1/corrections").json()["items"]
    assert [(act["actor"], act["printed_name"], act["readings"]) for act in acts] == [
        ("mia", "Mia Engineer", 4),
        ("mia", "Mia Engineer", 1),
    ]


def test_the_page_lists_what_was_put_right_newest_first_and_leads_to_what_is_older(
    anonymous: TestClient, people: None, batch: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.correction_pages.ACTS_ON_A_PAGE", 2)
    sign_in(anonymous, "mia")
    for number in range(5):
        seen = see(anonymous, batch, number, number + 1)
        assert correct(anonymous, seen, kind="invalidated", reason=f"reason {number}").status_code == 200
    shown, link = [], "/batches/CT-1/corrections"
    while link:
        page = anonymous.get(link).text
        shown.append([int(number) for number in re.findall(r">reason (\d)<", page)])
        (link,) = re.findall(r'href="(/batches/CT-1/corrections\?cursor=\d+)#acts"', page) or [""]
    assert shown == [[4, 3], [2, 1], [0]]


def test_record_3_readings_are_told_as_they_were_known_at_any_instant(
    anonymous: TestClient, people: None, batch: Plant
) -> None:
    sign_in(anonymous, "quinn")
    made = [
        correct(anonymous, see(anonymous, batch, 10, 10.1), kind="corrected", value=value).json()
        for value in (6.9, 6.8)
    ]
    told = {row["time"]: row["value"] for row in readings(anonymous, original=True)}
    (time,) = [row["time"] for row in readings(anonymous) if row["value"] == 6.8]
    first, second = (datetime.fromisoformat(one["known_at"]) for one in made)

    def known(at: datetime) -> Any:
        found = {row["time"]: row["value"] for row in readings(anonymous, as_known_at=at.isoformat())}
        return found.get(time)

    assert known(first - timedelta(microseconds=1)) == told[time]
    assert known(first) == 6.9
    assert known(second - timedelta(microseconds=1)) == 6.9
    assert known(datetime.now(UTC)) == 6.8
    assert readings(anonymous, as_known_at=(batch.now - timedelta(days=1)).isoformat()) == []


def test_record_3_intervals_are_told_as_they_were_known_and_readings_follow_them(
    anonymous: TestClient, people: None, batch: Plant
) -> None:
    sign_in(anonymous, "mia")
    (interval,) = anonymous.get("/v1/batches/CT-1/intervals").json()
    phase = interval["phases"][0]
    moved = {"unit_procedure": interval["unit_procedure"], "started": hour(batch, 2), "ended": None}
    change = {"changes": [moved | {"version": interval["version"]}], "reason": "the log book"}
    made = anonymous.post("/v1/corrections/intervals", json=change, headers=ORIGIN)
    assert made.status_code == 200, made.text
    (after,) = anonymous.get("/v1/batches/CT-1/intervals").json()
    assert datetime.fromisoformat(after["started"]) == datetime.fromisoformat(hour(batch, 2))
    assert [(one["actor"], one["reason"]) for one in after["revisions"]] == [
        ("ingest", "event"),
        ("mia", "the log book"),
    ]
    assert after["phases"][0]["started"] == after["started"] != phase["started"], "it began with its unit procedure"
    now = readings(anonymous)
    before = (datetime.fromisoformat(made.json()["known_at"]) - timedelta(microseconds=1)).isoformat()
    then = readings(anonymous, as_known_at=before)
    assert len(then) == len(now) + 8
    (known,) = anonymous.get("/v1/batches/CT-1/intervals", params={"as_known_at": before}).json()
    assert (known["started"], known["version"]) == (interval["started"], 1)
    assert anonymous.post("/v1/corrections/intervals", json=change, headers=ORIGIN).status_code == 409


def test_of_two_people_at_once_the_second_gets_a_conflict(anonymous: TestClient, people: None, batch: Plant) -> None:
    sign_in(anonymous, "mia")
    seen = see(anonymous, batch, 10, 12)
    assert correct(anonymous, seen, kind="invalidated").status_code == 200
    sign_in(anonymous, "quinn")
    answer = correct(anonymous, seen, kind="corrected", add=0.1)
    assert answer.status_code == 409
    assert "look again" in answer.json()["detail"]


def test_a_conflict_is_listed_and_settled(anonymous: TestClient, people: None, batch: Plant) -> None:
    sign_in(anonymous, "quinn")
    (conflict,) = anonymous.get("/v1/batches/CT-1/conflicts").json()
    assert (conflict["other_value"], conflict["settled"], conflict["tag"]) == (6.5, False, "pH")
    body = {"keep": "other", "version": conflict["version"], "reason": "the second probe was calibrated"}
    address = f"/v1/conflicts/{conflict['conflict']}/settle"
    assert anonymous.post(address, json=body, headers=ORIGIN).status_code == 200
    (settled,) = anonymous.get("/v1/batches/CT-1/conflicts").json()
    assert (settled["settled"], settled["value_now"]) == (True, 6.5)
    assert anonymous.post(address, json=body, headers=ORIGIN).status_code == 409


@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_each_person_may_correct_exactly_what_their_roles_say(
    anonymous: TestClient, people: None, batch: Plant, name: str
) -> None:
    sign_in(anonymous, "mia")
    seen = see(anonymous, batch, 10, 10.1)
    (conflict,) = anonymous.get("/v1/batches/CT-1/conflicts").json()
    (interval,) = anonymous.get("/v1/batches/CT-1/intervals").json()
    sign_in(anonymous, name)
    moved = {"unit_procedure": interval["unit_procedure"], "started": hour(batch, 1), "ended": None, "version": 1}
    answers = [
        correct(anonymous, seen, kind="invalidated"),
        anonymous.post("/v1/corrections/intervals", json={"changes": [moved], "reason": "x"}, headers=ORIGIN),
        anonymous.post(
            f"/v1/conflicts/{conflict['conflict']}/settle",
            json={"keep": "stored", "version": 0, "reason": "x"},
            headers=ORIGIN,
        ),
        anonymous.post(
            "/v1/batches/CT-1/corrections/starting-material",
            json={"starting_material": "patient", "seen": None, "reason": "x"},
            headers=ORIGIN,
        ),
    ]
    expected = 200 if name in MAY_CORRECT else 403
    assert [answer.status_code for answer in answers] == [expected] * 4, [answer.text for answer in answers]


def test_no_token_corrects_anything(review: TestClient, batch: Plant) -> None:
    seen = see(review, batch, 10, 10.1)
    assert correct(review, seen, kind="invalidated").status_code == 403
    assert readings(review) == readings(review, original=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "corrected", "value": 99.0, "reason": "  "}, "reason"),
        ({"kind": "invalidated", "since": "2026-01-01T00:00:00"}, "since"),
        ({"kind": "corrected", "value": "NaN"}, "value"),
        ({"kind": "corrected", "value": 2**53 + 1}, "2^53"),
        ({"kind": "settled"}, "kind"),
        ({"kind": "invalidated", "until": "2099-01-01T00:00:00Z", "tag": "nothing"}, "nothing"),
        ({"kind": "corrected", "value": 7.0, "add": 1.0}, "not both"),
    ],
)
def test_a_correction_that_cannot_be_is_answered_with_field_and_value(
    anonymous: TestClient, people: None, batch: Plant, change: dict[str, Any], said: str
) -> None:
    sign_in(anonymous, "mia")
    answer = correct(anonymous, see(anonymous, batch, 10, 10.1), **change)
    assert answer.status_code in {404, 422}
    assert said in answer.json()["detail"]
    assert anonymous.get("/v1/batches/CT-1/corrections").json()["items"] == []


def test_the_alerts_of_a_batch_say_what_a_correction_did_to_them(review: TestClient, batch: Plant) -> None:
    for sentence in ("stays", "goes", "moves"):
        add_alert(batch, "CT-1", sentence=sentence, hour={"stays": 5, "goes": 15, "moves": 25}[sentence], ended_h=30.0)
    first = batch.monitors["CT-1"]
    batch.do("UPDATE monitor SET until_ordinal = 5, closed = true WHERE monitor_id = %s", first)
    batch.do(
        "INSERT INTO monitor (batch_id, unit_procedure_id, run, corrected_ordinal, software, configuration,"
        " started_ordinal, position) SELECT batch_id, unit_procedure_id, 2, 5, software, configuration, 1, 9"
        " FROM monitor WHERE monitor_id = %s",
        first,
    )
    ((second,),) = batch.connection.execute("SELECT monitor_id FROM monitor WHERE run = 2").fetchall()
    copy = (
        "INSERT INTO alert SELECT (a).* FROM (SELECT jsonb_populate_record(alert, jsonb_build_object("
        "'alert_id', alert_id + 100, 'monitor_id', %s::integer, 'same_as', %s::bigint, 'raised_time',"
        " raised_time + %s::interval)) AS a FROM alert WHERE sentence = %s) AS made"
    )
    ((stays,),) = batch.connection.execute("SELECT alert_id FROM alert WHERE sentence = 'stays'").fetchall()
    overriding = copy.replace("INSERT INTO alert", "INSERT INTO alert OVERRIDING SYSTEM VALUE")
    batch.connection.execute(overriding.encode(), [second, stays, timedelta(0), "stays"])
    batch.connection.execute(overriding.encode(), [second, None, timedelta(hours=1), "moves"])
    batch.do(
        "INSERT INTO alert_update SELECT alert_id + 100, version, ended_time, detector, tags, score, limit_value,"
        " sentence, contributions, cells, intake_ordinal FROM alert_update"
        " WHERE alert_id + 100 IN (SELECT alert_id FROM alert)"
    )
    found = {(row["run"], row["sentence"]): row for row in review.get("/v1/batches/CT-1/alerts").json()}
    assert {key: row["outcome"] for key, row in found.items()} == {
        (1, "goes"): "no_longer_raised",
        (2, "stays"): "unchanged",
        (2, "moves"): "changed",
    }
    assert found[2, "moves"]["earlier_alert"] == found[2, "moves"]["alert"] - 100
    for run, sentence, said in (
        (1, "goes", "after it this is not raised any more"),
        (2, "stays", "Raised again just as it was after a correction, an upgrade or late readings"),
        (2, "moves", "Raised otherwise before a correction, an upgrade or late readings"),
    ):
        assert said in review.get(f"/alerts/{found[run, sentence]['alert']}").text
    page = review.get("/batches/CT-1").text
    for said in ("no longer raised in a later run", "unchanged in a later run", "changed in a later run"):
        assert said in page
    assert {row["sentence"] for row in review.get("/v1/alerts").json()["items"]} == {"stays", "moves"}
    assert len(review.get("/v1/alerts", params={"superseded": True}).json()["items"]) == 5
    (row,) = review.get("/v1/batches").json()["items"]
    assert (row["open_alerts"], row["alerts"]) == (2, 2)
