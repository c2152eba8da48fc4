"""Readings of held tags become bins of a few minutes, each tag by its own readings, in the order of the journal."""

from dataclasses import dataclass

import numpy as np

from analytics.detectors.step import StepCourse
from analytics.packing import pack, unpack
from analytics.segment import Bools, Floats, Int32s, Int64s, Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedBin:
    """The median of one tag in one bin."""

    position: int  # in the segment, of the reading that closed it
    slot: int
    at: int  # its number
    end_us: int
    value: float


class StepWatch:
    """The open bin of each held tag. A later reading of the tag closes it; an earlier one came too late for it.

    A reading whose clock is ahead of unit time counts as of the time it came at: it closes no bin that is not over.
    """

    def __init__(self, course: StepCourse | None, limits: Floats | None, *, start_us: int) -> None:
        """`limits` are those of sudden changes, (tags,), NaN for tags that are not held; None where there are none."""
        self._width_us = 1 if course is None else course.width_us
        held = np.empty(0, np.bool_) if course is None or limits is None else ~np.isnan(limits)
        self._held = np.append(held, np.False_)  # slot −1 is nobody's
        self._any = bool(self._held.any())
        self._start_us = start_us
        self._open: dict[int, tuple[int, list[float]]] = {}  # slot → bin, its values

    def closed(self, segment: Segment, *, slots: Int32s, usable: Bools, reached_us: Int64s) -> list[ClosedBin]:
        """The bins that these readings, in journal order, close; `reached_us` is unit time after each."""
        if not self._any:
            return []
        positions = np.flatnonzero(self._held[slots] & usable)
        if not len(positions):
            return []
        bins = (np.minimum(segment.source_times_us, reached_us)[positions] - self._start_us) // self._width_us
        values = segment.values
        closed = []
        for position, slot, at, value in zip(
            positions.tolist(), slots[positions].tolist(), bins.tolist(), values[positions].tolist(), strict=True
        ):
            number, known = self._open.get(slot, (-1, []))
            if at < 0 or at < number:
                continue
            if at > number:
                if known:
                    closed.append(self._close(position, slot, number, known))
                self._open[slot] = (at, [value + 0.0])
            else:
                known.append(value + 0.0)
        return closed

    def to_bytes(self) -> bytes:
        """The open bins; values in order, because that of their arrival does not matter."""
        slots = sorted(self._open)
        kept = [sorted(self._open[slot][1]) for slot in slots]
        return pack(
            "step watch",
            1,
            {},
            {
                "slots": np.array(slots, np.int32),
                "bins": np.array([self._open[slot][0] for slot in slots], np.int64),
                "counts": np.array([len(part) for part in kept], np.int64),
                "values": np.array([value for part in kept for value in part], np.float64),
            },
        )

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        _, arrays = unpack("step watch", 1, data)
        parts = np.split(arrays["values"], np.cumsum(arrays["counts"])[:-1]) if len(arrays["counts"]) else []
        self._open = {
            slot: (number, part.tolist())
            for slot, number, part in zip(arrays["slots"].tolist(), arrays["bins"].tolist(), parts, strict=True)
        }

    def _close(self, position: int, slot: int, number: int, known: list[float]) -> ClosedBin:
        ordered = sorted(known)
        lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
        return ClosedBin(
            position=position,
            slot=slot,
            at=number,
            end_us=self._start_us + (number + 1) * self._width_us,
            value=lower + (upper - lower) * 0.5,
        )
