"""The old process's paper record, typed in by two people who slip, and imported."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray

from batchwitness.importing.outcome import Outcome
from batchwitness.plant.equipment import TIMEZONE
from batchwitness.plant.masterdata import masterdata
from batchwitness.plant.messages import PlacedBatch
from batchwitness.plant.paper import Slip, Written, write_paper
from batchwitness.plant.scenario import OLD_BATCHES, Scenario
from records.masterdata import load_masterdata
from tests.batchwitness.importing.conftest import Desk
from tests.fix_postgres import Database


@pytest.fixture
def placed(history: Scenario) -> list[PlacedBatch]:
    return list(history.placed[:OLD_BATCHES])


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    """Of the demo plant."""
    with psycopg.connect(database.dsn("owner"), autocommit=True) as owner:
        with owner.transaction():
            since = datetime(2020, 1, 1, tzinfo=UTC)
            load_masterdata(owner, masterdata(), by="test", reason="the demo plant", effective_from=since)
        yield Desk(database=database, directory=tmp_path / "history", owner=owner)


def imported(desk: Desk, placed: list[PlacedBatch]) -> tuple[Written, Outcome]:
    return write_paper(placed, desk.directory), desk.run()


def test_every_planted_slip_is_put_aside_and_everything_else_is_stored_once(
    desk: Desk, placed: list[PlacedBatch]
) -> None:
    written, outcome = imported(desk, placed)

    found = desk.ask(
        "SELECT tag.name, source_time, first_text, second_text FROM entry_disagreement JOIN tag USING (tag_id)"
    )
    twice = sum(np.isfinite(row).sum() for one in placed for at_h, row in _rows(one) if _shown_twice(one, at_h))
    assert len(written.slips) > 20
    assert sorted(found) == sorted(_as_found(slip) for slip in written.slips)
    assert desk.ask("SELECT count(*) FROM reading") == [(written.places - len(written.slips) - twice,)]
    codes = Counter(code in ("entries_disagree", "entry_missing") for *_, code in desk.faults())
    assert (codes[True], codes[False]) == (len(written.slips), twice), "and the hour that clocks showed twice"
    assert outcome.paper is not None
    assert (outcome.paper.pages, outcome.paper.pages_without_image) == (written.pages, written.pages_lost)
    assert written.pages_lost > 0
    assert desk.ask("SELECT count(*) FROM manual_entry WHERE checked = 'double_entry'") == desk.ask(
        "SELECT count(*) FROM reading"
    )


def test_batches_phases_events_and_results_arrive_as_the_plant_had_them(desk: Desk, placed: list[PlacedBatch]) -> None:
    imported(desk, placed)

    assert desk.ask(
        "SELECT name, status, lower(during), (SELECT count(*) FROM phase WHERE phase.unit_procedure_id ="
        " unit_procedure.unit_procedure_id) FROM batch JOIN unit_procedure USING (batch_id) ORDER BY name"
    ) == [(one.batch.spec.name, "completed", one.started, len(one.batch.phases)) for one in placed]
    assert desk.ask("SELECT count(*) FROM event WHERE kind IN ('material_used', 'intervention')") == [
        (sum(len(one.batch.events) for one in placed),)
    ]
    assert desk.ask("SELECT count(*) FROM qc_result") == [(sum(len(one.batch.results) for one in placed),)]


def test_the_same_batches_give_the_same_files(placed: list[PlacedBatch], tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_paper(placed[:2], tmp_path / name)
    ones = {path.relative_to(tmp_path / "one"): path.read_bytes() for path in (tmp_path / "one").rglob("*.*")}
    twos = {path.relative_to(tmp_path / "two"): path.read_bytes() for path in (tmp_path / "two").rglob("*.*")}
    assert ones == twos


def _rows(one: PlacedBatch) -> Iterator[tuple[float, NDArray[np.float64]]]:
    yield from zip(one.batch.times_h.tolist(), one.batch.values, strict=True)


def _shown_twice(one: PlacedBatch, at_h: float) -> bool:
    local = (one.started + timedelta(hours=at_h)).astimezone(ZoneInfo(TIMEZONE))
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _as_found(slip: Slip) -> tuple[str, datetime, str, str]:
    texts = (slip.on_page, slip.typed) if slip.second else (slip.typed, slip.on_page)
    return (slip.tag, slip.time, *texts)
