"""Charts over batches on JSON and page, and who may draft limits and put them to use."""

import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from psycopg.types.json import Jsonb

from analytics.charts import follow_charts
from analytics.intake import Stretch
from tests.api.conftest import PEOPLE, Tokens, sign_in
from tests.api.seed import Plant, add_alert, add_batch, add_event, add_result
from tests.fix_postgres import Database

ORIGIN = {"Origin": "http://plant.example"}
WANTED = {"process": "AUTO-2.0", "attribute": "viability", "reason": "eight batches since the switch"}
TICKED = {"batches": [f"CT-{number}" for number in range(8)], "rules": ["ewma"]}
VALUES = ("92", "90", "91", "93", "90.5", "91.5", "92.5", "91")


def batches(plant: Plant, *values: str, first: int = 0) -> None:
    """Batches one after the other, each with its viability."""
    for number, value in enumerate(values, first):
        started = plant.now - timedelta(days=900 - 14 * number)
        add_batch(plant, f"CT-{number}", started=started, ended=started + timedelta(days=12))
        add_event(plant, f"CT-{number}", "unit_procedure_started", hour=0)
        add_result(plant, f"CT-{number}", f"LIMS-{number}", value=value)
        plant.do("UPDATE event SET unit_procedure_id = %s WHERE batch_id = %s", plant.procedures[f"CT-{number}"],
                 plant.batches[f"CT-{number}"])  # fmt: skip
        plant.do("INSERT INTO interval_revision (unit_procedure_id, new_during, new_batch_id, actor, reason, known_at)"
                 " SELECT unit_procedure_id, during, batch_id, 'ingest', 'event', now() FROM unit_procedure"
                 " WHERE unit_procedure_id = %s AND NOT EXISTS (SELECT FROM interval_revision AS r"
                 " WHERE r.unit_procedure_id = unit_procedure.unit_procedure_id)",
                 plant.procedures[f"CT-{number}"])  # fmt: skip


def analyse(plant: Plant, database: Database) -> None:
    """Take the control entry by which the limits were put to use, and bring the charts up to date."""
    plant.do(
        "INSERT INTO intake (ordinal, chain_id, seq) SELECT 100 + block.seq, chain_id, block.seq FROM block"
        " JOIN chain USING (chain_id) WHERE chain.kind = 'control'"
    )
    follow(database)


def follow(database: Database) -> None:
    """Judge the charts by what is known now."""
    with database.connect("analytics") as connection, connection.transaction():
        follow_charts(connection, Stretch(after=0, until=1000))


def begin(client: TestClient, plant: Plant, database: Database, **wanted: Any) -> int:
    """Limits of eight batches in use, and a ninth batch far below them; the chart."""
    batches(plant, *VALUES)
    sign_in(client, "mia")
    chart = limits_in_use(client, **wanted)
    batches(plant, "60", first=8)
    analyse(plant, database)
    return chart


def limits_in_use(client: TestClient, **wanted: Any) -> int:
    """Limits drafted from the batches and put to use; the chart."""
    drafted = client.post("/v1/charts/limits", json=WANTED | wanted, headers=ORIGIN)
    assert drafted.status_code == 201, drafted.text
    used = client.post(
        f"/v1/charts/limits/{drafted.json()['control_limit']}/use", json={"reason": "reviewed"}, headers=ORIGIN
    )
    assert used.status_code == 200, used.text
    chart: int = drafted.json()["chart"]
    return chart


