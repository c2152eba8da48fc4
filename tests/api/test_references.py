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
         "effect": None, "largest_effect": None},
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
    ]
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
    expect(main).to_contain_text("Somebody of QA who did not draft it approves it")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    page.get_by_label("Batches a year").fill("48")
    page.get_by_role("button", name="Reckon").click()
    expect(main).to_contain_text("then 2 batches a year are expected to alert with nothing wrong (0.048 to 10")
