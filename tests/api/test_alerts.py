import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from psycopg.types.json import Jsonb

from tests.api.conftest import PEOPLE, sign_in
from tests.api.seed import SOFTWARE, Plant, add_alert, add_batch, add_readings

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


def bins_of(layer: str, *values: float, tag: str = "pH", until_h: float = 31.0) -> list[dict[str, Any]]:
    """Bins of a quarter of an hour, the newest last."""
    first_h = until_h - 0.25 * len(values)
    ends_h = [first_h + 0.25 * number for number in range(1, len(values) + 1)]
    return [
        {"tag": tag, "cell": int(2 * end_h - 0.1), "layer": layer, "bin_began_h": end_h - 0.25, "bin_end_h": end_h}
        | {"value": value}
        for end_h, value in zip(ends_h, values, strict=True)
    ]


def sudden_change(tag: str = "pH") -> list[dict[str, Any]]:
    """The evidence of a fall from 30 to 24.5, of which the newest but one bin gives the score."""
    bins = bins_of("step", 30.125, 30, 29.75, 30, 30.25, 30, 24.5, 24.25, 24.75, tag=tag)
    usual = {"low": -0.5, "high": 0.25, "sd": 0.75}
    bins[-2] |= usual | {"before": 30.0, "after": 24.5, "excess": -6.5}
    bins[-1] |= usual | {"before": 30.125, "after": 24.5, "excess": -7.25, "score": -6.5, "limit": 6.0}
    return bins


HELD = {"level": 24.75, "low": 30.25, "high": 31.5, "sd": 0.5}
JUMPED = {"jump": 0.125, "jump_sd": 8.5, "answer_sd": 5.25, "answered_by": "lactate", "score": 5.25, "limit": 4.5}


def evidence_of(layer: str) -> list[dict[str, Any]]:
    """What an alert of such a layer carries beside its cells."""
    if layer == "step":
        return sudden_change()
    if layer == "loop":
        (jumped,) = bins_of("loop", 7.0625)
        return [jumped | JUMPED]
    bins = bins_of("level", 24.5, 25.0, 24.75, 24.5)
    bins[-2] |= HELD | {"excess": -11.0}
    bins[-1] |= HELD | {"excess": -11.5, "score": -11.0, "limit": 7.0}
    return bins


def cells_of_table(page: str, heading: str) -> list[str]:
    """What stands in the cells of the table below a heading."""
    table = page[page.index(heading) :]
    return re.findall(r"<td[^>]*>([^<]*)</td>", table[: table.index("</table>")])


def test_detect_3_the_page_of_a_sudden_change_shows_the_bins_its_score_follows_from(
    review: TestClient, plant: Plant, alert: int
) -> None:
    bins = sudden_change()
    plant.do("UPDATE alert_update SET cells = %s || cells WHERE alert_id = %s", Jsonb(bins), alert)
    assert review.get(f"/v1/alerts/{alert}").json()["cells"][:9] == bins
    page = review.get(f"/alerts/{alert}").text
    told = cells_of_table(page, "Bins of the sudden change of pH")
    assert told[:3] == ["28.75 – 29.00", "30.12", ""]
    assert told[-7:] == ["30.75 – 31.00", "24.75", "30.12", "24.50", "-0.50 … 0.25", "0.75", "-7.25"]
    assert "Score <b>-6.50 SD</b> against the limit <b>6.00 SD</b>" in page
    assert page.count("44.1") == 1, "cells stay a table of their own"


def test_detect_3_the_page_of_a_held_tag_shows_the_bins_its_score_follows_from(
    review: TestClient, plant: Plant, alert: int
) -> None:
    plant.do("UPDATE alert_update SET cells = %s || cells WHERE alert_id = %s", Jsonb(evidence_of("level")), alert)
    page = review.get(f"/alerts/{alert}").text
    told = cells_of_table(page, "Bins of the level of pH")
    assert told[-6:] == ["30.75 – 31.00", "24.50", "24.75", "30.25 … 31.50", "0.50", "-11.50"]
    assert "Score <b>-11.00 SD</b> against the limit <b>7.00 SD</b>" in page
    assert "Bins of the sudden change" not in page


