"""What the limits of a reference would find: offsets put into batches, watched live by what was learned without them.

For each tag that carries a limit and each size, an offset of so many SD of the reference is added to the readings of
left-out batches from an hour of the course on, to the end. Each batch is watched by the live monitor with the
trajectory and the limits that the other batches gave, so nothing here can differ from what would be raised. Batches
take their turns at the hours: every trial of a tag and size is another batch, and the exact interval holds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.coverage import blind_cells
from analytics.evidence import Evidence
from analytics.learning_phases import RunsOnCourse
from analytics.methods.binomial import Rate
from analytics.monitor import BatchMonitor
from analytics.reference import ReferenceModel, Trajectory
from analytics.runs import CompletedRun
from analytics.segment import Floats, Int64s, Segment
from analytics.trials import first_drift_h, stream_of
from store.model.ids import TagId, UnitId
from store.model.plant import ReportingMode, Tag
from store.model.times import US_PER_H

SIZES_SD = (1.0, 2.0, 3.0)
BEGINS_AT = (0.25, 0.5, 0.75)  # share of a batch's hours
WATCHED_H = 72.0  # an offset that is not found for so long counts as not found
LOOKS_EVERY_H = 6.0  # of the simulation: it stops once the offset is found
MOST_BATCHES = 24  # so that a draft of sixty batches takes no longer than one of twenty-four


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFound:
    """One tag and size over the batches it was tried in."""

    tag: str
    size_sd: float
    size: float  # in the tag's own unit, at its usual SD
    found: Rate  # a drift alert first raised after it began, within WATCHED_H, and not by the batch alone by then
    delay_median_h: float | None  # of those found


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What was tried, and what of it was found."""

    offsets: tuple[OffsetFound, ...]
    without_offset: Rate  # batches that alerted in the same hours with nothing added
    alerted_before: int  # batches that had alerted before the offset began: nothing is found in them
    begins_at_h: tuple[float, ...]  # medians
    watched_h: float


