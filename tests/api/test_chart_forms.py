"""Limits drafted, put to use and retired by people on the pages, and what they see before they decide."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect

from tests.api.conftest import sign_in
from tests.api.seed import Plant, add_batch
from tests.api.test_charts import ORIGIN, VALUES, WANTED, analyse, batches, begin
from tests.fix_postgres import Database

TYPED = {
    "process": "AUTO-2.0", "attribute": "viability", "summary": "", "tag": "", "phase": "", "scale": "",
    "batches": [f"CT-{number}" for number in range(8)], "rules": ["nelson_1", "nelson_2"],
    "reason": "eight batches since the switch",
}  # fmt: skip


def test_an_engineer_opens_a_chart_sees_what_the_draft_would_have_said_and_puts_it_to_use(
    plant: Plant, database: Database, page: Page
) -> None:
    batches(plant, *VALUES, "60")
    page.goto("/charts")
    opening = page.locator("#open")
    opening.get_by_label("Result of an attribute").select_option("viability")
    opening.get_by_role("button", name="Show its batches").click()
    expect(opening).to_contain_text("9 of 9 ticked")
    opening.get_by_role("checkbox", name="CT-8").uncheck()
    expect(opening).to_contain_text("8 of 9 ticked")
    opening.get_by_label("ewma").check()
    opening.get_by_label("Why these batches and rules?").fill("eight batches since the switch")
    opening.get_by_role("button", name="Draft limits").click()
    draft = page.locator("section", has=page.get_by_role("heading", name="Draft: version 1"))
    expect(draft).to_contain_text("1 of 9")
    expect(draft.locator("circle.signal")).to_have_count(1)
    expect(draft.locator("rect")).to_have_count(8)
    expect(draft).to_contain_text("viability of CT-8 is 60 %, below the lower control limit")
    draft.get_by_label("Why shall these limits judge?").fill("reviewed with QA")
    draft.get_by_role("button", name="Put to use").click()
    expect(page.locator("main")).to_contain_text("by mia: eight batches since the switch")
    expect(page.get_by_role("heading", name="Draft: version 1")).to_have_count(0)
    analyse(plant, database)
    page.reload()
    expect(page.locator("main")).to_contain_text("CT-8 is 60 %, below the lower control limit")
    further = page.locator("#further")
    expect(further).to_contain_text("9 of 9 ticked")
    ninth, eighth = (further.get_by_role("row", name=re.compile(name)).get_by_role("cell") for name in ("CT-8", "CT-7"))
    assert ninth.all_inner_texts()[-3:] == ["below", "no", "–"]
    assert eighth.all_inner_texts()[-3:] == ["within", "yes", "–"]
    expect(further.get_by_label("ewma")).to_be_checked()
    further.get_by_label("Why shall version 1 judge no further batch").fill("the method was changed")
    further.get_by_role("button", name="Retire the limits in use").click()
    expect(page.locator("main")).to_contain_text("retired")
    expect(page.get_by_role("button", name="Retire the limits in use")).to_have_count(0)


def test_a_draft_stands_beside_the_limits_in_use_with_phase_one_judged_by_both(
    anonymous: TestClient, people: None, plant: Plant, database: Database
) -> None:
    chart = begin(anonymous, plant, database)
    typed = {"batches": [f"CT-{number}" for number in range(1, 9)], "rules": ["nelson_1"], "reason": "wider"}
    assert anonymous.post(f"/charts/{chart}/limits", data=typed, headers=ORIGIN).status_code == 303
    (draft,) = anonymous.get(f"/v1/charts/{chart}").json()["drafts"]
    assert (draft["draft"]["version"], draft["in_use"]["version"]) == (2, 1)
    assert 60 < draft["draft"]["lower"] < draft["in_use"]["lower"]
    shown = {point["batch"]: point for point in draft["points"]}
    assert [shown[f"CT-{number}"]["phase_one"] for number in (0, 1, 8)] == [False, True, True]
    assert (shown["CT-8"]["would_signal"], shown["CT-8"]["signals"]) == (["nelson_1"], ["nelson_1"])
    page = anonymous.get(f"/charts/{chart}").text
    assert "in use: version 1" in page
    assert page.count('class="beside"/>') == 3


def test_a_summary_is_drafted_from_readings_and_shown_before_it_is_on_any_chart(
    anonymous: TestClient, people: None, plant: Plant
) -> None:
    batches(plant, *VALUES)
    sign_in(anonymous, "mia")
    typed = TYPED | {"attribute": "", "summary": "duration", "phase": "expansion"}
    refused = anonymous.post("/charts/limits", data=typed, headers=ORIGIN)
    assert refused.status_code == 422  # all lasted equally long
    assert "limits need a centre and a spread" in refused.text
    plant.do(
        "UPDATE phase SET during = tstzrange(lower(during), upper(during) - phase_id %% 5 * interval '1 hour')"
        " WHERE name = 'expansion'"
    )
    answer = anonymous.post("/charts/limits", data=typed | {"scale": "log"}, headers=ORIGIN)
    assert answer.status_code == 303, answer.text
    detail = anonymous.get("/v1" + answer.headers["location"]).json()
    assert (detail["chart"]["summary"], detail["chart"]["scale"], detail["points"]) == ("duration", "log", [])
    (draft,) = detail["drafts"]
    assert [point["batch"] for point in draft["points"]] == [f"CT-{number}" for number in range(8)]
    assert 200 < draft["draft"]["centre"] < 204
    again = anonymous.post("/charts/limits", data=typed | {"scale": "linear"}, headers=ORIGIN)
    assert (again.status_code, "the chart of duration of expansion is log, not linear" in again.text) == (422, True)


@pytest.mark.parametrize(
    ("typed", "field", "why"),
    [
        ({"batches": ["CT-1", "CT-77"]}, "batches", "CT-77 has no point on the chart of viability"),
        ({"batches": ["CT-1"]}, "batches", "of viability: limits need 6 points, there are 1"),
        ({"batches": []}, "batches", "of viability: limits need 6 points, there are 0"),
        ({"rules": []}, "rules", "a chart is judged by one at least"),
        ({"rules": ["nelson_9"]}, "rules", "&#39;nelson_9&#39; is none of"),
        ({"reason": " "}, "reason", "limits need one"),
    ],
)
def test_what_cannot_be_drafted_is_said_beside_the_field_and_nothing_is_written(
    anonymous: TestClient, people: None, plant: Plant, typed: dict[str, Any], field: str, why: str
) -> None:
    batches(plant, *VALUES)
    sign_in(anonymous, "mia")
    answer = anonymous.post("/charts/limits", data=TYPED | typed, headers=ORIGIN)
    assert answer.status_code == 422
    _, _, after = answer.text.partition('<span class="refused beside" role="alert">')
    assert after.startswith(why), after[:200]
    named = after.partition('name="')[2].partition('"')[0]
    assert named == field
    assert TYPED["reason"] in answer.text or field == "reason"
    assert anonymous.get("/v1/charts").json() == []


@pytest.mark.parametrize(
    ("chosen", "field", "why"),
    [
        ({"summary": "mean"}, "attribute", "a chart shows one of them, and not both"),
        ({"attribute": "", "summary": "mean"}, "phase", "a summary is of a phase"),
        ({"attribute": "", "summary": "mean", "phase": "expansion", "tag": "nothing"}, "tag", "there is no tag"),
        ({"process": "MAN-9"}, "process", "there is no process"),
    ],
)
def test_a_choice_that_cannot_be_charted_is_said_beside_its_field_before_any_batch_is_offered(
    anonymous: TestClient, people: None, plant: Plant, chosen: dict[str, str], field: str, why: str
) -> None:
    sign_in(anonymous, "mia")
    shown = {name: said for name, said in TYPED.items() if isinstance(said, str) and name != "reason"} | chosen
    for answer in (
        anonymous.get("/charts", params=shown),
        anonymous.post("/charts/limits", data=TYPED | chosen, headers=ORIGIN),
    ):
        assert answer.status_code == 422
        _, _, after = answer.text.partition('<span class="refused beside" role="alert">')
        assert after.startswith(why), after[:200]
        assert after.partition('name="')[2].partition('"')[0] == field
        assert 'name="batches"' not in answer.text
    assert anonymous.get("/v1/charts").json() == []


def test_the_batches_of_a_process_are_offered_with_what_has_to_be_weighed_and_those_with_a_value_are_ticked(
    anonymous: TestClient, people: None, plant: Plant
) -> None:
    batches(plant, *VALUES, "<50")
    add_batch(plant, "CT-9", started=plant.now)
    plant.do("UPDATE batch SET starting_material = 'patient' WHERE name = 'CT-0'")
    sign_in(anonymous, "mia")
    page = anonymous.get("/charts?process=AUTO-2.0&attribute=viability&summary=&tag=&phase=&scale=").text
    offered = {name: row for row, name in re.findall(r'(<tr[^>]*><th scope="row">.*?value="(CT-[0-9])".*?</tr>)', page)}
    assert list(offered) == [f"CT-{number}" for number in (8, 7, 6, 5, 4, 3, 2, 1, 0, 9)]
    assert [name for name, row in offered.items() if " checked" in row] == list(offered)[:-1]
    assert " disabled" in offered["CT-9"]
    assert "no value yet" in offered["CT-9"]
    assert "states a bound: enters no limit" in offered["CT-8"]
    assert "<td>patient</td>" in offered["CT-0"]
    assert f"{plant.started['CT-0']:%Y-%m-%d %H:%M:%S} UTC" in offered["CT-0"]
    assert "They start from different kinds of material: not stated, patient." in page


def test_what_was_ticked_stays_ticked_when_a_draft_is_refused(
    anonymous: TestClient, people: None, plant: Plant
) -> None:
    batches(plant, *VALUES)
    sign_in(anonymous, "mia")
    refused = anonymous.post("/charts/limits", data=TYPED | {"batches": ["CT-3", "CT-5"]}, headers=ORIGIN)
    assert re.findall(r'name="batches" value="(CT-[0-9])" checked', refused.text) == ["CT-5", "CT-3"]


def test_who_wants_to_open_a_chart_that_is_there_is_led_to_it(
    anonymous: TestClient, people: None, plant: Plant, database: Database
) -> None:
    chart = begin(anonymous, plant, database)
    led = anonymous.get("/charts?process=AUTO-2.0&attribute=viability&summary=&tag=&phase=&scale=")
    assert (led.status_code, led.headers["location"]) == (303, f"/charts/{chart}#further")


def test_batches_are_ticked_and_a_draft_is_made_by_the_keyboard_alone(plant: Plant, page: Page) -> None:
    batches(plant, *VALUES, "60")
    page.goto("/charts?process=AUTO-2.0&attribute=viability&summary=&tag=&phase=&scale=")
    page.get_by_role("button", name="Tick none").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Batches that the limits rest on")).to_contain_text("0 of 9 ticked")
    page.keyboard.press("Tab")
    expect(page.get_by_role("region", name="Batches to choose from")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="CT-8")).to_be_focused()
    for _ in range(8):
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="CT-0")).to_be_checked()
    page.get_by_label("Why these batches and rules?").focus()
    page.keyboard.type("eight batches since the switch")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Draft: version 1")).to_be_visible()
    expect(page.locator("main")).to_contain_text("1 of 9")


def test_a_decision_that_comes_too_late_or_names_limits_of_another_chart_is_refused_on_the_page(
    anonymous: TestClient, people: None, plant: Plant, database: Database
) -> None:
    chart = begin(anonymous, plant, database)
    ((limits,),) = plant.connection.execute("SELECT control_limit_id FROM control_limit").fetchall()
    late = anonymous.post(f"/charts/{chart}/limits/{limits}/use", data={"reason": "x"}, headers=ORIGIN)
    assert (late.status_code, "is in_use, not a draft" in late.text) == (409, True)
    unsaid = anonymous.post(f"/charts/{chart}/limits/{limits}/retire", data={"reason": " "}, headers=ORIGIN)
    assert (unsaid.status_code, "a decision about limits needs one" in unsaid.text) == (422, True)
    other = anonymous.post(f"/charts/{chart}/limits/999/use", data={"reason": "x"}, headers=ORIGIN)
    assert (other.status_code, f"control limits 999 are not of chart {chart}" in other.text) == (422, True)
    assert anonymous.post("/charts/7/limits/1/use", data={"reason": "x"}, headers=ORIGIN).status_code == 404


def test_a_form_sent_from_another_site_changes_nothing(anonymous: TestClient, people: None, plant: Plant) -> None:
    batches(plant, *VALUES)
    sign_in(anonymous, "mia")
    for origin in ({}, {"Origin": "http://elsewhere.example"}):
        assert anonymous.post("/charts/limits", data=WANTED, headers=origin).status_code == 403
    assert anonymous.get("/v1/charts").json() == []
