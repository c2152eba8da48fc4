import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from psycopg.types.json import Jsonb

from tests.api.conftest import PEOPLE, sign_in
from tests.api.seed import SOFTWARE, Plant, add_alert, add_batch

ORIGIN = {"Origin": "http://plant.example"}


@pytest.fixture
def alert(plant: Plant) -> int:
    """An alert nobody has looked at."""
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=40))
    return add_alert(plant, "CT-1", ended_h=35)


def test_detect_3_an_alert_carries_all_that_is_needed_to_question_it(
    review: TestClient, plant: Plant, alert: int
) -> None:
    found = review.get(f"/v1/alerts/{alert}").json()
    assert found["tags"] == ["dissolved_oxygen", "pH"]
    assert found["contributions"] == [{"tag": "dissolved_oxygen", "share": 0.78}, {"tag": "pH", "share": 0.22}]
    assert (found["score"], found["limit_value"], found["phase_time_h"]) == (1.5, 1.0, 31.0)
    assert found["cells"][0]["cell"] == 62
    assert (found["reference_digest"], found["reference"]) == (plant.reference_digest, "AUTO-2.0 qualification")
    assert (found["software"], found["phase"], found["detector"]) == (SOFTWARE, "transduction", "ewma")
    assert [version["ended_time"] is not None for version in found["versions"]] == [True]


def test_detect_3_the_page_has_the_command_that_computes_it_anew_where_a_score_raised_it(
    review: TestClient, plant: Plant, alert: int
) -> None:
    command = f'<code class="mono command">batchwitness replay {alert}</code>'
    assert command in review.get(f"/alerts/{alert}").text
    plant.do("UPDATE alert SET detector = 'monitor_failed' WHERE alert_id = %s", alert)
    plant.do("UPDATE alert_update SET detector = 'monitor_failed' WHERE alert_id = %s", alert)
    assert "batchwitness replay" not in review.get(f"/alerts/{alert}").text


def test_detect_3_the_page_of_a_sudden_change_shows_the_bins_its_score_follows_from(
    review: TestClient, plant: Plant, alert: int
) -> None:
    change = {"before": 30.25, "after": 24.5, "low": -0.5, "high": 0.5, "sd": 0.75, "excess": -7.0}
    bins = [
        {"tag": "pH", "cell": 61, "layer": "step", "bin_end_h": 30.75, "value": 30.125},
        {"tag": "pH", "cell": 62, "layer": "step", "bin_end_h": 31.0, "value": 24.5}
        | change
        | {"score": -7, "limit": 6},
    ]
    plant.do("UPDATE alert_update SET cells = %s || cells WHERE alert_id = %s", Jsonb(bins), alert)
    assert review.get(f"/v1/alerts/{alert}").json()["cells"][:2] == bins
    page = review.get(f"/alerts/{alert}").text
    table = page[page.index("Bins of the sudden change") : page.index("<h2>Cells</h2>")]
    for shown in ("30.75 h", "30.12", "31 h", "30.25", "24.5", "-0.5 … 0.5", "0.75", "-7"):
        assert f">{shown}</td>" in table, shown
    assert page.count("44.1") == 1, "cells stay a table of their own"


def test_detect_3_the_page_of_a_held_tag_shows_the_bins_its_score_follows_from(
    review: TestClient, plant: Plant, alert: int
) -> None:
    held = {"level": 24.75, "low": 30.25, "high": 31.5, "sd": 0.5, "excess": -11.0}
    row = {"tag": "pH", "cell": 62, "layer": "level", "bin_end_h": 31.0, "value": 24.5} | held
    bins = [row | {"score": -11, "limit": 7}]
    plant.do("UPDATE alert_update SET cells = %s || cells WHERE alert_id = %s", Jsonb(bins), alert)
    page = review.get(f"/alerts/{alert}").text
    table = page[page.index("Bins of the level") : page.index("<h2>Cells</h2>")]
    for shown in ("31 h", "24.5", "24.75", "30.25 … 31.5", "0.5", "-11", "7"):
        assert f">{shown}</td>" in table, shown
    assert "Bins of the sudden change" not in page