def power_of(
    model: ReferenceModel,
    evidence: Evidence,
    runs: Sequence[CompletedRun],
    *,
    most: int = MOST_BATCHES,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Power:
    """Try every offset in `most` batches; `progress` is told how many batches of how many are done.

    `runs` are those the model was learned from. The work is at most that of watching (tags × 3 + 1) × `most` batches
    for 72 h each, and half of each batch once: about a minute for 24 batches, fourteen tags and half-hour cells.
    """
    assert model.trajectory is not None
    by_name = {run.batch: run for run in runs}
    chosen = _spread_over(len(evidence.batches), most)
    slots = [slot for slot in range(len(model.tags)) if _carries_limit(model.trajectory, slot)]
    delays: dict[tuple[int, float], list[float | None]] = {(slot, size): [] for slot in slots for size in SIZES_SD}
    alone, before, begun = [], 0, []
    for number, place in enumerate(chosen):
        progress(number, len(chosen))
        run = by_name[evidence.batches[place]]
        watched = _Watched.of(model, evidence.without_each[place], run, BEGINS_AT[number % len(BEGINS_AT)])
        begun.append((number % len(BEGINS_AT), watched.begins_h))
        before += watched.alerted
        by_itself_h = watched.delay_h(run)
        alone.append(by_itself_h is not None)
        for slot in slots:
            if watched.judges(slot):
                for size, delay_h in zip(SIZES_SD, _delays_h(watched, run, model, slot, by_itself_h), strict=True):
                    delays[slot, size].append(delay_h)
    progress(len(chosen), len(chosen))
    return Power(
        offsets=tuple(_found(model, slot, size, tried) for (slot, size), tried in delays.items()),
        without_offset=Rate.of(sum(alone), len(alone)),
        alerted_before=before,
        begins_at_h=tuple(
            float(np.median(hours)) for turn in range(len(BEGINS_AT)) if (hours := [h for at, h in begun if at == turn])
        ),
        watched_h=WATCHED_H,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """One left-out batch as the live monitor knows it just before an offset begins."""

    reference: ReferenceModel  # learned without the batch
    tags: tuple[Tag, ...]
    state: bytes
    begins_h: float
    alerted: bool  # it raised a drift alert before
    position: int  # on the course, of the cell in which the offset begins
    blind: bool  # that cell is not judged

    @classmethod
    def of(cls, model: ReferenceModel, course: Trajectory, run: CompletedRun, begins_at: float) -> "_Watched":
        """Watch a batch to where the offset begins: the start of the cell at that share of its hours."""
        reference = replace(model, trajectory=course)
        tags = tuple(_tag(number, name) for number, name in enumerate(sorted(run.tags)))
        hours = max(float(times_h.max()) for times_h, _ in run.tags.values() if len(times_h))
        begins = int(begins_at * hours / model.grid.width_h)
        monitor = BatchMonitor.start(
            batch=run.batch,
            start_us=0,
            tags=tags,
            reference_new=reference,
            reference_old=None,
            ranges=(),
            correspondences=(),
            software="power",
        )
        for phase in run.phases:
            monitor.phase(phase.name, round(phase.from_h * US_PER_H))
        begins_h = begins * model.grid.width_h
        told = monitor.feed(_between(stream_of(run, tags), 0.0, begins_h))
        return cls(
            reference=reference,
            tags=tags,
            state=monitor.to_bytes(),
            begins_h=begins_h,
            alerted=first_drift_h(told) is not None,
            position=int(_path(model, run)[min(begins, model.grid.cells - 1)]),
            blind=bool(blind_cells(course.blind, run.phases, model.grid)[min(begins, model.grid.cells - 1)]),
        )

    def judges(self, slot: int) -> bool:
        """Whether the tag is known and judged where the offset begins."""
        course = self.reference.trajectory
        assert course is not None
        return not self.blind and bool(np.isfinite(course.sd[self.position, slot]))

    def delay_h(self, run: CompletedRun) -> float | None:
        """Hours from the beginning to the first drift alert of this course of the batch, None without one."""
        if self.alerted:
            return None
        monitor = BatchMonitor.from_bytes(self.state, reference_new=self.reference, reference_old=None)
        stream = stream_of(run, self.tags)
        for from_h in np.arange(self.begins_h, self.begins_h + WATCHED_H, LOOKS_EVERY_H).tolist():
            raised_h = first_drift_h(monitor.feed(_between(stream, from_h, from_h + LOOKS_EVERY_H)))
            if raised_h is not None:
                return max(0.0, raised_h - self.begins_h)
        return None


def _delays_h(
    watched: _Watched, run: CompletedRun, model: ReferenceModel, slot: int, by_itself_h: float | None
) -> list[float | None]:
    """By size. What is not found of an offset is not found of a smaller one: it is not tried.

    `by_itself_h` is when the batch alerts with nothing added: no offset is found by that.
    """
    delays: list[float | None] = []
    for size in reversed(SIZES_SD):
        delay_h = None
        if not delays or delays[0] is not None:
            delay_h = watched.delay_h(_offset(run, model, slot, size, watched.begins_h))
            if delay_h is not None and by_itself_h is not None and delay_h >= by_itself_h:
                delay_h = None
        delays.insert(0, delay_h)
    return delays


def _offset(run: CompletedRun, model: ReferenceModel, slot: int, size_sd: float, begins_h: float) -> CompletedRun:
    """The run with so many SD of the reference added to one tag from an hour on."""
    assert model.trajectory is not None
    tag = model.tags[slot]
    if tag not in run.tags:
        return run
    times_h, values = run.tags[tag]
    cells = np.minimum((times_h / model.grid.width_h).astype(np.int64), model.grid.cells - 1)
    added = np.nan_to_num(model.trajectory.sd[_path(model, run)[cells], slot]) * size_sd
    return replace(run, tags={**run.tags, tag: (times_h, values + np.where(times_h >= begins_h, added, 0.0))})


def _path(model: ReferenceModel, run: CompletedRun) -> Int64s:
    """The positions of a run, (cells,)."""
    assert model.trajectory is not None
    path: Int64s = RunsOnCourse.of([run], model.trajectory.phases, model.grid).paths[0]
    return path


def _found(model: ReferenceModel, slot: int, size_sd: float, delays: Sequence[float | None]) -> OffsetFound:
    assert model.trajectory is not None
    known = [delay for delay in delays if delay is not None]
    sd: Floats = model.trajectory.sd[:, slot]
    return OffsetFound(
        tag=model.tags[slot],
        size_sd=size_sd,
        size=size_sd * float(np.median(sd[np.isfinite(sd)])),
        found=Rate.of(len(known), len(delays)),
        delay_median_h=float(np.median(known)) if known else None,
    )


def _spread_over(batches: int, most: int) -> list[int]:
    """At most so many places, evenly over all."""
    return sorted(set(np.linspace(0, batches - 1, min(batches, most)).round().astype(int).tolist()))


def _carries_limit(course: Trajectory, slot: int) -> bool:
    return any(np.isfinite(limit[slot]) for limit in course.limits.values())


def _between(stream: Segment, from_h: float, to_h: float) -> Segment:
    first, last = np.searchsorted(stream.source_times_us, [round(from_h * US_PER_H), round(to_h * US_PER_H)])
    return Segment(
        ordinals=stream.ordinals[first:last],
        tag_ids=stream.tag_ids[first:last],
        source_times_us=stream.source_times_us[first:last],
        values=stream.values[first:last],
        qualities=stream.qualities[first:last],
    )


def _tag(number: int, name: str) -> Tag:
    return Tag(
        tag_id=TagId(number),
        unit_id=UnitId(0),
        position_id=None,
        name=name,
        measurand=name,
        unit_of_measure="1",
        physical_low=None,
        physical_high=None,
        reporting_mode=ReportingMode.MANUAL,  # none owes readings at a known time: silence is not asked about
        interval_s=None,
        mapped=True,
    )
