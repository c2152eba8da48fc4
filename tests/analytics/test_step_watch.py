"""Bins of minutes do not depend on how the stream was cut, where ticks fell and where the state was stored."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.cells import CellReducer
from analytics.detectors.step import StepCourse
from analytics.grid import Grid
from analytics.segment import Segment, Tick
from analytics.step_watch import ClosedBin, StepWatch

TAGS, WIDTH_US, LATENESS_US, END_US = 3, 10, 4, 400


def course() -> StepCourse:
    flat = np.zeros((60, TAGS))
    return StepCourse(
        width_us=WIDTH_US,
        low=flat,
        high=flat,
        sd=flat + 1.0,
        unrest=flat + 5.0,
        alone=np.zeros((1, TAGS)),
        asked=1,
        fewest=np.array([[1.0, 2.0, 1.0]]),
    )


class Watched:
    """A reducer of cells and the bins behind it, as a monitor has them."""

    def __init__(self) -> None:
        self.reducer = CellReducer(
            grid=Grid(width_us=3 * WIDTH_US, cells=20), start_us=0, lateness_us=LATENESS_US, slots=TAGS
        )
        self.watch = StepWatch(course(), start_us=0, lateness_us=LATENESS_US)

    def feed(self, segment: Segment) -> list[ClosedBin]:
        segment = segment.in_journal_order()
        return self.watch.closed(segment, self.reducer.feed(segment, segment.tag_ids), slots=segment.tag_ids)

    def stored(self) -> "Watched":
        """Taken up again from its bytes."""
        again = Watched()
        again.reducer = CellReducer.from_bytes(self.reducer.to_bytes())
        again.watch.restore(self.watch.to_bytes())
        return again


def readings(rng: np.random.Generator) -> list[tuple[Segment, Tick | None]]:
    """Entries of a few readings, some late, some bad, and what the clock said behind them."""
    entries, now_us = [], 0
    for ordinal in range(1, 60):
        now_us = min(now_us + int(rng.integers(0, 15)), END_US)
        count = int(rng.integers(0, 4))
        entries.append(
            (
                Segment(
                    ordinals=np.full(count, ordinal, np.int64),
                    tag_ids=rng.integers(0, TAGS, count).astype(np.int32),
                    source_times_us=np.maximum(now_us - rng.integers(0, 30, count), 0).astype(np.int64),
                    values=rng.normal(0, 1, count),
                    qualities=np.where(rng.random(count) < 0.1, 0, 192).astype(np.uint8),
                ),
                Tick(plant_time_us=now_us, transport_allowance_us=2) if rng.random() < 0.4 else None,
            )
        )
    return entries


def joined(parts: list[Segment], tick: Tick | None = None) -> Segment:
    """The readings of all parts as one segment with a tick behind it."""
    return Segment(
        ordinals=np.concatenate([part.ordinals for part in parts]),
        tag_ids=np.concatenate([part.tag_ids for part in parts]),
        source_times_us=np.concatenate([part.source_times_us for part in parts]),
        values=np.concatenate([part.values for part in parts]),
        qualities=np.concatenate([part.qualities for part in parts]),
        tick=tick,
    )


def said(closed: list[ClosedBin]) -> list[tuple[int, int, bytes]]:
    return [(one.at, one.end_us, one.values.tobytes()) for one in closed]


@given(seed=st.integers(0, 100_000))
@settings(max_examples=60)
def test_DETECT_1_bins_do_not_depend_on_cuts_ticks_of_their_own_and_stored_states(seed: int) -> None:
    rng = np.random.default_rng(seed)
    entries = readings(rng)
    one, other = Watched(), Watched()
    expected, found = [], []
    waiting: list[Segment] = []
    for segment, tick in entries:
        # Entry by entry, and a tick on its own; beside it as many entries together as come before a tick.
        expected += said(one.feed(segment))
        waiting.append(segment)
        if tick is not None:
            expected += said(one.feed(Segment.of_tick(tick)))
            found += said(other.feed(joined(waiting, tick)))
            waiting = []
        if rng.random() < 0.3:
            one = one.stored()
        if rng.random() < 0.2 and not waiting:
            other = other.stored()
    found += said(other.feed(joined(waiting))) if waiting else []
    expected += said(one.watch.finish(END_US))
    found += said(other.watch.finish(END_US))
    assert found == expected
    assert expected, "something closed"


def test_a_tick_closes_the_bins_of_readings_that_came_before_it() -> None:
    watched = Watched()
    segment = Segment(
        ordinals=np.array([1, 1], np.int64),
        tag_ids=np.zeros(2, np.int32),
        source_times_us=np.array([1, 8], np.int64),
        values=np.array([4.0, 6.0]),
        qualities=np.full(2, 192, np.uint8),
    )
    assert watched.feed(segment) == []
    (closed,) = watched.feed(Segment.of_tick(Tick(plant_time_us=20, transport_allowance_us=0)))
    assert (closed.at, closed.values[0]) == (0, 5.0)
