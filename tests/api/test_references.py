"""References through the API and on their pages: the packet, and who may move one on."""

import hashlib
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from psycopg.types.json import Jsonb

from tests.api.conftest import PEOPLE, sign_in
from tests.api.seed import Plant, add_batch

ORIGIN = {"Origin": "http://plant.example"}
MODEL = b"a draft"
PACKET = {
    "rule": "learned_limits",
    "alpha": 0.03,
    "batches": [
        {"batch": "CT-1", "included": True, "why": "", "largest_ratio": 1.2, "family": "ewma", "effect": 0.04,
         "largest_effect": 0.3},
        {"batch": "CT-2", "included": False, "why": "wrong medium", "largest_ratio": None, "family": None,
         "effect": None, "largest_effect": None, "failures": ["nobody has assessed alert 4"]},
        {"batch": "CT-3", "included": True, "why": "the assay failed, not the batch", "largest_ratio": 0.4,
         "family": "ewma", "effect": 0.01, "largest_effect": 0.2,
         "failures": ["viability 61 % is out of specification"],
         "material": "healthy_donor", "complete": 0.99, "worst_tag": "pH"},
    ],
    "beyond": 1,
    "judged": 24,
    "low": 0.001,
    "high": 0.211,
    "blind": [["expansion", 2.0]],
    "tags": [
        {"tag": "pH", "known": 0.9, "from_h": 0.0, "to_h": 260.0, "smallest_offset_sd": 3.1, "smallest_offset": 0.09,
         "found_within_h": 1.0, "points": 0},
    ],
    "phases": [
        {"phase": "expansion", "batches": 2, "from_h": 72.0, "hours": 204.0, "blind": 0.01, "tags": {"pH": 0.97}},
        {"phase": "harvest", "batches": 2, "from_h": 276.0, "hours": 12.0, "blind": 0.0, "tags": {"pH": 0.0}},
    ],
    "course": [
        {"phase": "expansion", "batches": 24, "begins_h": 72.0, "earliest_h": 69.5, "latest_h": 75.25, "least_h": 198.0,
         "median_h": 204.0, "greatest_h": 209.0, "why_not": ""},
        {"phase": "rinse", "batches": 3, "begins_h": 80.0, "earliest_h": 78.0, "latest_h": 81.0, "least_h": None,
         "median_h": None, "greatest_h": None, "why_not": "only 3 of 24 batches have it"},
    ],
    "power": {
        "offsets": [
            {"tag": "pH", "size_sd": size, "size": 0.03 * size,
             "found": {"events": found, "trials": 24, "interval": [low, high]}, "delay_median_h": delay_h}
            for size, found, low, high, delay_h in ((1.0, 0, 0.0, 0.142, None), (2.0, 12, 0.291, 0.709, 4.5),
                                                   (3.0, 24, 0.858, 1.0, 1.5))
        ],
        "without_offset": {"events": 0, "trials": 24, "interval": [0.0, 0.142]},
        "alerted_before": 1,
        "begins_at_h": [72.0, 144.0],
        "watched_h": 72.0,
    },
    "least_complete": 0.95,
    "materials": {"patient": 22, "healthy_donor": 2},
    "pooled": "no difference was seen in 20 pairs",
    "outcomes": [
        {"process": "AUTO-2.0", "started": 27, "running": 1,
         "terminated": {"events": 2, "trials": 26, "interval": [0.009, 0.251]},
         "out_of_specification": {"events": 0, "trials": 0, "interval": [0.0, 1.0]}},
    ],
    "template": 'name = "tcell"',
    "model": hashlib.sha256(MODEL).hexdigest(),
}  # fmt: skip


@pytest.fixture
def draft(plant: Plant) -> int:
    """A draft that mia made."""
    add_batch(plant, "CT-1", started=plant.now - timedelta(days=30), ended=plant.now - timedelta(days=18))
    number = plant.insert(
        "reference",
        name="new reference for AUTO-2.0",
        role="new",
        process_version_id=plant.processes["AUTO-2.0"],
        model=MODEL,
        digest=plant.fresh_digest(),
        software="0.1.0",
        drafted_by="mia",
        review=Jsonb(PACKET),
        known_at=plant.now,
    )
    plant.insert("reference_batch", reference_id=number, batch_id=plant.batches["CT-1"], input_digest=b"x")
    return number


