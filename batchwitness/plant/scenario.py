"""The story that the demo tells: old batches, the switch, new batches, and six running ones of which two drift."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from batchwitness.plant import quality
from batchwitness.plant.batches import SimulatedBatch, simulate
from batchwitness.plant.equipment import (
    BIOREACTOR_HALL,
    BIOREACTOR_POSITION,
    BIOREACTORS,
    INCUBATOR_ROOM,
    INCUBATORS,
    SHELVES,
    SITE,
)
from batchwitness.plant.faults import Fault, FaultKind
from batchwitness.plant.messages import PlacedBatch
from batchwitness.plant.specs import BatchSpec, ProcessName, randomness

OLD_BATCHES, NEW_BATCHES, LIVE_BATCHES = 16, 24, 6
DONORS_OF_BOTH = 4  # gave cells for an old and for a new batch
HISTORY_INTERVAL_S, LIVE_INTERVAL_S = 300.0, 60.0
OLD_STARTS_EVERY, NEW_STARTS_EVERY = timedelta(days=27), timedelta(days=6)
SWITCH_TAKES = timedelta(days=20)  # between the start of the last old batch and the first new one
LAST_NEW_BEFORE_LIVE = timedelta(days=18)
LIVE_STARTS_H = (0.0, 4.0, 9.0, 14.0, 294.0, 299.0)  # four in parallel; two more when a unit is free and clean again
LIVE_LENGTH = timedelta(hours=588)
PHASES_SD_H = 1.5  # by how much operators begin a phase of the new process earlier or later

HEATER_FADES = Fault(kind=FaultKind.HEATER_FADES, start_h=26.0, size=0.52, ramp_h=12.0)
FEED_UNDERDELIVERS = Fault(kind=FaultKind.FEED_UNDERDELIVERS, start_h=126.0, size=0.35, ramp_h=12.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Batches with place and time; what they would say after `until` is not said yet."""

    placed: tuple[PlacedBatch, ...]
    until: datetime


def live_start(end: datetime) -> datetime:
    """08:00 UTC of the last day from which the running batches end before `end`, which is aware."""
    latest = end.astimezone(UTC) - LIVE_LENGTH
    morning = latest.replace(hour=8, minute=0, second=0, microsecond=0)
    return morning if morning <= latest else morning - timedelta(days=1)


def history(seed: int, *, end: datetime) -> Scenario:
    """16 old batches over fourteen months, then 24 new ones over five; it stops where `live` of the same end begins."""
    until = live_start(end)
    new_starts = [until - LAST_NEW_BEFORE_LIVE - NEW_STARTS_EVERY * n for n in reversed(range(NEW_BATCHES))]
    last_old = new_starts[0] - SWITCH_TAKES
    old_starts = [last_old - OLD_STARTS_EVERY * n for n in reversed(range(OLD_BATCHES))]
    random = randomness("starts", seed)
    old_starts = [start + timedelta(minutes=15 * int(random.integers(0, 16))) for start in old_starts]
    new_starts = [start + timedelta(seconds=int(random.integers(0, 10_800))) for start in new_starts]
    donors = _donors(seed)
    new_donors = donors[OLD_BATCHES - DONORS_OF_BOTH :]
    specs = [_spec(seed, "MAN-1.0", n, donors[n], old_starts[n]) for n in range(OLD_BATCHES)]
    specs += [_spec(seed, "AUTO-2.0", n, new_donors[n], new_starts[n]) for n in range(NEW_BATCHES)]
    simulated = simulate(specs, interval_s=HISTORY_INTERVAL_S)
    old = [
        PlacedBatch(
            batch=batch,
            site=SITE,
            area=INCUBATOR_ROOM,
            unit=INCUBATORS[n % len(INCUBATORS)],
            position=SHELVES[n // len(INCUBATORS) % len(SHELVES)],
            started=start,
        )
        for n, (batch, start) in enumerate(zip(simulated[:OLD_BATCHES], old_starts, strict=True))
    ]
    new = _in_bioreactors(_with_laboratory_troubles(simulated[OLD_BATCHES:]), new_starts)
    return Scenario(placed=(*old, *new), until=until)


def live(seed: int, *, end: datetime, interval_s: float = LIVE_INTERVAL_S) -> Scenario:
    """6 new batches on 4 units, a reading every `interval_s`, a whole number of minutes.

    The first heater fades, one of the next three loses feed.
    """
    start = live_start(end)
    starved = 1 + int(randomness("starved", seed).integers(3))
    faults = {0: HEATER_FADES, starved: FEED_UNDERDELIVERS}
    donors = _donors(seed)[OLD_BATCHES - DONORS_OF_BOTH + NEW_BATCHES :]
    starts = [start + timedelta(hours=at_h) for at_h in LIVE_STARTS_H]
    specs = [
        replace(_spec(seed, "AUTO-2.0", NEW_BATCHES + n, donors[n], starts[n]), fault=faults.get(n))
        for n in range(LIVE_BATCHES)
    ]
    simulated = simulate(specs, interval_s=interval_s)
    return Scenario(placed=tuple(_in_bioreactors(simulated, starts)), until=start + LIVE_LENGTH)


def _spec(seed: int, process: ProcessName, number: int, donor: str, started: datetime) -> BatchSpec:
    first = 1001 if process == "MAN-1.0" else 2001
    return BatchSpec(
        name=f"CT-{first + number}",
        process=process,
        donor=donor,
        seed=seed,
        activator_lot=_lot("ACT", seed, process, number // 6),
        vector_lot=_lot("VEC", seed, process, number // 5),
        clock_h=started.hour + started.minute / 60.0,
        phases_sd_h=PHASES_SD_H,
    )


def _donors(seed: int) -> list[str]:
    """Pseudonyms: old batches first, then new and running ones; the last old donors are the first new ones."""
    needed = OLD_BATCHES + NEW_BATCHES + LIVE_BATCHES - DONORS_OF_BOTH
    numbers = randomness("donors", seed).choice(9000, size=needed, replace=False)
    return [f"D-{1000 + int(number)}" for number in numbers]


def _lot(material: str, seed: int, process: ProcessName, ordinal: int) -> str:
    return f"{material}-{int(randomness('lot', material, seed, process, ordinal).integers(1000, 10_000))}"


def _in_bioreactors(batches: Sequence[SimulatedBatch], starts: Sequence[datetime]) -> list[PlacedBatch]:
    return [
        PlacedBatch(
            batch=batch,
            site=SITE,
            area=BIOREACTOR_HALL,
            unit=BIOREACTORS[n % len(BIOREACTORS)],
            position=BIOREACTOR_POSITION,
            started=start,
        )
        for n, (batch, start) in enumerate(zip(batches, starts, strict=True))
    ]


def _with_laboratory_troubles(batches: Sequence[SimulatedBatch]) -> list[SimulatedBatch]:
    """The seventh batch's transduced fraction was gated wrongly and corrected; the tenth's copy number came late."""
    troubled = list(batches)
    for place, trouble in ((6, _misread), (9, _delayed)):
        results = [stated for result in troubled[place].results for stated in trouble(result)]
        troubled[place] = replace(troubled[place], results=tuple(results))
    return troubled


def _misread(result: quality.Result) -> list[quality.Result]:
    if result.attribute != "transduced_fraction":
        return [result]
    wrong = replace(result, value=f"{float(result.value) * 1.3:.1f}")
    return [wrong, quality.corrected(wrong, value=result.value, after_h=52.0)]


def _delayed(result: quality.Result) -> list[quality.Result]:
    return [quality.late(result, by_h=216.0) if result.attribute == "vector_copy_number" else result]
