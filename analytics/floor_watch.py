"""What is watched reading by reading and needs no reference: silence, approved ranges and quality."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, assert_never

import numpy as np

from analytics.context import Context
from analytics.detectors.quality import QualityWatch
from analytics.detectors.ranges import Bound, Excursion, RangeWatch, Spike
from analytics.detectors.silence import Hush, SilenceWatch
from analytics.episodes import AlertBook
from analytics.floor_judge import FloorJudge
from analytics.packing import pack, unpack
from analytics.plan import ApprovedRange
from analytics.segment import Bools, Int32s, Int64s, Segment
from store.model.alert import Alert
from store.model.plant import ReportingMode, Tag
from store.model.times import US_PER_S

MISSED_BEFORE_SILENT = 5  # a lost reading or two is transport, five in a row is silence
LONGEST_SILENCES = 2  # of a tag that speaks on change
LEAST_DELAY_S = 120.0  # reconnecting to a broker takes that long on a bad day


class Step(NamedTuple):
    """Something that happened at a position of a segment, and what it leads to; sorted by the first three."""

    position: int
    rank: int  # what happens at one position has a fixed order, so that ordinals never depend on the cut
    number: int
    tell: Callable[[], list[Alert]]


class FloorWatch:
    """The watches of one batch and the judge of what they see."""

    def __init__(
        self,
        *,
        tags: Sequence[Tag],
        ranges: Sequence[ApprovedRange],
        start_us: int,
        hold_us: int,
        context: Context,
        book: AlertBook,
    ) -> None:
        """`hold_us` is how long readings must lie inside a range before an excursion is over."""
        slots = {tag.name: slot for slot, tag in enumerate(tags)}
        ranges = tuple(item for item in ranges if item.tag in slots)
        delays_us = np.array([_delay_us(tag) for tag in tags], np.int64)
        self._silence = SilenceWatch(delays_us=delays_us, start_us=start_us)
        self._quality = QualityWatch(delays_us=delays_us)
        self._ranges = RangeWatch(
            bounds=[_bound(item, slots[item.tag], tags) for item in ranges], slots=len(tags), hold_us=hold_us
        )
        self._judge = FloorJudge(tags=tags, ranges=ranges, delays_us=delays_us.tolist(), context=context, book=book)

    @property
    def silent(self) -> Bools:
        """Which tags are silent now, (slots,)."""
        return self._silence.silent

    def look(
        self, segment: Segment, *, slots: Int32s, usable: Bools, reached_us: Int64s, watermark_us: int
    ) -> list[Step]:
        """What these readings, in journal order, and the watermarks they reached lead to."""
        # A reading from a clock that is ahead counts as of the time it came at: nothing lasts until its stamp.
        times_us = np.minimum(segment.source_times_us, reached_us)
        hushes: dict[int, list[Hush]] = {}
        for hush in self._silence.update(
            slots=slots, times_us=times_us, reached_us=reached_us, watermark_us=watermark_us
        ):
            hushes.setdefault(hush.position, []).append(hush)
        steps = [
            Step(position, 0, position, partial(self._judge.hushes, together)) for position, together in hushes.items()
        ]
        for number, event in enumerate(
            self._ranges.update(slots=slots, times_us=times_us, values=segment.values, usable=usable)
        ):
            match event:
                case Excursion():
                    steps.append(Step(event.position, 1, number, partial(self._judge.excursion, event)))
                case Spike():
                    steps.append(Step(event.position, 2, number, partial(self._judge.spike, event)))
                case _:
                    assert_never(event)
        doubts = self._quality.update(slots=slots, times_us=times_us, usable=usable)
        steps += [
            Step(doubt.position, 3, number, partial(self._judge.doubt, doubt)) for number, doubt in enumerate(doubts)
        ]
        return steps

    def closed(self, end_us: int) -> list[Alert]:
        """A cell closed: what has been quiet for long enough is over."""
        return self._judge.calm(end_us)

    def to_bytes(self) -> bytes:
        """What each watch knows."""
        parts = {
            "silence": self._silence.to_bytes(),
            "ranges": self._ranges.to_bytes(),
            "quality": self._quality.to_bytes(),
        }
        return pack("floor", 1, {}, {name: np.frombuffer(part, np.uint8) for name, part in parts.items()})

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        _, arrays = unpack("floor", 1, data)
        self._silence.restore(arrays["silence"].tobytes())
        self._ranges.restore(arrays["ranges"].tobytes())
        self._quality.restore(arrays["quality"].tobytes())


def _delay_us(tag: Tag) -> int:
    """How long after its last reading a tag counts as silent; −1 when it owes no regular reading."""
    if tag.interval_s is None:
        return -1
    match tag.reporting_mode:
        case ReportingMode.PERIODIC:
            delay_s = max(MISSED_BEFORE_SILENT * tag.interval_s, LEAST_DELAY_S)
        case ReportingMode.ON_CHANGE:
            delay_s = max(LONGEST_SILENCES * tag.interval_s, LEAST_DELAY_S)
        case ReportingMode.MANUAL:
            return -1
        case _:
            assert_never(tag.reporting_mode)
    return round(delay_s * US_PER_S)


def _bound(approved: ApprovedRange, slot: int, tags: Sequence[Tag]) -> Bound:
    return Bound(
        slot=slot,
        low=float("-inf") if approved.low is None else approved.low,
        high=float("inf") if approved.high is None else approved.high,
        confirm=1 if tags[slot].reporting_mode is ReportingMode.MANUAL else 2,
    )
