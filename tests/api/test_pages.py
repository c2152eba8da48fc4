"""The pages in a real browser, against the API as a process of its own."""

import re
from datetime import timedelta

from playwright.sync_api import Page, expect

from tests.api.seed import Plant, add_alert, add_batch, add_quarantine, add_readings, add_result, tick
from tests.fix_browser import WITHIN_MS


def grow(plant: Plant) -> int:
    """A batch that runs, with an alert."""
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=100))
    add_readings(plant, "CT-1", until_h=100.001, drift=("dissolved_oxygen", 60, -0.2))
    return add_alert(plant, "CT-1", hour=90)


def test_signing_in_leads_to_the_page_that_was_asked_for(plant: Plant, page: Page) -> None:
    expect(page).to_have_url(re.compile("/alerts$"))


def test_a_batch_is_drawn_over_its_reference_with_its_alert_and_where_its_data_ends(plant: Plant, page: Page) -> None:
    grow(plant)
    add_result(plant, "CT-1", "LIMS-1", value="68.0")
    page.goto("/batches/CT-1")
    chart = page.locator("[data-tag=dissolved_oxygen]")
    expect(chart).to_have_attribute("data-points", "401")
    expect(chart).to_have_attribute("data-alerts", "1")
    expect(page.locator("[data-tag=glucose]")).to_have_attribute("data-old", "7")
    expect(page.locator(".alert-list")).to_contain_text("dissolved oxygen 14 % below the reference since 29.5 h")
    expect(page.locator(".numbers")).to_contain_text("Data until")
    expect(page.locator(".provenance")).to_contain_text(plant.reference_digest[:12])
    expect(page.locator(".panels")).to_contain_text("out of specification")
    painted = page.evaluate(
        """() => {
          const canvas = document.querySelector('[data-tag=dissolved_oxygen] canvas');
          const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
          let alerting = 0, reference = 0;
          for (let i = 0; i < pixels.length; i += 4) {
            if (pixels[i] === 194 && pixels[i + 1] === 74 && pixels[i + 2] === 0) alerting += 1;
            if (pixels[i] < 20 && pixels[i + 1] > 90 && pixels[i + 1] < 120 && pixels[i + 2] > 150) reference += 1;
          }
          return [alerting > 50, reference > 100];
        }"""
    )
    assert painted == [True, True], "the alert's mark and the reference's centre are on the canvas"


def test_the_sentence_of_an_alert_appears_under_the_cursor(plant: Plant, page: Page) -> None:
    grow(plant)
    page.goto("/batches/CT-1")
    chart = page.locator("[data-tag=dissolved_oxygen]")
    expect(chart).to_have_attribute("data-alerts", "1")
    over = chart.locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    over.hover(position={"x": box["width"] * 90 / (287.75 * 1.005), "y": box["height"] / 2})
    expect(chart.locator("output")).to_contain_text("dissolved oxygen 14 % below the reference")


def test_a_new_alert_appears_on_the_open_page_without_a_reload(plant: Plant, page: Page) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=100))
    add_readings(plant, "CT-1", until_h=100.001)
    page.goto("/batches/CT-1")
    chart = page.locator("[data-tag=dissolved_oxygen]")
    expect(chart).to_have_attribute("data-alerts", "0")
    add_alert(plant, "CT-1", hour=95)
    expect(page.locator(".alert-list li")).to_have_count(1, timeout=WITHIN_MS)
    expect(chart).to_have_attribute("data-alerts", "1", timeout=WITHIN_MS)


def test_view_1_a_tile_turns_to_no_data_by_itself_when_its_data_stops(plant: Plant, page: Page) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=100))
    add_readings(plant, "CT-1", until_h=100.001)
    page.goto("/")
    tile = page.locator("[data-unit=BR-01]")
    expect(tile).to_have_attribute("data-state", "running")
    tick(plant, plant_time=plant.now + timedelta(hours=1))
    expect(tile).to_have_attribute("data-state", "no_data", timeout=WITHIN_MS)
    expect(tile).to_contain_text("unknown")
    expect(tile).to_contain_text("Check the connection of BR-01")