def test_a_chart_tells_points_limits_signals_and_why_there_is_no_ppk(
    anonymous: TestClient, people: None, plant: Plant, database: Database
) -> None:
    chart = begin(anonymous, plant, database)
    listed = anonymous.get("/v1/charts").json()
    assert [(row["attribute"], row["limits_version"], row["batches"], row["signals"]) for row in listed] == [
        ("viability", 1, 9, 1)
    ]
    told = anonymous.get(f"/v1/charts/{chart}").json()
    assert [point["reference"] for point in told["points"]] == [True] * 8 + [False]
    last = told["points"][-1]
    assert (last["batch"], last["value"], last["signals"]) == ("CT-8", 60.0, ["nelson_1"])
    assert last["lower"] == pytest.approx(91.4375 - 3 * (11 / 7) / 1.1283791670955126)
    assert told["signals"][0]["sentence"].startswith("viability of CT-8 is 60 %, below the lower control limit")
    assert told["capability"]["ppk"] is None
    assert told["capability"]["hidden"] == "Ppk needs 20 batches, there are 9"
    assert told["rules"][0]["batches_a_false_signal"] == pytest.approx(370.4, abs=0.1)


def test_the_page_draws_phase_one_hatched_and_marks_the_signal_with_its_sentence(
    anonymous: TestClient, people: None, plant: Plant, database: Database
) -> None:
    chart = begin(anonymous, plant, database, rules=["nelson_1", "ewma", "cusum"])
    assert f'href="/charts/{chart}"' in anonymous.get("/charts").text
    page = anonymous.get(f"/charts/{chart}").text
    assert page.count('class="signal"') == 3 + 1  # value and average; two sums of one batch
    assert page.count('fill="url(#phase-one-1)"') == 8
    assert "below the lower control limit" in page
    assert "Ppk is not shown: Ppk needs 20 batches" in page
    assert "viability of CT-8 is 60 %, below" in anonymous.get("/batches/CT-8").text
    assert "Beside other batches" not in anonymous.get("/batches/CT-1").text


def test_a_chart_that_is_not_there_is_not_found(anonymous: TestClient, people: None, plant: Plant) -> None:
    sign_in(anonymous, "vera")
    assert anonymous.get("/v1/charts/7").status_code == 404
    assert anonymous.get("/charts/7").status_code == 404
    assert "No chart yet" in anonymous.get("/charts").text


@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_only_msat_and_qa_draft_limits_put_them_to_use_and_retire_them(
    anonymous: TestClient, people: None, plant: Plant, name: str
) -> None:
    batches(plant, *VALUES)
    sign_in(anonymous, "quinn")
    drafted = anonymous.post("/v1/charts/limits", json=WANTED, headers=ORIGIN).json()
    chart, limits = drafted["chart"], drafted["control_limit"]
    sign_in(anonymous, name)
    answers = [
        anonymous.post("/v1/charts/limits", json=WANTED, headers=ORIGIN).status_code,
        anonymous.post("/charts/limits", data=WANTED | TICKED, headers=ORIGIN).status_code,
        anonymous.post(f"/charts/{chart}/limits", data=TICKED | {"reason": "x"}, headers=ORIGIN).status_code,
        anonymous.post(f"/v1/charts/limits/{limits}/use", json={"reason": "x"}, headers=ORIGIN).status_code,
        anonymous.post(f"/charts/{chart}/limits/{limits}/use", data={"reason": "x"}, headers=ORIGIN).status_code,
        anonymous.post(f"/v1/charts/limits/{limits}/retire", json={"reason": "x"}, headers=ORIGIN).status_code,
        anonymous.post(f"/charts/{chart}/limits/{limits}/retire", data={"reason": "x"}, headers=ORIGIN).status_code,
    ]
    # Who may: put to use already, retired already.
    assert answers == ([201, 303, 303, 200, 409, 200, 409] if name in ("mia", "quinn") else [403] * 7)
    if name not in ("mia", "quinn", "nobody"):
        assert '<form method="post" action="/charts' not in anonymous.get("/charts").text
        assert '<form method="post" action="/charts' not in anonymous.get(f"/charts/{chart}").text


