"""How an ended batch lay to the old process: stated once a run, from matched points alone."""

import psycopg
import pytest

from analytics.departures import Departure
from analytics.inputs import completed_batches
from analytics.monitor import BatchMonitor
from analytics.plan import TagCorrespondence
from analytics.reference import ReferenceModel
from analytics.references import learn_reference
from analytics.review import Brief
from analytics.segment import Segment
from store.model.correction import RevisionKind
from store.model.reference import ReferenceRole
from store.model.times import US_PER_H
from tests.analytics.conftest import LIVE_START, Watched, batch_messages
from tests.analytics.plant import HOURS, START_US, pieces, run_of, stream_of, tags_of_unit
from tests.analytics.test_corrections import correct
from tests.working import use_reference

STATED = (
    "SELECT run, phase, tag, declared, seen, inside, float8send(mean_distance), float8send(largest_distance), largest_h"
    " FROM departure JOIN monitor USING (monitor_id) ORDER BY run, phase, tag"
)

POINTS = (
    "SELECT run, value[1], expected[1], sd[1], reach[1] FROM departure_point JOIN monitor USING (monitor_id)"
    " ORDER BY run, point"
)


def monitor(old: ReferenceModel, *, phase: str | None = None) -> BatchMonitor:
    return BatchMonitor.start(
        batch="B-1",
        start_us=START_US,
        tags=tags_of_unit(),
        reference_new=None,
        reference_old=old,
        ranges=(),
        correspondences=[
            TagCorrespondence(new_tag=tag, old_tag=tag, phase=phase) for tag in ("dissolved_oxygen", "glucose")
        ],
        software="test 1",
    )


def stated(watch: BatchMonitor, segment: Segment, *, ended_h: float = HOURS) -> dict[tuple[str, str], Departure]:
    watch.feed(segment)
    watch.close(START_US + round(ended_h * US_PER_H))
    return {(one.phase, one.tag): one for one in watch.departures}


def test_a_run_like_the_old_ones_lies_inside_and_one_far_below_is_stated_with_its_sign(old: ReferenceModel) -> None:
    like = stated(monitor(old), stream_of(run_of(203)))
    assert {key: (one.declared, one.seen) for key, one in like.items()} == {
        ("", "dissolved_oxygen"): (4, 4),
        ("", "glucose"): (4, 4),
    }
    assert sum(one.inside for one in like.values()) >= 7
    below = stated(monitor(old), stream_of(run_of(203, fault_from_h=20.0, step=-15.0)))["", "dissolved_oxygen"]
    assert (below.seen, below.inside) == (4, 1)
    assert below.largest_distance is not None
    assert below.largest_distance < -5.0
    assert below.mean_distance is not None
    assert below.largest_distance < below.mean_distance < 0.0
    assert below.largest_h is not None
    assert below.largest_h >= 20.0


def test_points_are_stated_by_the_phase_they_lie_in_and_only_where_the_match_holds(old: ReferenceModel) -> None:
    watch = monitor(old)
    watch.phase("activation", START_US)
    watch.phase("expansion", START_US + 30 * US_PER_H)
    found = stated(watch, stream_of(run_of(203)))
    assert {key: one.declared for key, one in found.items()} == {
        ("activation", "dissolved_oxygen"): 2,
        ("activation", "glucose"): 2,
        ("expansion", "dissolved_oxygen"): 2,
        ("expansion", "glucose"): 2,
    }
    watch = monitor(old, phase="expansion")
    watch.phase("activation", START_US)
    watch.phase("expansion", START_US + 30 * US_PER_H)
    assert {phase for phase, _ in stated(watch, stream_of(run_of(203)))} == {"expansion"}


def test_a_tag_that_an_old_one_stands_for_in_several_phases_is_compared_in_each_of_them(old: ReferenceModel) -> None:
    watch = BatchMonitor.start(
        batch="B-1",
        start_us=START_US,
        tags=tags_of_unit(),
        reference_new=None,
        reference_old=old,
        ranges=(),
        correspondences=[
            TagCorrespondence(new_tag="glucose", old_tag="glucose", phase=phase) for phase in ("activation", "harvest")
        ],
        software="test 1",
    )
    for name, hour in (("activation", 0), ("expansion", 20), ("harvest", 40)):
        watch.phase(name, START_US + hour * US_PER_H)
    found = stated(watch, stream_of(run_of(203)))
    assert {key: (one.declared, one.seen) for key, one in found.items()} == {
        ("activation", "glucose"): (1, 1),
        ("harvest", "glucose"): (1, 1),
    }