def test_an_alert_is_acknowledged_and_assessed_on_its_page_with_comments(plant: Plant, page: Page) -> None:
    alert = grow(plant)
    page.goto("/alerts")
    page.click("text=dissolved oxygen 14 %")
    expect(page).to_have_url(re.compile(f"/alerts/{alert}$"))
    expect(page.locator("body")).to_contain_text(plant.reference_digest)
    page.fill("textarea", "gas line checked, filter exchanged")
    page.click("button.primary")
    expect(page.locator("blockquote")).to_contain_text("Mia Engineer")
    page.select_option("[name=impact]", "possible")
    page.select_option("[name=cause]", "equipment")
    page.fill("textarea", "the filter had been in for two batches")
    page.click("text=Assess")
    expect(page.locator("blockquote").last).to_contain_text("assessed: impact on the batch possible, cause equipment")
    expect(page.locator("textarea")).to_have_count(0)


def test_what_the_plant_sent_is_shown_as_text_and_never_as_markup(plant: Plant, page: Page) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=100))
    add_alert(plant, "CT-1", sentence="<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>")
    for path in ("/", "/batches/CT-1", "/alerts"):
        page.goto(path)
        expect(page.locator("body")).to_contain_text("<script>window.hurt = 1</script>")
        assert page.evaluate("window.hurt") is None


def test_every_page_opens_and_says_what_it_is(plant: Plant, page: Page) -> None:
    grow(plant)
    add_quarantine(plant)
    for path, words in (
        ("/", "Bioreactor hall"),
        ("/batches", "CT-1"),
        ("/alerts", "drift"),
        ("/comparison", "EXPLORATORY"),
        ("/quarantine", "not a number"),
    ):
        page.goto(path)
        expect(page.locator("main")).to_contain_text(words, ignore_case=True)


def test_view_1_a_page_that_becomes_visible_again_is_as_old_as_its_data(plant: Plant, page: Page) -> None:
    page.clock.install()
    page.goto("/")
    expect(page.locator("#board .tile").first).to_be_visible()
    page.route("**/board", lambda _route: None)  # the server never answers again
    page.clock.fast_forward(60_000)
    expect(page.locator("#stale")).to_be_visible()
    since = page.locator("#stale-since").text_content()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.run_for(1500)
    expect(page.locator("#stale")).to_be_visible()
    assert page.locator("#stale-since").text_content() == since
    page.unroute_all(behavior="ignoreErrors")


def test_every_page_names_the_part_of_the_system_that_is_away(plant: Plant, page: Page) -> None:
    opened = [page.context.new_page() for _ in range(4)]
    for tab, path in zip(opened, ("/", "/batches", "/alerts", "/quarantine"), strict=True):
        tab.goto(path)
        expect(tab.locator("#operation")).to_have_text("")
    plant.do("UPDATE block_tick SET host_time = clock_timestamp() - interval '1 minute'")
    for tab in opened:
        expect(tab.locator("#operation")).to_contain_text("no time told since", timeout=WITHIN_MS)


def test_the_queue_of_one_batch_stays_that_of_this_batch_when_it_asks_again(plant: Plant, page: Page) -> None:
    grow(plant)
    add_batch(plant, "CT-2", unit="BR-02", started=plant.now - timedelta(hours=100))
    add_alert(plant, "CT-2", unit="BR-02", hour=80, sentence="pH 3 % above the reference since 78.5 h")
    page.goto("/alerts?batch=CT-1")
    with page.expect_response(lambda answer: answer.request.headers.get("hx-target") == "queue") as asked:
        expect(page.locator("#queue tbody tr")).to_have_count(1)
    assert asked.value.url.endswith("/alerts?batch=CT-1")
    expect(page.locator("#queue tbody tr")).to_have_count(1)
