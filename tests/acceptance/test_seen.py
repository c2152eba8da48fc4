"""A batch drifts, and people see it: over HTTP, on the wall board and in a real browser."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.acceptance.story import DRIFTING, DRIFTING_UNIT, LIVE_START, Story
from tests.acceptance.system import PASSWORD, PERSON, RATE, Prepared, System, started
from tests.support import eventually, missing

CHROMIUM = shutil.which("chromium")
# A tile shows an alert while its batch runs: what led to the alert is said at once, the rest lasts longer than a look.
FROM_H = 30.0
SLOWLY = RATE / 60


@pytest.fixture(scope="module")
def drifting(prepared: Prepared, story: Story) -> Iterator[System]:
    """A system in which the plant goes on speaking and a batch has begun to drift."""
    now = LIVE_START + timedelta(hours=FROM_H)
    with started(prepared, rate=SLOWLY, anchor=now) as system, system.publishing(story.live, to_the_end=False):
        eventually(
            lambda: (
                system.number(
                    "SELECT count(*) FROM alert JOIN batch USING (batch_id) WHERE batch.name = %s AND kind = 'drift'",
                    DRIFTING,
                )
                > 0
            ),
            within_s=90,
            what=f"{DRIFTING} has an alert of kind drift",
        )
        yield system


def test_DETECT_3_a_person_who_signed_in_reads_the_alert_over_HTTP(drifting: System) -> None:
    with _signed_in(drifting) as client:
        answer = client.get("/v1/alerts", params={"batch": DRIFTING, "kind": "drift"})
    assert answer.status_code == 200
    alert = answer.json()["items"][-1]  # newest first
    assert (alert["batch"], alert["unit"], alert["kind"], alert["state"]) == (
        DRIFTING,
        DRIFTING_UNIT,
        "drift",
        "raised",
    )
    assert abs(alert["score"]) >= abs(alert["limit_value"])
    assert alert["tags"]
    assert alert["sentence"]
    assert alert["software"]
    (digest,) = drifting.ask("SELECT encode(digest, 'hex') FROM reference WHERE state = 'in_use'")
    assert alert["reference_digest"] == digest[0]


def test_nobody_reads_an_alert_without_signing_in(drifting: System) -> None:
    assert httpx.get(f"{drifting.stack.api_url}/v1/alerts").status_code == 401
    assert httpx.get(f"{drifting.stack.api_url}/grafana/floor/alerts").status_code == 401


def test_the_wall_board_reads_the_alert_with_its_token_and_nothing_else(drifting: System) -> None:
    bearer = {"Authorization": f"Bearer {drifting.floor_token}"}
    rows: list[dict[str, Any]] = httpx.get(f"{drifting.stack.api_url}/grafana/floor/alerts", headers=bearer).json()
    mine = [row for row in rows if row["batch"] == DRIFTING and row["kind"] == "drift"]
    assert mine
    assert all(row["unit"] == DRIFTING_UNIT and row["sentence"] and row["next_action"] for row in mine)
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert httpx.get(f"{drifting.stack.api_url}/v1/alerts", headers=bearer).status_code == 403


def test_VIEW_1_the_board_in_a_browser_shows_the_alert_on_the_tile_of_its_unit(drifting: System) -> None:
    with _browser(drifting) as page:
        tile = page.locator(f'.tile[data-unit="{DRIFTING_UNIT}"]')
        expect(tile).to_have_attribute("data-state", "alert", timeout=30_000)
        expect(tile).to_contain_text(DRIFTING)
        expect(tile).to_contain_text("data until")
        _wait_for_a_sentence(drifting, tile)


def test_the_page_of_the_batch_in_a_browser_shows_the_alert(drifting: System) -> None:
    with _browser(drifting) as page:
        page.locator(f'.tile[data-unit="{DRIFTING_UNIT}"]').get_by_role("link", name=DRIFTING).click()
        expect(page).to_have_url(f"{drifting.stack.api_url}/batches/{DRIFTING}")
        expect(page.locator("main")).to_contain_text(DRIFTING, timeout=30_000)
        _wait_for_a_sentence(drifting, page.locator("main"))


def _wait_for_a_sentence(system: System, place: Locator) -> None:
    """Wait until a place on a page says what the alert says; its words follow the episode while one looks."""
    eventually(
        lambda: any(sentence in " ".join(place.inner_text().split()) for sentence in _sentences(system)),
        within_s=30,
        what=f"the page says one of {_sentences(system)}",
    )


def _sentences(system: System) -> set[str]:
    """Everything that drift alerts of the batch have said so far."""
    rows = system.ask(
        "SELECT alert.sentence FROM alert JOIN batch USING (batch_id) WHERE batch.name = %s AND alert.kind = 'drift'"
        " UNION SELECT alert_update.sentence FROM alert_update JOIN alert USING (alert_id) JOIN batch USING (batch_id)"
        " WHERE batch.name = %s AND alert.kind = 'drift'",
        DRIFTING,
        DRIFTING,
    )
    return {sentence for (sentence,) in rows}


@contextmanager
def _signed_in(system: System) -> Iterator[httpx.Client]:
    url = system.stack.api_url
    with httpx.Client(base_url=url, headers={"Origin": url}, timeout=30) as client:
        answer = client.post("/login", data={"name": PERSON, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        yield client


@contextmanager
def _browser(system: System) -> Iterator[Page]:
    """The board in Chromium, after signing in by the form."""
    if CHROMIUM is None:
        missing("chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            page = browser.new_page()
            page.goto(system.stack.api_url)
            page.get_by_label("Name").fill(PERSON)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            expect(page.locator("#board")).to_be_visible(timeout=30_000)
            yield page
        finally:
            browser.close()