def test_coverage_counts_points_without_readings_and_none_beyond_the_end(old: ReferenceModel) -> None:
    readings = stream_of(run_of(203))
    half = pieces(readings, [len(readings) // 2])[0]  # readings stop at hour 30
    silent = stated(monitor(old), half)["", "glucose"]
    assert (silent.declared, silent.seen) == (4, 2)
    short = stated(monitor(old), half, ended_h=30.0)["", "glucose"]
    assert (short.declared, short.seen) == (2, 2)


def test_detect_1_the_statement_is_the_same_after_a_restart_at_any_point(old: ReferenceModel) -> None:
    whole = monitor(old)
    expected = stated(whole, stream_of(run_of(203)))
    segment = stream_of(run_of(203))
    for cut in (len(segment) // 5, len(segment) // 2, len(segment) - 3):
        first, second = pieces(segment, [cut])
        watch = monitor(old)
        watch.feed(first)
        again = BatchMonitor.from_bytes(watch.to_bytes(), reference_new=None, reference_old=old)
        assert stated(again, second) == expected


def test_every_point_is_kept_as_it_was_compared_and_tells_the_statement(old: ReferenceModel) -> None:
    watch = monitor(old)
    segment = stream_of(run_of(203, fault_from_h=20.0, step=-15.0))
    found = stated(watch, segment)["", "dissolved_oxygen"]
    kept = watch.take_compared()
    assert watch.take_compared() == [], "each is told once"
    assert [round((point.at_us - START_US) / US_PER_H) for point in kept] == [12, 24, 36, 48]
    at = [point.tags.index("dissolved_oxygen") for point in kept]
    distances = [
        (value - point.expected[slot]) / point.sd[slot]
        for slot, point in zip(at, kept, strict=True)
        if (value := point.values[slot]) is not None
    ]
    assert min(distances) == found.largest_distance
    reach = [point.reach[slot] for slot, point in zip(at, kept, strict=True)]
    assert sum(abs(z) <= r for z, r in zip(distances, reach, strict=True) if r is not None) == found.inside
    limits = [point.limits[slot] for slot, point in zip(at, kept, strict=True)]
    assert all(r is not None and limit is not None and r < limit for r, limit in zip(reach, limits, strict=True))


def test_detect_1_points_are_the_same_however_the_stream_was_cut_and_taken_up_again(old: ReferenceModel) -> None:
    segment = stream_of(run_of(203))
    whole = monitor(old)
    stated(whole, segment)
    expected = whole.take_compared()
    for cut in (len(segment) // 5, len(segment) // 2, len(segment) - 3):
        first, second = pieces(segment, [cut])
        watch = monitor(old)
        watch.feed(first)
        kept = watch.take_compared()
        again = BatchMonitor.from_bytes(watch.to_bytes(), reference_new=None, reference_old=old)
        stated(again, second)
        assert kept + again.take_compared() == expected


def test_points_without_readings_are_kept_as_not_seen(old: ReferenceModel) -> None:
    watch = monitor(old)
    readings = stream_of(run_of(203))
    stated(watch, pieces(readings, [len(readings) // 2])[0])  # readings stop at hour 30
    assert [point.values[point.tags.index("glucose")] is None for point in watch.take_compared()] == [
        False,
        False,
        True,
        True,
    ]


@pytest.fixture
def with_old(watched: Watched) -> Watched:
    """Besides the new reference one that stands for an old process, to which glucose corresponds."""
    watched.record.owner.execute(
        "INSERT INTO tag_correspondence (manufacturing_change_id, tag_new, tag_old, measurand, sensor_principle_new,"
        " sensor_principle_old, known_at) SELECT manufacturing_change_id, 'glucose', 'glucose', 'glucose', 'a', 'b',"
        " now() FROM manufacturing_change"
    )
    with psycopg.connect(watched.database.dsn("api"), autocommit=True) as connection:
        reference_id = learn_reference(
            connection,
            role=ReferenceRole.OLD,
            judges="AUTO-2.0",
            batches=completed_batches(connection, "AUTO-2.0"),
            tags=["glucose"],
            template=None,
            blind=(),
            brief=Brief(),
            try_offsets_in=0,
            by="test",
            reason="an old process to test with",
        )
        use_reference(connection, reference_id)
    return watched


def test_a_batch_is_stated_once_when_it_ends_and_anew_by_the_run_of_a_correction(with_old: Watched) -> None:
    messages = batch_messages("CT-LOW", LIVE_START, seed=40, fault_h=12.0)
    with_old.record.take(*messages[:-1])
    with_old.analyse()
    assert with_old.record.ask(STATED) == []
    with_old.record.take(messages[-1])
    with_old.analyse()
    first = with_old.record.ask(STATED)
    assert [(row[0], row[1], row[2]) for row in first] == [(1, "expansion", "glucose")]
    assert first[0][5] < first[0][4] == first[0][3]
    points = with_old.record.ask(POINTS)
    assert len(points) == first[0][3], "each point is kept with its value"
    assert sum(abs(value - mean) / sd <= reach for _, value, mean, sd, reach in points) == first[0][5]
    correct(with_old.database, RevisionKind.CORRECTED, (12.0, 24.0), add=4.0)
    with_old.analyse()
    both = with_old.record.ask(STATED)
    assert both[:1] == first, "what was said before stays"
    assert [row[0] for row in both] == [1, 2]
    assert both[1][5] > first[0][5]
    assert [row for row in with_old.record.ask(POINTS) if row[0] == 1] == points
    assert {row[0] for row in with_old.record.ask(POINTS)} == {1, 2}
