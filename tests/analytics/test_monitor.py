from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.cells import BAD
from analytics.learning import learn_new
from analytics.monitor import BatchMonitor
from analytics.plan import ApprovedRange, TagCorrespondence
from analytics.reference import Blind, ReferenceModel
from analytics.segment import Segment, Tick
from store.model.alert import Alert, AlertKind, AlertSeverity
from store.model.plant import Tag
from store.model.result import LimitKind
from store.model.times import US_PER_H
from tests.analytics.plant import (
    GRID,
    HOURS,
    START_US,
    TAGS,
    new_reference,
    pieces,
    run_of,
    stream_of,
    tags_of_unit,
)

RANGES = (
    ApprovedRange(tag="pH", low=6.8, high=7.6, kind=LimitKind.PROVEN_ACCEPTABLE_RANGE),
    ApprovedRange(tag="unknown", low=0.0, high=1.0, kind=LimitKind.ALERT_LIMIT),
)
MATCHED = (
    TagCorrespondence(new_tag="dissolved_oxygen", old_tag="dissolved_oxygen"),
    TagCorrespondence(new_tag="glucose", old_tag="glucose"),
)


def monitor(
    new: ReferenceModel | None, old: ReferenceModel | None = None, tags: list[Tag] | None = None
) -> BatchMonitor:
    return BatchMonitor.start(
        batch="B-1",
        start_us=START_US,
        tags=tags or tags_of_unit(),
        reference_new=new,
        reference_old=old,
        ranges=RANGES,
        correspondences=MATCHED,
        software="test 1",
    )


def finished(watch: BatchMonitor, segment: Segment) -> dict[int, Alert]:
    told = watch.feed(segment) + watch.close(START_US + HOURS * US_PER_H)
    return {alert.ordinal: alert for alert in told}


def faulty(seed: int = 100) -> Segment:
    return stream_of(run_of(seed, fault_from_h=30.0, step=-6.0))


def eventful() -> Segment:
    """A step, a range excursion, spikes, a silent tag, one with bad readings only, a late reading, and a tick."""
    segment = faulty()
    values, times = segment.values.copy(), segment.source_times_us.copy()
    acid = np.flatnonzero(segment.tag_ids == 102)
    oxygen = np.flatnonzero(segment.tag_ids == 100)
    values[acid[200:230]] = 6.0
    values[acid[[400, 440, 700]]] = 1.0
    qualities = segment.qualities.copy()
    qualities[acid[560:640]] = BAD
    times[oxygen[300]] -= 3 * US_PER_H
    keep = np.ones(len(values), np.bool_)
    keep[np.flatnonzero(segment.tag_ids == 101)[500:560]] = False
    return Segment(
        ordinals=segment.ordinals[keep],
        tag_ids=segment.tag_ids[keep],
        source_times_us=times[keep],
        values=values[keep],
        qualities=qualities[keep],
        tick=Tick(plant_time_us=START_US + (HOURS + 1) * US_PER_H, transport_allowance_us=0),
    )


def test_an_unchanged_batch_raises_no_drift(new: ReferenceModel) -> None:
    alarmed = 0
    for seed in range(200, 230):
        alerts = finished(monitor(new), stream_of(run_of(seed)))
        alarmed += any(alert.kind is AlertKind.DRIFT for alert in alerts.values())
    # Budget 3 %: four or more of 30 would come about once in 70 such sets.
    assert alarmed <= 3


def test_a_step_raises_one_drift_alert_soon_after_it_began(new: ReferenceModel) -> None:
    alerts = finished(monitor(new), faulty())
    (alert,) = (alert for alert in alerts.values() if alert.kind is AlertKind.DRIFT)
    assert alert.tags[0] == "dissolved_oxygen"
    assert START_US + 30 * US_PER_H < alert.raised_us <= START_US + 33 * US_PER_H
    assert abs(alert.onset_us - START_US - 30 * US_PER_H) <= US_PER_H
    assert alert.ended_us == START_US + HOURS * US_PER_H


