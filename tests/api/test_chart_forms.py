"""Limits drafted, put to use and retired by people on the pages, and what they see before they decide."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect

from tests.api.conftest import sign_in
from tests.api.seed import Plant
from tests.api.test_charts import ORIGIN, VALUES, WANTED, analyse, batches, begin
from tests.fix_postgres import Database

TYPED = {
    "process": "AUTO-2.0", "attribute": "viability", "summary": "", "tag": "", "phase": "", "scale": "", "batches": "",
    "rules": ["nelson_1", "nelson_2"], "reason": "eight batches since the switch",
}  # fmt: skip


def test_an_engineer_opens_a_chart_sees_what_the_draft_would_have_said_and_puts_it_to_use(
    plant: Plant, database: Database, page: Page
) -> None:
    batches(plant, *VALUES, "60")
    page.goto("/charts")
    opening = page.locator("#open")
    opening.get_by_label("Result of an attribute").select_option("viability")
    opening.get_by_label("Batches that the limits rest on").fill("\n".join(f"CT-{number}" for number in range(8)))
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
    assert further.get_by_label("Batches that the limits rest on").input_value().split() == [
        f"CT-{number}" for number in range(9)
    ]
    expect(further.get_by_label("ewma")).to_be_checked()
    further.get_by_label("Why shall version 1 judge no further batch").fill("the method was changed")
    further.get_by_role("button", name="Retire the limits in use").click()
    expect(page.locator("main")).to_contain_text("retired")
    expect(page.get_by_role("button", name="Retire the limits in use")).to_have_count(0)


def test_a_draft_stands_beside_the_limits_in_use_with_phase_one_judged_by_both(
    anonymous: TestClient, people: None, plant: Plant, database: Database
) -> None:
    chart = begin(anonymous, plant, database)
    typed = {"batches": "\n".join(f"CT-{number}" for number in range(1, 9)), "rules": ["nelson_1"], "reason": "wider"}
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
        ({"batches": "CT-1\nCT-77"}, "batches", "CT-77 has no point on the chart of viability"),
        ({"batches": "CT-1"}, "batches", "of viability: limits need 6 points, there are 1"),
        ({"rules": []}, "rules", "a chart is judged by one at least"),
        ({"rules": ["nelson_9"]}, "rules", "&#39;nelson_9&#39; is none of"),
        ({"summary": "mean"}, "attribute", "a chart shows one of them, and not both"),
        ({"attribute": "", "summary": "mean"}, "phase", "a summary is of a phase"),
        ({"attribute": "", "summary": "mean", "phase": "expansion", "tag": "nothing"}, "tag", "there is no tag"),
        ({"process": "MAN-9"}, "process", "there is no process"),
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