@pytest.mark.parametrize(
    "row",
    [
        {"layer": "loop", "jump": 0.125, "jump_sd": 8.5, "answer_sd": 5.25, "score": 5.25, "limit": 4.5},
        {
            "layer": "level",
            "level": 24.75,
            "low": 30.25,
            "high": 31.5,
            "sd": 0.5,
            "excess": -11,
            "score": -11,
            "limit": 7,
        },
    ],
)
def test_detect_3_the_page_of_an_alert_of_an_open_cell_shows_its_bin_and_says_why_there_is_no_cell(
    review: TestClient, plant: Plant, alert: int, row: dict[str, float | str]
) -> None:
    bins = [{"tag": "pH", "cell": 62, "bin_end_h": 31.0, "value": 7.0625} | row]
    plant.do("UPDATE alert_update SET cells = %s WHERE alert_id = %s", Jsonb(bins), alert)
    page = review.get(f"/alerts/{alert}").text
    table = page[page.index("bin until") : page.index("<h2>Cells</h2>")]
    assert {">31 h</td>", f">{row['score']}</td>", f">{row['limit']}</td>"} <= set(re.findall(r">[^<>]*</td>", table))
    assert "It was told before a cell of it had closed." in page


def test_an_acknowledgement_is_kept_with_name_comment_and_an_audit_event(
    anonymous: TestClient, people: None, plant: Plant, alert: int
) -> None:
    sign_in(anonymous, "otto")
    comment = {"comment": "gas line checked", "version": 1}
    answer = anonymous.post(f"/v1/alerts/{alert}/acknowledge", json=comment, headers=ORIGIN)
    assert answer.json()["state"] == "acknowledged"
    decision = answer.json()["decisions"][0]
    assert (decision["printed_name"], decision["comment"]) == ("Otto Operator", "gas line checked")
    events = plant.connection.execute(
        "SELECT actor, reason FROM audit_event WHERE action = 'alert_acknowledged'"
    ).fetchall()
    assert events == [("otto", "gas line checked")]


@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_an_acknowledged_alert_is_assessed_by_msat_and_qa_with_impact_and_cause(
    anonymous: TestClient, people: None, alert: int, name: str
) -> None:
    said = {"comment": "filter blocked", "version": 1, "impact": "possible", "cause": "equipment"}
    sign_in(anonymous, name)
    early = anonymous.post(f"/v1/alerts/{alert}/assess", json=said, headers=ORIGIN)
    sign_in(anonymous, "otto")
    anonymous.post(f"/v1/alerts/{alert}/acknowledge", json={"comment": "seen", "version": 1}, headers=ORIGIN)
    sign_in(anonymous, name)
    wrong = anonymous.post(f"/alerts/{alert}/assess", data=said | {"cause": "weather"}, headers=ORIGIN)
    answer = anonymous.post(f"/v1/alerts/{alert}/assess", json=said, headers=ORIGIN)
    again = anonymous.post(f"/alerts/{alert}/assess", data=said, headers=ORIGIN)
    if name in {"mia", "quinn"}:
        assert [one.status_code for one in (early, wrong, answer, again)] == [409, 422, 200, 409]
        decided = answer.json()["decisions"][-1]
        assert (decided["state"], decided["impact"], decided["cause"]) == ("assessed", "possible", "equipment")
    else:
        assert [one.status_code for one in (early, wrong, answer, again)] == [403] * 4


def test_a_second_acknowledgement_is_a_conflict_and_changes_nothing(
    anonymous: TestClient, people: None, plant: Plant, alert: int
) -> None:
    for name, status in (("otto", 200), ("mia", 409)):
        sign_in(anonymous, name)
        comment = {"comment": name, "version": 1}
        sent = anonymous.post(f"/v1/alerts/{alert}/acknowledge", json=comment, headers=ORIGIN)
        assert sent.status_code == status
    assert [row["actor"] for row in anonymous.get(f"/v1/alerts/{alert}").json()["decisions"]] == ["otto"]


@pytest.mark.parametrize("comment", ["", "   ", "\x00", "x" * 2001])
def test_an_acknowledgement_without_a_usable_comment_is_refused(
    anonymous: TestClient, people: None, plant: Plant, alert: int, comment: str
) -> None:
    sign_in(anonymous, "otto")
    said = {"comment": comment, "version": 1}
    sent = anonymous.post(f"/v1/alerts/{alert}/acknowledge", json=said, headers=ORIGIN)
    assert sent.status_code == 422
    assert sent.json()["errors"][0]["field"] == "comment"
    page = anonymous.post(f"/alerts/{alert}/acknowledge", data=said, headers=ORIGIN)
    assert page.status_code == 422
    assert anonymous.get(f"/v1/alerts/{alert}").json()["state"] == "raised"


