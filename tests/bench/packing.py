"""Bytes a reading of the raw messages of blocks, and the work of packing them, beside levels of Zstandard."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import zstandard

from store.journal import encode_entry
from store.model.journal import Entry, EntryKind
from store.model.times import US_PER_S
from store.packing import packed
from tests.bench.campaign.speech import AREA, PREFIX, SITE
from tests.bench.process import machine_described
from tests.bench.report import report

TAGS, SECONDS, ROUNDS = 21, 300, 5
STARTED_US = 1_767_600_000_000_000  # 2026-01-05T08:00:00Z
UNITS, MESSAGES_A_BLOCK = (1, 10, 40), (1, 10, 1_000)
WAYS: dict[str, Callable[[bytes], bytes]] = {
    "level_1": partial(zstandard.compress, level=1),
    "level_3": partial(zstandard.compress, level=3),
    "level_6": partial(zstandard.compress, level=6),
    "ours": packed,
}


def bench_packing() -> None:
    """Units with 21 tags at 1 Hz whose messages alternate; rounds interleaved, the least time of each way."""
    for units in UNITS:
        entries = [encode_entry(entry) for entry in _entries(units)]
        for size in MESSAGES_A_BLOCK:
            blocks = [b"".join(entries[at : at + size]) for at in range(0, len(entries), size)]
            _report(units, size, blocks, readings=len(entries) * TAGS)


def _report(units: int, size: int, blocks: list[bytes], *, readings: int) -> None:
    spent: dict[str, float] = dict.fromkeys(WAYS, np.inf)
    taken: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            since = time.perf_counter()
            taken[name] = sum(len(way(block)) for block in blocks)
            spent[name] = min(spent[name], time.perf_counter() - since)
    report(
        "packing",
        units=units,
        messages_per_block=size,
        bytes_a_reading={name: round(taken[name] / readings, 3) for name in WAYS},
        ns_a_reading={name: round(1e9 * spent[name] / readings) for name in WAYS},
        machine=machine_described(),
    )


def _entries(units: int) -> list[Entry]:
    """Signals that wander by a few thousandths a second, as those of a culture do."""
    random = np.random.default_rng(1)
    start = 20 + np.arange(TAGS)
    walks = np.round(start + np.cumsum(random.normal(0, 0.004, (SECONDS, units, TAGS)), axis=0), 3).tolist()
    delays = random.integers(5_000, 8_000, (SECONDS, units)).tolist()
    return [
        _entry(unit, number, walks[number][unit], delays[number][unit])
        for number in range(SECONDS)
        for unit in range(units)
    ]


def _entry(unit: int, number: int, row: list[float], delay_us: int) -> Entry:
    time_us = STARTED_US + number * US_PER_S + unit * 37_000
    values = ",".join(f'"T{tag:02}":{value}' for tag, value in enumerate(row))
    body = f'{{"time":{time_us // 1000},"values":{{{values}}},"publisher":"edge-{unit}","boot":1,"seq":{number}}}'
    return Entry(
        kind=EntryKind.MESSAGE,
        topic=f"{PREFIX}/{SITE}/{AREA}/BR-{unit:02}/readings",
        payload=body.encode(),
        received_us=time_us + delay_us,
    )
