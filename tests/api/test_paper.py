"""What is said of a record that people wrote down."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from tests.api.seed import Plant, add_batch

HOUR = timedelta(hours=1)


def write_down(plant: Plant, number: int, checked: str, by: str | None, page: str, digest: bytes | None) -> None:
    start = plant.started["CT-1"]
    plant.insert(
        "manual_entry",
        tag_id=plant.tags["BR-01", "glucose"],
        source_time=start + number * HOUR,
        value_text="11.4",
        capture_mode="manual",
        checked=checked,
        entered_by="mara",
        entered_at=start + 2 * number * HOUR,
        checked_by=by,
        page_image=page,
        page_digest=digest,
        time_resolution_s=900.0,
        chain_id=plant.chain,
        block_seq=1,
        entry=0,
    )


def disagree(plant: Plant, number: int, first: str, second: str) -> None:
    plant.insert(
        "entry_disagreement",
        tag_id=plant.tags["BR-01", "glucose"],
        source_time=plant.started["CT-1"] + number * HOUR,
        first_text=first,
        first_by="mara",
        second_text=second,
        second_by="ben",
        chain_id=plant.chain,
        block_seq=1,
        entry=0,
    )


@pytest.fixture
def paper(plant: Plant) -> Plant:
    """A batch of which two people typed in eight readings: on two they disagree, one of these is settled."""
    add_batch(plant, "CT-1", started=plant.now - 40 * HOUR)
    for number in range(1, 7):
        write_down(plant, number, "double_entry", "ben", "p1.png", b"1")
    write_down(plant, 7, "adjudicated", "lea", "p2.png", None)
    write_down(plant, 10, "unchecked", None, "p2.png", None)
    disagree(plant, 7, "11.4", "14.1")
    disagree(plant, 8, "11.4", "1.14")
    disagree(plant, 9, "11.4", "")
    disagree(plant, 1_000, "11.4", "11.5")  # long after: not of this batch, which has ended by then
    plant.do("UPDATE unit_procedure SET during = tstzrange(lower(during), lower(during) + interval '30 hours')")
    return plant


def test_the_paper_record_of_a_batch_is_counted(review: TestClient, paper: Plant) -> None:
    found = review.get("/v1/batches/CT-1/paper").json()

    assert (found["readings"], found["double_entry"], found["adjudicated"], found["unchecked"]) == (8, 6, 1, 1)
    assert found["checked_share"] == 7 / 8
    slips = found["transcription_errors"]
    assert (slips["pairs"], slips["disagreements"], slips["share"]) == (8, 2, 0.25)
    assert (slips["low"], slips["high"]) == pytest.approx((0.0318540, 0.6508558), abs=1e-6), "Clopper and Pearson"
    assert (found["omissions"], found["unsettled"]) == (1, 2)
    assert (found["entry_delay_median_s"], found["entry_delay_longest_s"]) == (4 * 3600.0, 10 * 3600.0)
    assert (found["pages"], found["pages_without_image"], found["time_resolution_s"]) == (2, 1, 900.0)


def test_a_batch_without_paper_has_none_and_an_unknown_one_is_not_found(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - 40 * HOUR)
    found = review.get("/v1/batches/CT-1/paper").json()
    assert (found["readings"], found["transcription_errors"], found["checked_share"]) == (0, None, None)
    assert review.get("/v1/batches/CT-9/paper").status_code == 404


def test_the_page_of_a_batch_says_what_its_paper_record_is_worth(review: TestClient, paper: Plant) -> None:
    page = " ".join(review.get("/batches/CT-1").text.split())
    assert "two people disagreed on <b>2 of 8</b> (25.0 %, 95 % interval 3.1 % to 65.0 %)" in page
    assert "<b>2 wait for a third person</b>" in page
    assert "2 pages, <b>1 without image</b>" in page
