"""The old process as it is found on paper: pages, two transcriptions of them, and lists of batches and results.

Whoever types in slips now and then: digits change places, a decimal sign moves, a line is left out. Every slip that is
planted is returned as a label; the files do not tell.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from batchwitness.plant.equipment import TIMEZONE
from batchwitness.plant.manual import STAMP_H
from batchwitness.plant.messages import NEEDED_AFTER, PRODUCT, STARTING_MATERIAL, PlacedBatch
from batchwitness.plant.specs import randomness
from batchwitness.plant.tags import MANUAL_TAGS

PEOPLE = ("a.visser", "b.jansen", "c.smit", "d.bakker")
ROUNDS_A_PAGE = 8
SLIPS = 0.012  # of the values each of the two types in
PAGE_LOST = 0.03  # of the pages' images
SECOND_AFTER_H = (12.0, 72.0)  # the second person types in that much later

MAPPING = f"""\
[defaults]
time_zone = "{TIMEZONE}"
time_format = "%d-%m-%Y %H:%M"
delimiter = ";"
decimal = ","

[[file]]
path = "batches.csv"
kind = "intervals"

[[file]]
path = "events.csv"
kind = "events"

[[file]]
path = "results.csv"
kind = "results"

[[file]]
path = "paper/*-first.csv"
second = "paper/*-second.csv"
kind = "paper"
pages = "paper/pages"
time_resolution_s = {STAMP_H * 3600}
other_names = "take"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """What somebody typed in otherwise than it stands on the page."""

    batch: str
    tag: str
    time: datetime
    second: bool  # the second of the two slipped, else the first
    on_page: str
    typed: str  # empty: left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written down, and what went wrong when it was typed in."""

    places: int  # values on all pages
    slips: tuple[Slip, ...]
    pages: int
    pages_lost: int


def write_paper(placed: Sequence[PlacedBatch], directory: Path) -> Written:
    """Write the record of old batches with a mapping for their import; the same batches give the same bytes."""
    (directory / "paper" / "pages").mkdir(parents=True, exist_ok=True)
    (directory / "mapping.toml").write_text(MAPPING, encoding="utf-8")
    _write(directory / "batches.csv", INTERVALS, (row for one in placed for row in _intervals(one)))
    _write(directory / "events.csv", EVENTS, (row for one in placed for row in _events(one)))
    _write(directory / "results.csv", RESULTS, (row for one in placed for row in _results(one)))
    sheets = [_write_sheet(one, directory / "paper") for one in placed]
    return Written(
        places=sum(sheet.places for sheet in sheets),
        slips=tuple(slip for sheet in sheets for slip in sheet.slips),
        pages=sum(sheet.pages for sheet in sheets),
        pages_lost=sum(sheet.pages_lost for sheet in sheets),
    )


INTERVALS = ("unit", "batch", "position", "phase", "started", "ended", "process", "product", "donor",
             "starting_material", "chain_of_identity", "required_by", "reason")  # fmt: skip
EVENTS = ("unit", "event", "time", "batch", "position", "material", "lot", "comment")
RESULTS = ("result", "batch", "specimen", "attribute", "method", "value", "unit_of_measure", "sampled_at",
           "measured_at", "status", "replaces", "stated_by")  # fmt: skip
ENTRIES = ("time", "unit", "position", "tag", "value", "entered_by", "entered_at")


def _intervals(one: PlacedBatch) -> Iterable[Sequence[str]]:
    spec, unit = one.batch.spec, _unit(one)
    given = (spec.donor, STARTING_MATERIAL.value, f"COI-{spec.name}")
    about = (spec.process, PRODUCT, *given, _local(one.started + NEEDED_AFTER), "harvested")
    yield unit, spec.name, one.position, "", _at(one, 0.0), _at(one, one.batch.end_h), *about
    for name, start_h, end_h in one.batch.phases:
        yield unit, spec.name, "", name, _at(one, start_h), _at(one, end_h), *("",) * len(about)


def _events(one: PlacedBatch) -> Iterable[Sequence[str]]:
    for event in one.batch.events:
        said = {"unit": _unit(one), "event": event.event, "time": _at(one, event.at_h), "batch": one.batch.spec.name}
        said |= {"position": one.position} | event.fields
        yield [said.get(name, "") for name in EVENTS]


