"""A story short enough for a test: 24 completed batches to learn from, then three running ones of which one drifts."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from batchwitness.plant.batches import SimulatedBatch, simulate
from batchwitness.plant.equipment import BIOREACTOR_HALL, BIOREACTOR_POSITION, BIOREACTORS, SITE
from batchwitness.plant.faults import Fault, FaultKind
from batchwitness.plant.masterdata import masterdata
from batchwitness.plant.messages import Message, PlacedBatch, stream
from batchwitness.plant.specs import BatchSpec, ProcessName

PROCESS: ProcessName = "AUTO-2.0"
LENGTH_H = 48.0
INTERVAL_S = 120.0
HISTORY_BATCHES = 24  # from 20 on limits are learned
HISTORY_EVERY = 5  # of the live interval: ten minutes, three readings a cell
HISTORY_BOOT, LIVE_BOOT = 1, 2
DRIFTING, OTHERS = "CT-9001", ("CT-9002", "CT-9003")
DRIFTING_UNIT = BIOREACTORS[0]
LIVE_BATCHES = 1 + len(OTHERS)
STARTS_H = (0.0, 1.0, 3.0)
HEATER_FADES = Fault(kind=FaultKind.HEATER_FADES, start_h=12.0, size=0.55, ramp_h=6.0)
VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
LIVE_START = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the plant says, in order of plant time."""

    history: tuple[Message, ...]
    live: tuple[Message, ...]

    @property
    def readings(self) -> int:
        """Of both parts."""
        return sum(message.readings for message in (*self.history, *self.live))


def tell() -> Story:
    """Simulate the story; takes some seconds, nearly all of them for the first batch."""
    specs = [
        *(_spec(f"CT-{8001 + n}", donor=n, fault=None) for n in range(HISTORY_BATCHES)),
        _spec(DRIFTING, donor=HISTORY_BATCHES, fault=HEATER_FADES),
        *(_spec(name, donor=HISTORY_BATCHES + 1 + n, fault=None) for n, name in enumerate(OTHERS)),
    ]
    batches = [shortened(batch, LENGTH_H) for batch in simulate(specs, interval_s=INTERVAL_S)]
    past, running = batches[:HISTORY_BATCHES], batches[HISTORY_BATCHES:]
    first = LIVE_START - timedelta(days=3 * (HISTORY_BATCHES + 1))
    history = [_placed(_thinned(batch), n, first + timedelta(days=3 * n)) for n, batch in enumerate(past)]
    live = [_placed(batch, n, LIVE_START + timedelta(hours=STARTS_H[n])) for n, batch in enumerate(running)]
    return Story(
        history=tuple(stream(history, boot=HISTORY_BOOT)),
        live=tuple(stream(live, boot=LIVE_BOOT)),
    )


def shortened(batch: SimulatedBatch, end_h: float) -> SimulatedBatch:
    """The same batch, harvested at `end_h`; a reading at that very instant belongs to it no more."""
    kept = batch.times_h < end_h
    return replace(
        batch,
        phases=tuple((name, start, min(end, end_h)) for name, start, end in batch.phases if start < end_h),
        times_h=batch.times_h[kept],
        values=batch.values[kept],
        published_h=batch.published_h[kept],
        results=tuple(result for result in batch.results if result.measured_h < end_h),
        events=tuple(event for event in batch.events if event.at_h < end_h),
        end_h=end_h,
    )


def described() -> list[tuple[dict[str, Any], datetime]]:
    """The demo plant's master data and from when they hold: tags spoke seldom, and speak every INTERVAL_S now."""
    return [
        (masterdata(interval_s=HISTORY_EVERY * INTERVAL_S), VALID_FROM),
        (masterdata(interval_s=INTERVAL_S), LIVE_START),
    ]


def _spec(name: str, *, donor: int, fault: Fault | None) -> BatchSpec:
    return BatchSpec(name=name, process=PROCESS, donor=f"D-{7001 + donor}", seed=20, fault=fault, clock_h=8.0)


def _thinned(batch: SimulatedBatch) -> SimulatedBatch:
    return replace(
        batch,
        times_h=batch.times_h[::HISTORY_EVERY],
        values=batch.values[::HISTORY_EVERY],
        published_h=batch.published_h[::HISTORY_EVERY],
    )


def _placed(batch: SimulatedBatch, number: int, started: datetime) -> PlacedBatch:
    return PlacedBatch(
        batch=batch,
        site=SITE,
        area=BIOREACTOR_HALL,
        unit=BIOREACTORS[number % len(BIOREACTORS)],
        position=BIOREACTOR_POSITION,
        started=started,
    )
