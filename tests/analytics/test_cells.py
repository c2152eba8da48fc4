import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.cells import CellReducer, ClosedCell
from analytics.grid import Grid
from analytics.segment import Segment, Tick
from tests.analytics.plant import pieces

GRID = Grid(width_us=1000, cells=50)


def reducer(lateness_us: int = 200) -> CellReducer:
    return CellReducer(grid=GRID, start_us=0, lateness_us=lateness_us, slots=3)


def segment(readings: list[tuple[int, int, float, int]], tick: Tick | None = None) -> Segment:
    slots, times, values, qualities = zip(*readings, strict=True) if readings else ((), (), (), ())
    return Segment(
        ordinals=np.arange(len(readings), dtype=np.int64),
        tag_ids=np.array(slots, np.int32),
        source_times_us=np.array(times, np.int64),
        values=np.array(values, np.float64),
        qualities=np.array(qualities, np.uint8),
        tick=tick,
    )


def seen(cells: list[ClosedCell]) -> list[tuple[int, int, bytes, bytes]]:
    return [(cell.index, cell.end_us, cell.values.tobytes(), cell.readings.tobytes()) for cell in cells]


readings_strategy = st.lists(
    st.tuples(
        st.integers(-1, 2),
        st.integers(-500, 12_000),
        st.sampled_from([0.0, -0.0, 1.5, 2.25, -3.0, 1e9]),
        st.sampled_from([0, 64, 192]),
    ),
    max_size=60,
)


@given(readings=readings_strategy, cuts=st.lists(st.integers(0, 60), max_size=6), ticked=st.booleans())
@settings(max_examples=300, deadline=None)
def test_DETECT_1_cutting_the_stream_anywhere_gives_the_same_cells_and_the_same_state(
    readings: list[tuple[int, int, float, int]], cuts: list[int], *, ticked: bool
) -> None:
    tick = Tick(plant_time_us=9_000, transport_allowance_us=500) if ticked else None
    whole = segment(readings, tick)
    one = reducer()
    expected = one.feed(whole, whole.tag_ids)
    many = reducer()
    closed: list[ClosedCell] = []
    late = 0
    for piece in pieces(whole, cuts):
        result = many.feed(piece, piece.tag_ids)
        closed += result.closed
        late += len(result.late)
        many = CellReducer.from_bytes(many.to_bytes())
    assert seen(closed) == seen(expected.closed)
    assert late == len(expected.late)
    assert many.to_bytes() == one.to_bytes()


@given(st.permutations([(0, 100, 1.0, 192), (0, 300, 5.0, 192), (0, 200, 2.0, 64), (1, 900, 4.0, 192)]))
def test_a_set_of_readings_gives_one_value_whatever_their_order(
    readings: list[tuple[int, int, float, int]],
) -> None:
    some = segment([*readings, (2, 1_200, 0.0, 192)])
    (cell,) = reducer().feed(some, some.tag_ids).closed
    assert cell.values[:2].tolist() == [2.0, 4.0]
    assert np.isnan(cell.values[2])


def test_a_reading_for_a_closed_cell_is_late_and_is_never_merged() -> None:
    some = segment([(0, 100, 1.0, 192), (0, 1_200, 9.0, 192), (0, 150, 100.0, 192), (0, 2_200, 1.0, 192)])
    watched = reducer()
    result = watched.feed(some, some.tag_ids)
    assert [cell.values[0] for cell in result.closed] == [1.0, 9.0]
    assert result.late.tolist() == [2]
    assert watched.late_counts.tolist() == [1, 0, 0]


def test_a_reading_within_the_allowed_lateness_counts() -> None:
    some = segment([(0, 100, 1.0, 192), (0, 1_199, 9.0, 192), (0, 150, 3.0, 192), (0, 1_200, 1.0, 192)])
    result = reducer().feed(some, some.tag_ids)
    assert [cell.values[0] for cell in result.closed] == [2.0]
    assert len(result.late) == 0


def test_readings_of_bad_quality_move_time_but_give_no_value() -> None:
    some = segment([(0, 100, 7.0, 0), (0, 1_300, 7.0, 0)])
    (cell,) = reducer().feed(some, some.tag_ids).closed
    assert np.isnan(cell.values[0])


def test_a_tick_closes_cells_when_nobody_speaks_but_not_before_the_allowance() -> None:
    watched = reducer()
    some = segment([(0, 100, 1.0, 192)])
    assert watched.feed(some, some.tag_ids).closed == []
    early = segment([], Tick(plant_time_us=1_600, transport_allowance_us=500))
    assert watched.feed(early, early.tag_ids).closed == []
    due = segment([], Tick(plant_time_us=1_700, transport_allowance_us=500))
    assert len(watched.feed(due, due.tag_ids).closed) == 1


def test_one_clock_hours_ahead_does_not_close_the_cells_of_the_others_once_time_is_known() -> None:
    watched = reducer()
    tick = segment([], Tick(plant_time_us=1_000, transport_allowance_us=500))
    watched.feed(tick, tick.tag_ids)
    ahead = segment([(0, 40_000, 5.0, 192), (1, 1_050, 2.0, 192)])
    result = watched.feed(ahead, ahead.tag_ids)
    assert result.late.tolist() == []
    assert watched.closed == 0
    later = segment([], Tick(plant_time_us=1_300, transport_allowance_us=500))
    watched.feed(later, later.tag_ids)
    on_time = segment([(1, 1_250, 2.0, 192)])
    assert watched.feed(on_time, on_time.tag_ids).late.tolist() == []
    assert watched.closed == 1


def test_a_clock_that_nobody_watches_closes_no_cell() -> None:
    watched = reducer()
    stray = segment([(-1, 40_000, 5.0, 192), (0, 100, 2.0, 192)])
    assert watched.feed(stray, stray.tag_ids).late.tolist() == []
    assert watched.closed == 0