def _results(one: PlacedBatch) -> Iterable[Sequence[str]]:
    for result in one.batch.results:
        said = {name: str(getattr(result, name) or "") for name in RESULTS if hasattr(result, name)}
        said |= {"batch": one.batch.spec.name}
        said |= {"sampled_at": _at(one, result.sampled_h), "measured_at": _at(one, result.measured_h)}
        yield [said[name] for name in RESULTS]


def _write_sheet(one: PlacedBatch, directory: Path) -> Written:
    """One batch's pages, and both transcriptions of them."""
    batch = one.batch
    random = randomness("transcription", batch.spec.name, batch.spec.seed)
    entries: tuple[list[list[str]], list[list[str]]] = ([], [])
    slips: list[Slip] = []
    pages: dict[int, list[tuple[str, str, str]]] = {}
    for number, (at_h, values, entered_h) in enumerate(
        zip(batch.times_h.tolist(), batch.values, batch.published_h.tolist(), strict=True)
    ):
        page = number // ROUNDS_A_PAGE
        first, second = (PEOPLE[int(who)] for who in random.choice(len(PEOPLE), size=2, replace=False))
        later_h = entered_h + float(random.uniform(*SECOND_AFTER_H))
        people = ((first, _at(one, _minutes(entered_h))), (second, _at(one, _minutes(later_h))))
        for tag, value in zip(MANUAL_TAGS, values.tolist(), strict=True):
            slipping, kind = random.random(2) < SLIPS, int(random.integers(3))
            if np.isnan(value):
                continue
            on_page = f"{value:.6g}".replace(".", ",")
            pages.setdefault(page, []).append((_at(one, at_h), tag.name, on_page))
            who = 0 if slipping[0] else 1 if slipping[1] else None
            for person, (name, entered) in enumerate(people):
                typed = _slipped(on_page, kind) if person == who else on_page
                if person == who:
                    time = one.started + timedelta(hours=at_h)
                    slips.append(
                        Slip(
                            batch=batch.spec.name,
                            tag=tag.name,
                            time=time,
                            second=who == 1,
                            on_page=on_page,
                            typed=typed,
                        )
                    )
                if typed:
                    place = [_at(one, at_h), _unit(one), one.position, tag.name]
                    entries[person].append([*place, typed, name, entered, _page_name(one, page)])
    for name, rows in zip(("first", "second"), entries, strict=True):
        _write(directory / f"{batch.spec.name}-{name}.csv", (*ENTRIES, "page_image"), rows)
    lost = [page for page in pages if random.random() < PAGE_LOST]
    for page, lines in pages.items():
        if page not in lost:
            (directory / "pages" / _page_name(one, page)).write_text(_drawn(one, lines), encoding="utf-8")
    return Written(
        places=sum(len(lines) for lines in pages.values()), slips=tuple(slips), pages=len(pages), pages_lost=len(lost)
    )


def _slipped(text: str, kind: int) -> str:
    """What becomes of a value under hands that hurry; never the same number."""
    if kind == 0:
        return ""
    digits = [place for place, character in enumerate(text) if character.isdigit()]
    for one, other in pairwise(digits):
        if kind == 1 and text[one] != text[other] and text[one] != "0":
            characters = list(text)
            characters[one], characters[other] = text[other], text[one]
            return "".join(characters)
    return text.replace(",", "") if "," in text else f"1{text}"


def _page_name(one: PlacedBatch, page: int) -> str:
    return f"{one.batch.spec.name}-{page + 1}.svg"


def _drawn(one: PlacedBatch, lines: Sequence[tuple[str, str, str]]) -> str:
    """A page as an image."""
    height = 16 * (len(lines) + 2)
    rows = [f"{one.batch.spec.name}, {_unit(one)}, shelf {one.position}", *("   ".join(line) for line in lines)]
    text = "".join(f'<text x="8" y="{16 * (n + 1)}">{escape(row)}</text>' for n, row in enumerate(rows))
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="480" height="{height}" font-size="12">{text}</svg>\n'


def _unit(one: PlacedBatch) -> str:
    return f"{one.site}/{one.area}/{one.unit}"


def _minutes(hours: float) -> float:
    return round(hours * 60.0) / 60.0


def _at(one: PlacedBatch, hours: float) -> str:
    return _local(one.started + timedelta(hours=hours))


def _local(time: datetime) -> str:
    """As the clock on the wall shows it, to the minute."""
    return (time + timedelta(seconds=30)).astimezone(ZoneInfo(TIMEZONE)).strftime("%d-%m-%Y %H:%M")


def _write(path: Path, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\n")
        writer.writerow(headings)
        writer.writerows(rows)
