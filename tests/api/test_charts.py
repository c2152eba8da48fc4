"""Charts over batches on JSON and page, and who may draft limits and put them to use."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from analytics.charts import follow_charts
from analytics.intake import Stretch
from tests.api.conftest import sign_in
from tests.api.seed import Plant, add_batch, add_event, add_result
from tests.fix_postgres import Database

ORIGIN = {"Origin": "http://plant.example"}
WANTED = {"process": "AUTO-2.0", "attribute": "viability", "reason": "eight batches since the switch"}
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
    with database.connect("analytics") as connection, connection.transaction():
        follow_charts(connection, Stretch(after=0, until=1000))


def begin(client: TestClient, plant: Plant, database: Database, **wanted: Any) -> int:
    """Limits of eight batches in use, and a ninth batch far below them; the chart."""
    batches(plant, *VALUES)
    sign_in(client, "mia")
    drafted = client.post("/v1/charts/limits", json=WANTED | wanted, headers=ORIGIN)
    assert drafted.status_code == 201, drafted.text
    used = client.post(
        f"/v1/charts/limits/{drafted.json()['control_limit']}/use", json={"reason": "reviewed"}, headers=ORIGIN
    )
    assert used.status_code == 200, used.text
    batches(plant, "60", first=8)
    analyse(plant, database)
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


@pytest.mark.parametrize("name", ["vera", "otto", "ida", "nobody"])
def test_only_msat_and_qa_draft_limits_and_put_them_to_use(
    anonymous: TestClient, people: None, plant: Plant, name: str
) -> None:
    batches(plant, *VALUES)
    sign_in(anonymous, "quinn")
    drafted = anonymous.post("/v1/charts/limits", json=WANTED, headers=ORIGIN).json()["control_limit"]
    sign_in(anonymous, name)
    assert anonymous.post("/v1/charts/limits", json=WANTED, headers=ORIGIN).status_code == 403
    use = anonymous.post(f"/v1/charts/limits/{drafted}/use", json={"reason": "x"}, headers=ORIGIN)
    assert use.status_code == 403


def test_no_token_drafts_limits_because_decisions_are_peoples(review: TestClient, plant: Plant) -> None:
    assert review.post("/v1/charts/limits", json=WANTED).status_code == 403
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