def test_no_token_drafts_limits_because_decisions_are_peoples(review: TestClient, plant: Plant) -> None:
    assert review.post("/v1/charts/limits", json=WANTED).status_code == 403
    assert review.post("/v1/charts/limits/1/retire", json={"reason": "x"}).status_code == 403
    assert review.post("/charts/limits", data=WANTED).status_code == 403
    assert review.get("/v1/charts").status_code == 200


@pytest.mark.parametrize(
    ("wanted", "status", "said"),
    [
        ({"attribute": "nothing"}, 404, "there is no attribute 'nothing'"),
        ({"batches": ["CT-0"]}, 422, "limits need 6 points, there are 1"),
        ({"rules": ["all"]}, 422, "rules: 'all' is none of"),
        ({"reason": " "}, 422, "reason"),
    ],
)
def test_limits_that_cannot_be_are_refused_and_nothing_is_written(
    anonymous: TestClient, people: None, plant: Plant, wanted: dict[str, Any], status: int, said: str
) -> None:
    batches(plant, *VALUES)
    sign_in(anonymous, "mia")
    answer = anonymous.post("/v1/charts/limits", json=WANTED | wanted, headers=ORIGIN)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert anonymous.get("/v1/charts").json() == []


def test_a_signal_reaches_the_queue_and_the_batch_it_is_about_and_no_tile_of_the_board(
    anonymous: TestClient, people: None, plant: Plant, database: Database, tokens: Tokens
) -> None:
    chart = begin(anonymous, plant, database)
    (alert,) = anonymous.get("/v1/alerts").json()["items"]
    assert (alert["kind"], alert["severity"], alert["batch"], alert["batches"]) == ("signal", "medium", None, ["CT-8"])
    assert (alert["unit"], alert["phase_time_h"], alert["process"]) == (None, None, "AUTO-2.0")
    assert (alert["chart"], alert["limits_version"]) == (chart, 1)
    assert [found["alert"] for found in anonymous.get("/v1/batches/CT-8/alerts").json()] == [alert["alert"]]
    assert anonymous.get("/v1/batches/CT-1/alerts").json() == []
    assert anonymous.get("/v1/alerts", params={"batch": "CT-8"}).json()["items"] == [alert]
    counts = {row["batch"]: row["open_alerts"] for row in anonymous.get("/v1/batches").json()["items"]}
    assert (counts["CT-8"], counts["CT-7"]) == (1, 0)
    plant.do(
        "UPDATE unit_procedure SET during = tstzrange(lower(during), NULL) WHERE batch_id = %s", plant.batches["CT-8"]
    )
    tile = next(tile for tile in anonymous.get("/v1/units").json()["units"] if tile["batch"] == "CT-8")
    assert (tile["open_alerts"], tile["alert"]) == (0, None)
    for address in ("/alerts", "/batches/CT-8", f"/alerts/{alert['alert']}"):
        assert "viability of CT-8 is 60 %, below the lower control limit" in anonymous.get(address).text, address
    bearer = {"Authorization": f"Bearer {tokens.review}"}
    flat = anonymous.get("/grafana/alerts", params={"batch": "CT-8"}, headers=bearer).json()
    assert [(row["title"], row["batch"], row["unit"]) for row in flat] == [("signal · CT-8", "CT-8", None)]
    bearer = {"Authorization": f"Bearer {tokens.floor}"}
    assert anonymous.get("/grafana/floor/alerts", headers=bearer).json() == []


def test_what_the_course_of_a_batch_says_stands_above_what_other_batches_say_of_it(
    anonymous: TestClient, people: None, plant: Plant, database: Database
) -> None:
    batches(plant, *VALUES)
    sign_in(anonymous, "mia")
    limits_in_use(anonymous)
    batches(plant, "60", first=8)
    drift = add_alert(plant, "CT-8")
    analyse(plant, database)
    silence = add_alert(plant, "CT-8", kind="silence")
    (signal,) = anonymous.get("/v1/alerts", params={"kind": "signal"}).json()["items"]
    assert drift < signal["alert"] < silence
    shown = re.findall(r'<a href="/alerts/(\d+)">', anonymous.get("/batches/CT-8").text)
    assert list(dict.fromkeys(map(int, shown))) == [drift, signal["alert"], silence]


