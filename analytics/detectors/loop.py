"""A sensor inside its own control loop that jumps: the controller's answer tells it from a wild reading.

Nothing in a vessel jumps within minutes. When the sensor does, its controller answers within the same bin and soon
brings the reading back: what was a step of the sensor is over before a cell has closed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.detectors.bin_memory import CLIP
from analytics.formula import Course, Formula
from analytics.packing import Array, pack, unpack
from analytics.segment import Bools, Floats

LAGS = 4  # bins from which the next one is foretold
WILD = 4.0  # SD off what was foretold, beyond which a reading that the controller does not answer is not believed
ANSWERED = 3.0  # SD of the answer, from which on it is believed


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedLoops:
    """Declared loops with what reference batches taught; the place of a loop is the same in all of them.

    Of the last axis the first is the measured tag, the second the answer.
    """

    measured: tuple[str, ...]  # tags
    answers: tuple[str, ...]  # formulas over the tags by which the controller acts; they rise against a rise
    checks: tuple[str, ...]  # what a person looks at first
    width_us: int  # of a bin
    weights: Floats  # (loops, 1 + 2 × lags, 2): of 1, of the measured tag, of the answer, the newest first
    mean: Floats  # (loops, positions of bins, 2): of what was not foretold
    sd: Floats  # (loops, positions of bins, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A reading that jumped and what its controller did, in one bin. Times are µs after the start."""

    began_us: int
    end_us: int
    value: float  # of the measured tag, in its unit
    off: float  # what was foretold, in its unit
    measured_sd: float  # the same in SD
    answer_sd: float  # how far the answer lies off what was foretold


