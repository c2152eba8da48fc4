"""What became of an alert, step by step, and what stood out while a drift lasted."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from psycopg.types.json import Jsonb

from tests.api.conftest import sign_in
from tests.api.seed import Plant, add_alert, add_batch, add_readings
from tests.api.test_course import score

HOURS = 100.0
ONSET_H, RAISED_H = 90.5, 92.0  # as add_alert puts them


@pytest.fixture
def alert(plant: Plant) -> int:
    """pH drifts from hour 90 on, dissolved oxygen follows near its limit from hour 94 on; lactate was near once."""
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=HOURS))
    for cell in range(int(2 * HOURS)):
        hour = (cell + 1) / 2
        score(
            plant,
            plant.monitors["CT-1"],
            cell,
            pH=1.5 if hour > 90 else 0.3,
            dissolved_oxygen=0.9 if hour > 94 else 0.2,
            lactate=0.8 if hour == 20.0 else 0.4,
        )
    return add_alert(plant, "CT-1", tags=("pH",), hour=RAISED_H, sentence="pH is above the reference")


def tell_again(
    plant: Plant,
    alert: int,
    version: int,
    *,
    severity: str = "medium",
    tags: tuple[str, ...] = ("pH",),
    told_h: float | None = None,
    ended_h: float | None = None,
) -> None:
    """A version of an alert, told in a block that ticked at a process hour, or in one that nothing is known of."""
    start, seq = plant.started["CT-1"], version + 1
    if told_h is not None:
        at = start + timedelta(hours=told_h)
        plant.insert(
            "block",
            chain_id=plant.chain,
            seq=seq,
            epoch=1,
            committed_time=plant.now,
            entries=1,
            readings=0,
            merkle_root=plant.fresh_digest(),
            previous_digest=plant.fresh_digest(),
            header=b"header",
            digest=plant.fresh_digest(),
        )
        plant.insert("intake", ordinal=seq, chain_id=plant.chain, seq=seq)
        plant.insert("block_tick", chain_id=plant.chain, seq=seq, plant_time=at, host_time=at, rate=1.0)
    plant.insert(
        "alert_update",
        alert_id=alert,
        version=version,
        severity=severity,
        ended_time=None if ended_h is None else start + timedelta(hours=ended_h),
        detector="ewma",
        tags=list(tags),
        score=1.6,
        limit_value=1.0,
        sentence=f"version {version}",
        contributions=Jsonb([[tag, 1 / len(tags)] for tag in tags]),
        cells=Jsonb([]),
        intake_ordinal=seq,
    )


def test_shares_of_a_cell_are_of_the_tags_near_a_limit_and_sum_to_one(review: TestClient, alert: int) -> None:
    told = review.get(f"/v1/alerts/{alert}/course").json()["contributions"]
    assert told["tags"] == ["pH", "dissolved_oxygen", "lactate"]
    assert (told["near"], told["from_h"], told["to_h"], told["cells"], told["counted"]) == (
        0.75,
        ONSET_H,
        100.0,
        19,
        19,
    )
    at = dict(zip(told["hours"], zip(*told["share"], strict=True), strict=True))
    assert at[20.0] == (None, None, 1.0)
    assert at[50.0] == (None, None, None), "no tag was near a limit"
    assert at[92.0] == (1.0, None, None)
    assert at[96.0] == (pytest.approx(1.5 / 2.4), pytest.approx(0.9 / 2.4), None)


def test_tags_are_ranked_over_the_whole_episode_and_others_than_the_alerts_are_told_apart(
    review: TestClient, alert: int
) -> None:
    told = review.get(f"/v1/alerts/{alert}/course").json()["contributions"]
    acid, oxygen = told["ranked"]
    whole = 19 * 1.5 + 12 * 0.9
    assert (acid["tag"], acid["share"]) == ("pH", pytest.approx(19 * 1.5 / whole))
    assert (acid["near"], acid["beyond"], acid["of_alert"], acid["layer"]) == (19, 19, True, "ewma")
    assert (oxygen["tag"], oxygen["share"]) == ("dissolved_oxygen", pytest.approx(12 * 0.9 / whole))
    assert (oxygen["near"], oxygen["beyond"], oxygen["of_alert"], oxygen["largest_h"]) == (12, 0, False, 94.5)
    assert told["sentence"] == (
        "From hour 90.5 to 100.0 a tag stood at 75 % of a limit or beyond in 19 of 19 cells. Of the scores over limits "
        "that did, added up over these cells: pH 73 % (beyond its limit in 19 of 19 cells, at most at 150 % of it, at "
        "hour 91.0, by ewma); dissolved_oxygen 27 % (not of this alert; never beyond its limit, at most at 90 % of it, "
        "at hour 94.5, by ewma)."
    )


def test_the_other_layers_in_which_a_tag_came_near_are_told_and_count_no_share(
    review: TestClient, plant: Plant, alert: int
) -> None:
    before = review.get(f"/v1/alerts/{alert}/course").json()["contributions"]
    plant.do(
        "UPDATE monitor_score SET further_tag = '{pH,pH}', further_ratio = ARRAY[1.25 - 0.125 * (cell - 190), 0.8],"
        " further_layer = '{balance,page_hinkley}' WHERE cell BETWEEN 190 AND 192"
    )
    told = review.get(f"/v1/alerts/{alert}/course").json()["contributions"]
    assert [told[name] for name in ("share", "sentence")] == [before[name] for name in ("share", "sentence")]
    acid, oxygen = told["ranked"]
    assert acid["layers"] == [
        {"layer": "ewma", "near": 19, "beyond": 19, "largest": 1.5, "largest_h": 91.0},
        {"layer": "balance", "near": 3, "beyond": 3, "largest": 1.25, "largest_h": 95.5},
        {"layer": "page_hinkley", "near": 3, "beyond": 0, "largest": pytest.approx(0.8), "largest_h": 95.5},
    ]
    assert [one["layer"] for one in oxygen["layers"]] == ["ewma"]
    at = dict(zip(told["hours"], told["layers"][told["tags"].index("pH")], strict=True))
    assert at[95.5] == ["ewma", "balance", "page_hinkley"]
    assert at[97.0] == ["ewma"]
    assert at[50.0] == []
    assert "balance: 125 % at 95.5 h, beyond in 3 of 3" in review.get(f"/alerts/{alert}").text


def test_of_an_episode_that_ended_what_came_later_does_not_count(review: TestClient, plant: Plant, alert: int) -> None:
    tell_again(plant, alert, 1, ended_h=93.0, told_h=97.0)
    told = review.get(f"/v1/alerts/{alert}/course").json()["contributions"]
    assert (told["to_h"], told["cells"]) == (93.0, 5)
    assert [one["tag"] for one in told["ranked"]] == ["pH"]
    assert told["tags"] == ["pH", "dissolved_oxygen", "lactate"], "drawn all the same"


def test_the_scores_are_those_of_the_run_that_raised_the_alert(review: TestClient, plant: Plant, alert: int) -> None:
    first = plant.monitors["CT-1"]
    plant.do("UPDATE monitor SET until_ordinal = 1 WHERE monitor_id = %s", first)
    second = plant.insert(
        "monitor",
        batch_id=plant.batches["CT-1"],
        unit_procedure_id=plant.procedures["CT-1"],
        run=2,
        cause="late_readings",
        software="0.1.0",
        configuration=Jsonb({}),
        started_ordinal=1,
        position=1,
        closed=True,
    )
    score(plant, second, 199, glucose=2.0)
    assert review.get(f"/v1/alerts/{alert}/course").json()["contributions"]["ranked"][0]["tag"] == "pH"
    assert review.get("/v1/batches/CT-1/course").json()["tags"] == ["glucose"]
    of_run = review.get("/v1/batches/CT-1/course?run=1").json()
    assert of_run["tags"] == ["dissolved_oxygen", "lactate", "pH"]
    assert [one["alert"] for one in of_run["alerts"]] == [alert]
    assert 'data-run="1"' in review.get(f"/alerts/{alert}").text


def test_steps_say_when_it_began_was_raised_grew_graver_spread_and_ended(
    review: TestClient, plant: Plant, alert: int
) -> None:
    tell_again(plant, alert, 1, told_h=92.5)
    tell_again(plant, alert, 2, told_h=93.0, severity="high", tags=("pH", "lactate"))
    tell_again(plant, alert, 3, told_h=99.0, severity="high", tags=("pH", "lactate"), ended_h=95.0)
    steps = review.get(f"/v1/alerts/{alert}/course").json()["steps"]
    assert [(step["hour"], step["kind"], step["severity"], step["words"]) for step in steps] == [
        (90.5, "began", "medium", "began about then"),
        (92.0, "raised", "medium", "raised, medium: score 1.31 against the limit 1 (ewma)"),
        (92.5, "told_again", "medium", "told again: score 1.6 against the limit 1 (ewma)"),
        (93.0, "spread", "high", "spread to lactate"),
        (93.0, "graver", "high", "severity medium → high"),
        (95.0, "ended", "high", "ended"),
    ]


def test_a_step_told_while_no_clock_of_the_plant_ticked_has_no_hour(
    review: TestClient, plant: Plant, alert: int
) -> None:
    tell_again(plant, alert, 1, severity="high")
    last = review.get(f"/v1/alerts/{alert}/course").json()["steps"][-1]
    assert (last["kind"], last["time"], last["hour"]) == ("graver", None, None)
    assert "no clock of the plant told when" in review.get(f"/alerts/{alert}").text


@pytest.mark.parametrize(
    ("kind", "detector", "said"),
    [
        ("range", "range", "raised, medium: value 1.31 above the limit 1 (range)"),
        ("quality", "spike", "raised, medium: value 1.31 above the limit 1 (spike)"),
        ("quality", "bad", "raised, medium: for 1 s, an alert from 1 s on (bad)"),
        ("silence", "silence", "raised, medium: for 1 s, an alert from 1 s on (silence)"),
        ("departure", "departure", "raised, medium: 1.31 old SD off, an alert from 1 on (departure)"),
        ("silence", "monitor_failed", "raised, medium"),
    ],
)
def test_what_is_no_drift_has_no_contributions_and_says_what_its_own_measure_is(
    review: TestClient, plant: Plant, alert: int, kind: str, detector: str, said: str
) -> None:
    other = add_alert(plant, "CT-1", kind=kind, detector=detector, tags=("pH",), hour=95.0)
    told = review.get(f"/v1/alerts/{other}/course").json()
    assert told["contributions"] is None
    assert told["steps"][1]["words"] == said
    page = review.get(f"/alerts/{other}").text
    assert "What stood out over the whole episode" not in page
    assert "this alert comes from something else" in page


def test_an_alert_nobody_knows_has_no_course(review: TestClient, plant: Plant) -> None:
    assert review.get("/v1/alerts/77/course").status_code == 404


def test_nobody_reads_the_course_of_an_alert_without_a_role(
    anonymous: TestClient, floor: TestClient, people: None, alert: int
) -> None:
    assert floor.get(f"/v1/alerts/{alert}/course").status_code == 403
    del anonymous.headers["Authorization"]
    sign_in(anonymous, "nobody")
    assert anonymous.get(f"/v1/alerts/{alert}/course").status_code == 403
    sign_in(anonymous, "vera")
    assert anonymous.get(f"/v1/alerts/{alert}/course").status_code == 200


def test_the_page_stacks_shares_and_draws_the_steps_on_the_axis_of_the_score(
    plant: Plant, alert: int, page: Page
) -> None:
    add_readings(plant, "CT-1", until_h=HOURS)
    tell_again(plant, alert, 1, told_h=94.0, severity="high", tags=("pH", "dissolved_oxygen"))
    page.goto(f"/alerts/{alert}")
    shares, episode = page.locator("figure[data-draws=shares]"), page.locator("figure[data-draws=episode]")
    expect(shares).to_have_attribute("data-cells", "21")
    expect(episode).to_have_attribute("data-steps", "4")
    expect(page.locator("#ranking")).to_contain_text("dissolved_oxygen 27 %")
    expect(page.locator("#steps")).to_contain_text("severity medium → high")
    over = shares.locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    over.hover(position={"x": box["width"] * 95.8 / (HOURS * 1.005), "y": 30.0})
    expect(shares.locator("output")).to_have_text("96.0 h: pH 63 % by ewma, dissolved_oxygen 38 % by ewma")
    lefts = [
        page.locator(f"figure[data-draws={draws}] .u-over").bounding_box()
        for draws in ("episode", "score", "shares", "course")
    ]
    assert len({round(box["x"]) for box in lefts if box is not None}) == 1, "an hour stands below the same hour"
    over.hover(position={"x": box["width"] * 93.9 / (HOURS * 1.005), "y": 30.0})
    expect(episode.locator("output")).to_contain_text("94.0 h spread to dissolved_oxygen")