def test_a_corrected_result_withdraws_the_alert_on_every_page_that_shows_it(
    anonymous: TestClient, people: None, plant: Plant, database: Database
) -> None:
    begin(anonymous, plant, database)
    (alert,) = anonymous.get("/v1/alerts").json()["items"]
    later = plant.now + timedelta(seconds=1)
    add_result(plant, "CT-8", "LIMS-8", value="91", status="corrected", known_at=later)
    follow(database)
    told = anonymous.get(f"/v1/alerts/{alert['alert']}").json()
    assert (told["outcome"], told["state"], told["cells"], len(told["versions"])) == ("withdrawn", "raised", [], 1)
    assert told["sentence"].startswith("Withdrawn: by what is known now no rule is broken. It said: viability of CT-8")
    assert "By corrected results no rule is broken any more" in anonymous.get(f"/alerts/{alert['alert']}").text
    assert "Withdrawn: by what is known now" in anonymous.get("/alerts").text
    assert "Withdrawn: by what is known now" in anonymous.get("/batches/CT-8").text


def test_a_signal_is_acknowledged_and_assessed_on_its_page_as_any_alert(
    anonymous: TestClient, people: None, plant: Plant, database: Database
) -> None:
    begin(anonymous, plant, database)
    (alert,) = anonymous.get("/v1/alerts").json()["items"]
    page = f"/alerts/{alert['alert']}"
    said = {"version": alert["version"], "comment": "asked the laboratory"}
    assert anonymous.post(f"{page}/acknowledge", data=said, headers=ORIGIN).status_code == 303
    said |= {"impact": "possible", "cause": "material"}
    assert anonymous.post(f"{page}/assess", data=said, headers=ORIGIN).status_code == 303
    assert anonymous.get(f"/v1{page}").json()["state"] == "assessed"


def test_what_a_check_at_night_found_of_a_chart_is_listed_noted_and_said_on_the_page_of_its_alert(
    anonymous: TestClient, people: None, plant: Plant, database: Database
) -> None:
    chart = begin(anonymous, plant, database)
    (alert,) = anonymous.get("/v1/alerts").json()["items"]
    assert "not yet" in anonymous.get(f"/alerts/{alert['alert']}").text
    wrong = {"step": "value of batch 1, revision 1", "what": "value", "recorded": "91.0", "computed": "90.0"}
    plant.insert(
        "self_check",
        control_chart_id=chart,
        position=5,
        software="1",
        alerts=1,
        steps=2,
        disagreements=Jsonb([wrong]),
        started_time=plant.now,
        finished_time=plant.now,
    )
    (found,) = anonymous.get("/v1/self-checks").json()["items"]
    assert (found["chart"], found["batch"], found["run"]) == (chart, None, None)
    assert found["disagreements"] == [wrong | {"alert": None, "version": None}]
    assert "the record tells otherwise" in anonymous.get(f"/alerts/{alert['alert']}").text
    said = [note for note in anonymous.get("/ready").json()["notes"] if "the chart of viability, AUTO-2.0" in note]
    assert len(said) == 1
    told = plant.insert(
        "alert",
        ordinal=-1,
        kind="quality",
        severity="high",
        detector="self_check",
        tags=[],
        raised_time=plant.now,
        onset_time=plant.now,
        phase_time_h=0.0,
        score=1.0,
        limit_value=0.0,
        sentence="The record of the chart of viability does not tell what its journal leads to.",
        contributions=Jsonb([]),
        cells=Jsonb([wrong]),
        software="1",
        intake_ordinal=1,
    )
    assert "The record of the chart of viability" in anonymous.get(f"/alerts/{told}").text
    assert "The record of the chart of viability" in anonymous.get("/alerts").text