def test_a_reference_is_told_with_its_packet_and_moved_on_by_people(
    anonymous: TestClient, people: None, plant: Plant, draft: int
) -> None:
    sign_in(anonymous, "quinn")
    listed = anonymous.get("/v1/references").json()
    assert (listed[0]["reference"], listed[0]["state"], listed[0]["batches"]) == (draft, "draft", 1)
    address = f"/v1/references/{draft}"
    found = anonymous.get(address).json()
    assert [(one["batch"], one["included"], one["why"]) for one in found["packet"]["batches"]] == [
        ("CT-1", True, ""),
        ("CT-2", False, "wrong medium"),
        ("CT-3", True, "the assay failed, not the batch"),
    ]
    assert found["packet"]["materials"] == {"patient": 22, "healthy_donor": 2}
    assert found["packet"]["power"]["offsets"][2]["found"] == {"events": 24, "trials": 24, "interval": [0.858, 1.0]}
    wrong = {"digest": "0" * 64, "reason": "looked through"}
    assert anonymous.post(f"{address}/approve", json=wrong, headers=ORIGIN).status_code == 409
    early = anonymous.post(f"{address}/use", json={"reason": "now"}, headers=ORIGIN)
    assert (early.status_code, "only an approved one" in early.json()["detail"]) == (409, True)
    said = {"digest": found["digest"], "reason": "looked through"}
    assert anonymous.post(f"{address}/approve", json=said, headers=ORIGIN).json()["state"] == "approved"
    used = anonymous.post(f"{address}/use", json={"reason": "qualified"}, headers=ORIGIN).json()
    assert [(one["state"], one["actor"]) for one in used["decisions"]] == [("approved", "quinn"), ("in_use", "quinn")]
    before = next(one for one in anonymous.get("/v1/references").json() if one["digest"] == plant.reference_digest)
    assert before["state"] == "retired", "the one that was in use"
    assert anonymous.post(f"{address}/retire", json={"reason": "over"}, headers=ORIGIN).json()["state"] == "retired"
    assert anonymous.get("/v1/references/999").status_code == 404


@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_each_person_moves_references_on_as_their_roles_say(
    anonymous: TestClient, people: None, draft: int, name: str
) -> None:
    sign_in(anonymous, name)
    address = f"/v1/references/{draft}"
    digest = "0" * 64  # not that of the draft: who may is told that, and nothing is approved
    approved = anonymous.post(f"{address}/approve", json={"digest": digest, "reason": "x"}, headers=ORIGIN)
    used = anonymous.post(f"{address}/use", json={"reason": "x"}, headers=ORIGIN)
    on_page = anonymous.post(f"/references/{draft}/approve", data={"digest": digest, "reason": "x"}, headers=ORIGIN)
    retired = anonymous.post(f"{address}/retire", json={"reason": "x"}, headers=ORIGIN)
    answers = [answer.status_code for answer in (approved, used, on_page, retired)]
    match name:
        case "quinn":
            assert answers == [409, 409, 409, 200]
        case "mia":
            assert answers == [403, 409, 403, 403]
        case _:
            assert answers == [403] * 4


def test_no_token_moves_a_reference_on(review: TestClient, draft: int) -> None:
    assert review.get(f"/v1/references/{draft}").status_code == 200
    for decision in ("use", "retire"):
        answer = review.post(f"/v1/references/{draft}/{decision}", json={"reason": "x"}, headers=ORIGIN)
        assert answer.status_code == 403


def test_an_msat_engineer_reads_the_packet_and_cannot_approve_it(draft: int, page: Page) -> None:
    page.goto("/references")
    page.get_by_role("link", name="new reference for AUTO-2.0").click()
    main = page.locator("main")
    expect(main).to_contain_text("Of 24 batches 1 would have alerted under limits that the others set")
    expect(main).to_contain_text("no: wrong medium")
    expect(main).to_contain_text("120 % (ewma)")
    expect(main).to_contain_text("Blind for 2.0 h of expansion")
    expect(main).to_contain_text("22 patient, 2 healthy donor · pooled no difference was seen in 20 pairs")
    expect(main).to_contain_text("it fails: nobody has assessed alert 4")
    let_in = page.get_by_role("row", name="CT-3")
    expect(let_in).to_contain_text("let in the assay failed, not the batch although viability 61 %")
    expect(page.get_by_role("row", name="AUTO-2.0")).to_contain_text("2 of 26 0.9 % to 25.1 %")
    expect(page.get_by_role("row", name="AUTO-2.0")).to_contain_text("none judged")
    expect(main).to_contain_text("204.0 h of 2 batches, 1.0 % blind")
    expect(page.get_by_role("row", name="rinse")).to_contain_text("no: only 3 of 24 batches have it")
    expect(page.get_by_role("row", name="expansion 24")).to_contain_text("69.5 h75.2 h204.0 h198.0 h209.0 hyes")
    expect(main).to_contain_text("With nothing added 0 of 24 alerted in the same hours")
    expect(page.locator(".power circle")).to_have_count(3)
    expect(page.get_by_role("row", name="pH 0.03")).to_contain_text("12 of 2429.1 % to 70.9 %4.5 h")
    expect(main).to_contain_text('name = "tcell"')
    expect(main).to_contain_text("Somebody of QA who did not draft it approves it")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    page.get_by_label("Batches a year").fill("48")
    page.get_by_role("button", name="Reckon").click()
    expect(main).to_contain_text("then 2 batches a year are expected to alert with nothing wrong (0.048 to 10")