def test_DETECT_3_a_drift_alert_carries_what_is_needed_to_question_it(new: ReferenceModel) -> None:
    (alert,) = finished(monitor(new), faulty()).values()
    assert alert.reference_digest == new.digest.hex()
    assert alert.software == "test 1"
    assert alert.score >= alert.limit > 0
    assert alert.phase_time_h == (alert.raised_us - START_US) / US_PER_H
    assert sum(share for _, share in alert.contributions) == pytest.approx(1.0)
    assert {row["tag"] for row in alert.cells} >= {"dissolved_oxygen"}
    cells = [row for row in alert.cells if "bin_end_h" not in row]
    assert cells
    assert all({"cell", "value", "z", "score", "limit", "layer"} <= set(row) for row in cells)
    assert "SD of its usual changes in 24 batches" in alert.sentence


def test_an_alert_says_what_how_much_and_since_when(new: ReferenceModel) -> None:
    first = monitor(new).feed(stream_of(run_of(100, fault_from_h=30.0, step=-2.0)))[0]
    assert first.sentence.startswith("Dissolved oxygen is 3.77 % below the reference since hour 30.0 (45.56 % against")
    assert first.sentence.endswith("SD of 24 reference batches).")


@given(st.lists(st.integers(0, 2200), min_size=1, max_size=5))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_DETECT_1_the_same_alerts_bit_for_bit_however_readings_were_grouped_and_through_restarts(
    new: ReferenceModel, old: ReferenceModel, cuts: list[int]
) -> None:
    segment = eventful()
    unbroken = monitor(new, old)
    expected = unbroken.feed(segment)
    watch = monitor(new, old)
    told: list[Alert] = []
    for piece in pieces(segment, cuts):
        told += watch.feed(piece)
        state = watch.to_bytes()
        watch = BatchMonitor.from_bytes(state, reference_new=new, reference_old=old)
        assert watch.to_bytes() == state
    assert told == expected
    assert watch.to_bytes() == unbroken.to_bytes()
    assert {alert.kind for alert in expected} >= set(AlertKind) - {AlertKind.SIGNAL, AlertKind.DEPARTURE}
    end_us = START_US + HOURS * US_PER_H
    assert watch.close(end_us) == unbroken.close(end_us)


def test_DETECT_1_one_reading_at_a_time_gives_the_same_alerts(new: ReferenceModel, old: ReferenceModel) -> None:
    segment = eventful()
    expected = monitor(new, old).feed(segment)
    watch = monitor(new, old)
    told = [alert for piece in pieces(segment, range(len(segment))) for alert in watch.feed(piece)]
    assert told == expected


def test_the_order_in_which_tags_are_named_does_not_matter(new: ReferenceModel, old: ReferenceModel) -> None:
    tags = tags_of_unit()
    forward, backward = monitor(new, old, tags), monitor(new, old, tags[::-1])
    assert forward.feed(eventful()) == backward.feed(eventful())
    assert forward.to_bytes() == backward.to_bytes()