class Loop:
    """The lesser of how far a measured tag and its controller's answer lie off what their last bins foretell, in SD.

    Both are foretold by a linear autoregression with four lags of both (Box and Jenkins 1970). The score carries the
    sign of the measured tag's jump, and is 0 while the answer is not that of this controller to such a jump. A wild
    reading that is not answered is taken as it was foretold, so that it does not make the next one wild. Nothing is
    said where any other tag has just changed: then the jump may be of the process.

    >>> weights = np.zeros((1, 9, 2))
    >>> weights[0, 1, 0] = weights[0, 5, 1] = 1.0  # as it was
    >>> fitted = FittedLoops(
    ...     measured=("pH",), answers=("-base",), checks=("the electrode",), width_us=1, weights=weights,
    ...     mean=np.zeros((1, 9, 2)), sd=np.full((1, 9, 2), 0.01),
    ... )
    >>> loop = Loop(fitted, slots={"pH": 0, "base": 1}, width_h=0.1)
    >>> rows = [(7.0, 0.2)] * 5 + [(7.06, 0.1)]
    >>> [loop.note(at, np.array(row), np.zeros(2, bool)).round(1).tolist()[0] for at, row in enumerate(rows)]
    [nan, nan, nan, nan, 0.0, 6.0]
    """

    def __init__(self, fitted: FittedLoops, *, slots: Mapping[str, int], width_h: float) -> None:
        """`slots` are the columns of all tags by name, `width_h` the width of a bin."""
        self._fitted = fitted
        self._slots = slots
        formulas = [Formula.parse(text) for text in fitted.answers]
        self._answers = [Course(formula, width_h) for formula in formulas]
        self._places = {slots[tag]: place for place, tag in enumerate(fitted.measured)}
        self._others = np.ones((len(formulas), len(slots)), np.bool_)  # who may not have changed
        for place, formula in enumerate(formulas):
            self._others[place, [slots[tag] for tag in {fitted.measured[place], *formula.tags}]] = False
        loops = len(formulas)
        self._past = np.full((loops, LAGS, 2), np.nan)  # the newest first
        self.newest = np.full(loops, -1, np.int64)  # bin
        self._doubted = np.zeros(loops, np.bool_)  # whether the newest was not believed
        self.off = np.full((loops, 2), np.nan)  # of the newest bin, as they are
        self._peak = np.full(len(slots), np.nan)  # since the last cell
        self._at_peak = np.full((len(slots), 5), np.nan)  # as `Jump` lists them
        self._told = np.full((len(slots), 5), np.nan)

    def note(
        self, at: int, values: Floats, restless: Bools, *, position: int | None = None, judged: bool = True
    ) -> Floats:
        """The scores with bin number `at` closed, (tags,), signed; NaN for what is no loop or not known.

        `restless` are the tags that changed lately, (tags,). `position` is where the bin lies on the course; None:
        where the clock puts it. What is not `judged` has no part in the row of its cell.
        """
        here = at if position is None else position
        score = np.full(len(values), np.nan)
        named = {tag: float(values[slot]) for tag, slot in self._slots.items()}
        for slot, place in self._places.items():
            now = np.array([values[slot], self._answers[place].update(named)])
            if np.isnan(now).any():
                continue
            if at - int(self.newest[place]) > 1:
                self._past[place] = np.nan
            self.newest[place] = at
            scaled = self._off(place, here, now)
            found = answered(*scaled)
            wild = abs(scaled[0]) > WILD and not abs(found) > ANSWERED and not self._doubted[place]
            self._doubted[place] = wild
            if wild:
                now[0] -= self.off[place, 0]
            self._past[place, 1:], self._past[place, 0] = self._past[place, :-1].copy(), now
            if not (restless & self._others[place]).any():
                score[slot] = found
                if judged and not abs(found) <= abs(self._peak[slot]):  # no peak yet is NaN
                    self._peak[slot] = found
                    self._at_peak[slot] = at, values[slot], self.off[place, 0], *scaled
        return score

    def _off(self, place: int, position: int, now: Floats) -> tuple[float, float]:
        """How far both lie off what was foretold, in SD; NaN where it is not known."""
        fitted = self._fitted
        past = [1.0, *self._past[place, :, 0].tolist(), *self._past[place, :, 1].tolist()]
        scaled = []
        for side, value in enumerate(now.tolist()):
            # Summed one after the other: the bits of a dot product depend on the machine.
            foretold = 0.0
            for weight, term in zip(fitted.weights[place, :, side].tolist(), past, strict=True):
                foretold += weight * term
            self.off[place, side] = value - foretold
            known = 0 <= position < fitted.mean.shape[1]
            mean, sd = (float(part[place, position, side]) if known else np.nan for part in (fitted.mean, fitted.sd))
            scaled.append((value - foretold - mean) / sd)
        return scaled[0], scaled[1]

    def update(self, cell: int, row: Floats) -> Floats:  # noqa: ARG002 - every layer is told the cell
        """The largest scores of the bins since the last cell, (tags,), signed; NaN where there was none."""
        peak, self._peak = self._peak, np.full(len(self._peak), np.nan)
        self._told = np.where(np.isnan(peak)[:, None], self._told, self._at_peak)
        return peak

    def tell(self, slot: int) -> None:
        """What is said of a slot from now on is the largest jump since the last cell."""
        self._told[slot] = self._at_peak[slot]

    def jump(self, slot: int) -> Jump:
        """The jump that was last told."""
        at, value, off, measured_sd, answer_sd = self._told[slot].tolist()
        width_us = self._fitted.width_us
        return Jump(
            began_us=int(at) * width_us,
            end_us=(int(at) + 1) * width_us,
            value=value,
            off=off,
            measured_sd=measured_sd,
            answer_sd=answer_sd,
        )

    def began_us(self, slot: int) -> int:
        """When the bin of that jump began, µs after the start."""
        return self.jump(slot).began_us

    def score_told(self, slot: int) -> float:
        """The score of that jump, signed."""
        return answered(*self._told[slot, 3:].tolist())

    def check_of(self, slot: int) -> str:
        """What a person looks at first."""
        return self._fitted.checks[self._places[slot]]

    def answer_of(self, slot: int) -> tuple[str, ...]:
        """The tags by which the controller acts, by name."""
        return tuple(sorted(Formula.parse(self._fitted.answers[self._places[slot]]).tags))

    def to_bytes(self) -> bytes:
        """The last bins, whether the newest was believed, the peak since the last cell and what was last told."""
        arrays: dict[str, Array] = {
            "past": self._past,
            "newest": self.newest,
            "doubted": self._doubted,
            "off": self.off,
            "peak": self._peak,
            "at peak": self._at_peak,
            "told": self._told,
        }
        return pack("loop", 1, {"answers": [course.state() for course in self._answers]}, arrays)

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        fields, arrays = unpack("loop", 1, data)
        for course, state in zip(self._answers, fields["answers"], strict=True):
            course.restore(state)
        self._past, self.newest, self._doubted = arrays["past"], arrays["newest"], arrays["doubted"]
        self.off, self._peak = arrays["off"], arrays["peak"]
        self._at_peak, self._told = arrays["at peak"], arrays["told"]
        return self


def answered(measured: float, answer: float) -> float:
    """The lesser of two on one side, with the sign of both; 0 on two sides, NaN where one is.

    >>> answered(-5.0, -4.0), answered(5.0, -4.0)
    (-4.0, 0.0)
    """
    if measured * answer <= 0.0:
        return 0.0
    smaller = min(abs(measured), abs(answer), CLIP) + 0.0 * (measured + answer)
    return smaller if measured > 0.0 else -smaller