def test_detect_3_the_page_of_a_jump_in_a_loop_shows_what_was_foretold_and_what_the_controller_moved(
    review: TestClient, plant: Plant, alert: int
) -> None:
    add_readings(plant, "CT-1", until_h=35)
    plant.do("UPDATE alert_update SET cells = %s WHERE alert_id = %s", Jsonb(evidence_of("loop")), alert)
    page = review.get(f"/alerts/{alert}").text
    told = cells_of_table(page, "The jump of pH and the answer of its controller")
    assert told == ["30.75 – 31.00", "7.062", "6.938", "0.125", "8.50", "5.25", "lactate"]
    assert "<b>lactate</b>, mmol/L: what the controller of pH moved" in page
    assert ">foretold 6.938</text>" in page


@pytest.mark.parametrize("layer", ["step", "level", "loop"])
def test_detect_3_the_page_of_an_alert_of_an_open_cell_shows_its_bins_and_says_why_there_is_no_cell(
    review: TestClient, plant: Plant, alert: int, layer: str
) -> None:
    plant.do("UPDATE alert_update SET cells = %s WHERE alert_id = %s", Jsonb(evidence_of(layer)), alert)
    page = review.get(f"/alerts/{alert}").text
    assert "30.75 – 31.00" in page
    assert "It was told before a cell of it had closed." in page


@pytest.mark.parametrize("layer", ["step", "level", "loop"])
def test_the_page_of_an_alert_of_minutes_draws_its_bins_over_the_readings_around(
    plant: Plant, page: Page, alert: int, layer: str
) -> None:
    add_readings(plant, "CT-1", until_h=35, interval_h=0.05)
    plant.do("UPDATE alert_update SET cells = %s || cells WHERE alert_id = %s", Jsonb(evidence_of(layer)), alert)
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(f"/alerts/{alert}")
    drawn = page.locator("figure.bins").first
    expect(drawn.get_by_role("img")).to_have_accessible_name(re.compile("^pH: bins until hour 3"))
    expect(drawn.locator("svg[role=img] line.bin")).to_have_count(len(evidence_of(layer)))
    expect(drawn.locator("svg[role=img] path.reading")).to_have_attribute("d", re.compile("^M[0-9. ]+h0M"))
    expect(drawn.locator("svg[role=img] line.limit")).to_have_count(0 if layer == "loop" else 1)
    assert page.evaluate("document.documentElement.scrollWidth") == 420, "nothing reaches beyond a narrow screen"
    inside = "(one) => { const at = one.getBoundingClientRect(), all = one.ownerSVGElement.getBoundingClientRect();"
    inside += " return at.left >= all.left && at.right <= all.right && at.top >= all.top && at.bottom <= all.bottom; }"
    for shape in drawn.locator("svg[role=img] line, svg[role=img] rect, svg[role=img] text").all():
        assert shape.evaluate(inside), shape.evaluate("(one) => one.outerHTML")


def test_the_cells_of_an_alert_are_told_in_process_hours_and_with_their_unit(
    review: TestClient, plant: Plant, alert: int
) -> None:
    for cell in (60, 62):
        ended = plant.started["CT-1"] + timedelta(hours=0.5 * (cell + 1))
        plant.insert(
            "monitor_score",
            monitor_id=plant.monitors["CT-1"],
            cell=cell,
            ended_time=ended,
            tags=["dissolved_oxygen"],
            ratio=[0.5],
            layer=["ewma"],
        )
    told = cells_of_table(review.get(f"/alerts/{alert}").text, "<h2>Cells</h2>")
    assert told[:2] == ["dissolved_oxygen", "31.0 – 31.5"]
    page = review.get(f"/alerts/{alert}").text
    assert '44.1 <span class="small">%</span>' in page


def test_an_alert_says_how_many_batches_of_its_reference_were_set_aside(
    review: TestClient, plant: Plant, alert: int
) -> None:
    reference = plant.references["new"]
    for days, name, included in ((90, "CT-A", True), (70, "CT-B", False)):
        add_batch(plant, name, started=plant.now - timedelta(days=days), ended=plant.now - timedelta(days=days - 10))
        plant.do(
            "INSERT INTO reference_batch (reference_id, batch_id, input_digest) VALUES (%s, %s, %s)",
            reference,
            plant.batches[name],
            plant.fresh_digest(),
        )
        judged = Jsonb([{"batch": name, "included": included}])
        plant.do(
            "UPDATE reference SET review = jsonb_set(review, '{batches}', (review -> 'batches') || %s)"
            " WHERE reference_id = %s",
            judged,
            reference,
        )
    found = review.get(f"/v1/alerts/{alert}").json()
    assert (found["reference_batches"], found["reference_set_aside"]) == (2, 1)
    assert "2 batches, 1 of them set aside" in review.get(f"/alerts/{alert}").text


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