def test_who_acknowledges_a_version_that_is_no_longer_the_newest_is_shown_the_newest_and_keeps_the_comment(
    anonymous: TestClient, people: None, plant: Plant, alert: int
) -> None:
    sign_in(anonymous, "otto")
    assert 'name="version" value="1"' in anonymous.get(f"/alerts/{alert}").text
    old = {"comment": "gas line checked", "version": 0}
    assert anonymous.post(f"/v1/alerts/{alert}/acknowledge", json=old, headers=ORIGIN).status_code == 409
    page = anonymous.post(f"/alerts/{alert}/acknowledge", data=old, headers=ORIGIN)
    assert page.status_code == 409
    assert 'name="version" value="1"' in page.text
    assert "gas line checked</textarea>" in page.text
    assert anonymous.get(f"/v1/alerts/{alert}").json()["decisions"] == []
    assert anonymous.post(f"/alerts/{alert}/acknowledge", data=old | {"version": 1}, headers=ORIGIN).status_code == 303
    plant.do(
        "INSERT INTO alert_update SELECT alert_id, 2, NULL, detector, tags || '{glucose}', score, limit_value,"
        " sentence, contributions, cells, 3 FROM alert_update"
    )
    found = anonymous.get(f"/v1/alerts/{alert}").json()
    assert (found["state"], found["spread_to"], found["decided_by"]) == ("raised", ["glucose"], "otto")
    assert "Has spread to <b>glucose</b>" in anonymous.get(f"/alerts/{alert}").text


def test_the_queue_can_be_cut_to_a_batch_a_kind_or_a_state(review: TestClient, plant: Plant, alert: int) -> None:
    add_batch(plant, "CT-2", unit="BR-02", started=plant.now - timedelta(hours=40))
    other = add_alert(plant, "CT-2", unit="BR-02", kind="departure")
    for query, expected in (
        ("", [other, alert]),
        ("?batch=CT-1", [alert]),
        ("?kind=departure", [other]),
        ("?state=acknowledged", []),
        ("?open_only=true&limit=1", [other]),
    ):
        assert [item["alert"] for item in review.get(f"/v1/alerts{query}").json()["items"]] == expected, query
    assert [item["alert"] for item in review.get("/v1/batches/CT-1/alerts").json()] == [alert]


def test_what_speaks_of_the_process_stands_before_silence_on_the_page_of_a_batch_and_in_the_queue(
    anonymous: TestClient, people: None, plant: Plant, alert: int
) -> None:
    early = add_alert(plant, "CT-1", kind="silence", hour=2.0)
    late = add_alert(plant, "CT-1", kind="silence", hour=33.0)
    departed = add_alert(plant, "CT-1", kind="departure", hour=32.0)
    sign_in(anonymous, "otto")
    for path in ("/batches/CT-1", "/alerts?batch=CT-1"):
        shown = re.findall(r'<a href="/alerts/(\d+)">', anonymous.get(path).text)
        assert [int(number) for number in shown] == [departed, alert, late, early], path


def test_the_queue_can_be_asked_for_one_severity(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-9", started=plant.now - timedelta(hours=40), unit="BR-02")
    by_severity = {
        severity: add_alert(plant, "CT-9", unit="BR-02", hour=31, severity=severity)
        for severity in ("low", "medium", "high")
    }
    earlier = add_alert(plant, "CT-9", unit="BR-02", hour=32, severity=None)
    for severity, number in by_severity.items():
        found = review.get(f"/v1/alerts?batch=CT-9&severity={severity}").json()["items"]
        assert [(one["alert"], one["severity"]) for one in found] == [(number, severity)]
    assert review.get("/v1/alerts?severity=grave").status_code == 422
    assert review.get(f"/v1/alerts/{earlier}").json()["severity"] is None


def test_what_the_nights_checks_found_is_listed_noted_and_said_on_the_page_of_an_alert(
    review: TestClient, plant: Plant, alert: int
) -> None:
    assert review.get(f"/v1/alerts/{alert}").json()["computed_anew"] is None
    wrong = {"alert": 1, "version": 0, "what": "score", "recorded": "2.0", "computed": "1.0"}
    monitor = plant.connection.execute("SELECT monitor_id FROM alert WHERE alert_id = %s", [alert]).fetchone()
    assert monitor is not None
    for days, found in ((2, []), (1, [wrong])):
        finished = plant.now - timedelta(days=days)
        plant.insert(
            "self_check",
            monitor_id=monitor[0],
            position=5,
            software=SOFTWARE,
            alerts=1,
            steps=2,
            disagreements=Jsonb(found),
            started_time=finished,
            finished_time=finished,
        )
    newest, first = review.get("/v1/self-checks").json()["items"]
    assert (newest["disagreements"], first["disagreements"]) == ([wrong | {"step": None}], [])
    assert review.get(f"/v1/self-checks?batch={newest['batch']}").json()["items"] == [newest, first]
    assert review.get("/v1/self-checks?batch=CT-0").json()["items"] == []
    assert review.get(f"/v1/alerts/{alert}").json()["computed_anew"]["differs"]
    assert any("does not tell what its journal leads to" in note for note in review.get("/ready").json()["notes"])