def test_DETECT_1_the_order_of_readings_within_an_entry_or_a_segment_does_not_matter(
    new: ReferenceModel, old: ReferenceModel
) -> None:
    segment = eventful()
    by_hour = replace(segment, ordinals=np.arange(len(segment), dtype=np.int64) // 36)
    expected = monitor(new, old).feed(by_hour)
    by_tag = np.lexsort((by_hour.source_times_us, by_hour.tag_ids))
    shuffled = Segment(
        ordinals=by_hour.ordinals[by_tag],
        tag_ids=by_hour.tag_ids[by_tag],
        source_times_us=by_hour.source_times_us[by_tag],
        values=by_hour.values[by_tag],
        qualities=by_hour.qualities[by_tag],
        tick=by_hour.tick,
    )
    watch = monitor(new, old)
    assert watch.feed(shuffled) == expected
    assert watch.late.readings == 1


def test_readings_that_wait_in_one_message_are_not_late_to_each_other(new: ReferenceModel) -> None:
    segment = stream_of(run_of(205))
    by_tag = np.lexsort((segment.source_times_us, segment.tag_ids))
    one_message = replace(
        segment,
        ordinals=np.zeros(len(segment), np.int64),
        tag_ids=segment.tag_ids[by_tag],
        source_times_us=segment.source_times_us[by_tag],
        values=segment.values[by_tag],
    )
    watch, plain = monitor(new), monitor(new)
    assert watch.feed(one_message) == plain.feed(segment)
    assert watch.late.readings == 0


def test_a_spike_of_one_reading_is_no_drift_and_of_the_lesser_kind(new: ReferenceModel) -> None:
    segment = stream_of(run_of(201))
    values = segment.values.copy()
    values[np.flatnonzero(segment.tag_ids == 102)[300]] = 1.0
    values[np.flatnonzero(segment.tag_ids == 100)[400]] = 500.0  # a tag without an approved range
    told = monitor(new).feed(replace(segment, values=values))
    assert [(alert.kind, alert.severity, alert.tags) for alert in told if alert.ended_us is None] == [
        (AlertKind.QUALITY, AlertSeverity.LOW, ("pH",))
    ]
    assert told[0].sentence == "A single reading of pH at hour 25.0 lay outside its range: 1; the next one was inside."
    assert told[0].raised_us == told[0].onset_us + 300 * 1_000_000
    assert [alert for alert in told if alert.kind is not AlertKind.QUALITY] == monitor(new).feed(segment)


def test_spikes_of_a_tag_are_one_alert_until_a_day_has_passed_without_one(new: ReferenceModel) -> None:
    segment = stream_of(run_of(201))
    values = segment.values.copy()
    acid = np.flatnonzero(segment.tag_ids == 102)
    values[acid[[100, 200, 300, 650]]] = 1.0
    told = [alert for alert in monitor(new).feed(replace(segment, values=values)) if alert.kind is AlertKind.QUALITY]
    assert [(alert.ordinal, alert.ended_us is None) for alert in told[:4]] == [(1, True)] * 3 + [(1, False)]
    assert told[2].sentence.startswith("3 single readings of pH lay outside its range from hour 8.3 to 25.0")
    assert (
        told[3].ended_us
        == float(told[2].cells[-1]["hour"]) * US_PER_H + START_US
        == pytest.approx(START_US + 25 * US_PER_H, abs=60e6)
    )
    assert (told[4].ordinal, told[4].ended_us) == (2, None)


def test_a_tag_that_sends_only_bad_readings_is_told_of_until_one_is_usable(new: ReferenceModel) -> None:
    told = [alert for alert in monitor(new).feed(eventful()) if alert.detector == "bad"]
    raised, ended = told
    assert (raised.kind, raised.severity, raised.tags) == (AlertKind.QUALITY, AlertSeverity.LOW, ("pH",))
    assert raised.raised_us - raised.onset_us == 5 * 300 * 1_000_000
    assert raised.sentence.startswith("pH has sent bad readings only since hour 46.7")
    assert ended.ended_us == raised.onset_us + 80 * 300 * 1_000_000


def test_severity_says_how_soon_somebody_has_to_look(new: ReferenceModel, old: ReferenceModel) -> None:
    gravest: dict[tuple[AlertKind, tuple[str, ...]], AlertSeverity] = {}
    for alert in monitor(new, old).feed(eventful()):
        gravest[alert.kind, alert.tags[:1]] = alert.severity
    assert gravest[AlertKind.RANGE, ("pH",)] is AlertSeverity.HIGH
    assert gravest[AlertKind.SILENCE, ("glucose",)] is AlertSeverity.MEDIUM
    mild = monitor(new).feed(stream_of(run_of(100, fault_from_h=30.0, step=-3.0)))
    assert {alert.severity for alert in mild if alert.kind is AlertKind.DRIFT} == {AlertSeverity.MEDIUM}
    far = stream_of(run_of(100, fault_from_h=30.0, step=-14.0))
    grave = [alert.severity for alert in monitor(new).feed(far) if alert.kind is AlertKind.DRIFT]
    assert grave[-1] is AlertSeverity.HIGH
    assert grave == sorted(grave, key=list(AlertSeverity).index)  # it never falls


def test_an_approved_range_needs_no_reference() -> None:
    segment = eventful()
    alerts = [alert for alert in monitor(None).feed(segment) if alert.kind is AlertKind.RANGE]
    assert [alert.ordinal for alert in alerts] == [alerts[0].ordinal] * 2
    raised, ended = alerts
    assert raised.sentence == ("pH at 6 is below the proven acceptable range limit of 6.8 since hour 16.7.")
    assert ended.ended_us is not None
    assert ended.ended_us > raised.raised_us


def test_INGEST_5_a_silent_tag_raises_after_five_missed_readings_and_ends_when_it_speaks(
    new: ReferenceModel,
) -> None:
    told = [alert for alert in monitor(new).feed(eventful()) if alert.tags == ("glucose",)]
    raised, ended = (alert for alert in told if alert.kind is AlertKind.SILENCE)
    assert raised.raised_us - raised.onset_us == 5 * 300 * 1_000_000
    assert raised.sentence == "Glucose has been silent since hour 41.6."
    assert ended.ended_us is not None
    assert ended.ended_us - raised.onset_us == 61 * 300 * 1_000_000


def test_INGEST_5_a_silent_unit_is_one_alert(new: ReferenceModel) -> None:
    watch = monitor(new)
    segment = stream_of(run_of(202))
    half = pieces(segment, [len(segment) // 2])[0]
    watch.feed(half)
    told = watch.feed(Segment.of_tick(Tick(plant_time_us=START_US + 40 * US_PER_H, transport_allowance_us=US_PER_H)))
    alerts = {alert.ordinal: alert for alert in told if alert.kind is AlertKind.SILENCE}
    assert len(alerts) == 1
    (alert,) = alerts.values()
    assert sorted(alert.tags) == sorted(TAGS)
    assert alert.sentence == "No tag of the unit has spoken since hour 29.9 (3 are expected to)."
    assert all(tag.silent for tag in watch.units_now().tags)


def test_drift_is_not_judged_in_declared_blind_hours() -> None:
    reference = new_reference(blind_h=50.0)
    drifts = [alert for alert in monitor(reference).feed(faulty()) if alert.kind is AlertKind.DRIFT]
    assert all(alert.raised_us > START_US + 50 * US_PER_H for alert in drifts)
    assert drifts


def test_the_blind_time_of_a_phase_counts_from_its_start() -> None:
    blind = [Blind(phase="feeding", hours=12.0)]
    reference = learn_new([run_of(seed) for seed in range(24)], grid=GRID, tags=TAGS, blind=blind)

    def first_h(*, feeding: bool) -> float:
        watch = monitor(reference)
        if feeding:
            watch.phase("feeding", START_US + 29 * US_PER_H)
        told = watch.feed(faulty())
        return next((alert.raised_us - START_US) / US_PER_H for alert in told if alert.kind is AlertKind.DRIFT)

    assert first_h(feeding=False) < 35.0
    assert first_h(feeding=True) == pytest.approx(41.5)


def test_a_departure_from_the_old_process_is_raised_at_a_matched_point_only(
    new: ReferenceModel, old: ReferenceModel
) -> None:
    told = monitor(new, old).feed(stream_of(run_of(203, fault_from_h=20.0, step=-15.0)))
    departures = [alert for alert in told if alert.kind is AlertKind.DEPARTURE]
    first = departures[0]
    assert first.tags == ("dissolved_oxygen",)
    assert first.reference_digest == old.digest.hex()
    assert old.points is not None
    hours = (first.onset_us - START_US) / US_PER_H
    assert hours == pytest.approx(float(old.points.hours[1]))
    assert len({alert.ordinal for alert in departures}) == 1
    assert "old batches" in first.sentence


def test_an_unmatched_tag_is_never_compared_with_the_old_process(old: ReferenceModel) -> None:
    watch = BatchMonitor.start(
        batch="B-1",
        start_us=START_US,
        tags=tags_of_unit(),
        reference_new=None,
        reference_old=old,
        ranges=(),
        correspondences=(),
        software="test 1",
    )
    assert watch.feed(stream_of(run_of(203, fault_from_h=20.0, step=-15.0))) == []


def test_a_correspondence_of_one_phase_holds_in_that_phase_only(old: ReferenceModel) -> None:
    segment = stream_of(run_of(203, fault_from_h=5.0, step=-15.0))

    def compared(phase_from_h: float) -> list[float]:
        watch = BatchMonitor.start(
            batch="B-1",
            start_us=START_US,
            tags=tags_of_unit(),
            reference_new=None,
            reference_old=old,
            ranges=(),
            correspondences=[
                TagCorrespondence(new_tag="dissolved_oxygen", old_tag="dissolved_oxygen", phase="expansion")
            ],
            software="test 1",
        )
        watch.phase("expansion", START_US + round(phase_from_h * US_PER_H))
        last = {alert.ordinal: alert for alert in watch.feed(segment)}
        return [float(row["hour"]) for alert in last.values() for row in alert.cells]

    assert min(compared(0.0)) < 13.0
    assert min(compared(20.0)) > 20.0


def test_six_reference_batches_give_advisory_alerts() -> None:
    reference = new_reference(8)
    told = monitor(reference).feed(stream_of(run_of(204, fault_from_h=30.0, step=-40.0)))
    assert {alert.detector for alert in told} == {"prediction"}
    assert "advisory, because 8 batches are too few" in told[0].sentence


def test_a_monitor_refuses_another_reference_than_it_started_with(new: ReferenceModel) -> None:
    state = monitor(new).to_bytes()
    with pytest.raises(ValueError, match="started with reference"):
        BatchMonitor.from_bytes(state, reference_new=new_reference(20), reference_old=None)


def test_the_board_sees_how_far_each_tag_is_from_the_reference(new: ReferenceModel) -> None:
    watch = monitor(new)
    empty = watch.units_now()
    assert (empty.process_hour, empty.data_until_us, empty.in_envelope) == (None, None, None)
    watch.feed(faulty())
    now = watch.units_now()
    assert now.data_until_us is not None
    assert now.process_hour == pytest.approx(HOURS, abs=0.1)
    by_name = {tag.tag: tag for tag in now.tags}
    oxygen = by_name["dissolved_oxygen"]
    assert oxygen.z is not None
    assert oxygen.z < -3
    assert not oxygen.in_envelope
    assert by_name["pH"].in_envelope
    assert now.in_envelope is False
    assert now.worst_ratio is not None
    assert now.worst_ratio > 1
    assert len(now.open_alerts) == 1


def test_a_late_reading_is_counted(new: ReferenceModel) -> None:
    watch = monitor(new)
    watch.feed(eventful())
    assert watch.late.readings == 1


def test_a_reading_of_an_unknown_tag_or_before_the_batch_changes_nothing(new: ReferenceModel) -> None:
    watch = monitor(new)
    before = watch.to_bytes()
    stray = Segment(
        ordinals=np.array([1, 2], np.int64),
        tag_ids=np.array([999, 100], np.int32),
        source_times_us=np.array([START_US - 5, START_US - 9], np.int64),
        values=np.array([1.0, 2.0]),
        qualities=np.array([192, 192], np.uint8),
    )
    assert watch.feed(stray) == []
    unchanged = BatchMonitor.from_bytes(before, reference_new=new, reference_old=None)
    unchanged._reducer.watermark_us = watch._reducer.watermark_us
    assert watch.to_bytes() == unchanged.to_bytes()


def test_INGEST_5_what_was_silent_from_the_start_is_told_although_time_had_passed_before_the_first_block() -> None:
    before = Tick(plant_time_us=START_US + US_PER_H, transport_allowance_us=0)
    watch = monitor(None)
    watch.hold_back(before)
    segment = stream_of(run_of(202))
    spoken = np.flatnonzero((segment.tag_ids != 101) & (segment.source_times_us >= before.plant_time_us))[:9]
    told = watch.feed(replace(segment.at(spoken), tick=replace(before, plant_time_us=START_US + 2 * US_PER_H)))
    assert "glucose" in {tag for alert in told if alert.kind is AlertKind.SILENCE for tag in alert.tags}


def test_INGEST_5_a_reading_stamped_ahead_does_not_put_silence_off() -> None:
    segment = stream_of(run_of(202))
    hour = np.flatnonzero(segment.source_times_us < START_US + US_PER_H)
    times = segment.source_times_us[hour].copy()
    last = int(np.flatnonzero(segment.tag_ids[hour] == 101)[-1])
    times[last] += 23 * US_PER_H
    watch = monitor(None)
    watch.hold_back(Tick(plant_time_us=START_US + US_PER_H, transport_allowance_us=0))
    watch.feed(replace(segment.at(hour), source_times_us=times))
    told = watch.feed(Segment.of_tick(Tick(plant_time_us=START_US + 2 * US_PER_H, transport_allowance_us=0)))
    assert "glucose" in {tag for alert in told if alert.kind is AlertKind.SILENCE for tag in alert.tags}
