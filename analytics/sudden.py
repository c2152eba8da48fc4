"""What the bins of minutes say, before their cell has closed: sudden changes, jumps in control loops, held tags."""

from collections.abc import Mapping

import numpy as np

from analytics.detectors.level import Level
from analytics.detectors.loop import Loop
from analytics.detectors.step import Step
from analytics.layers import LEVEL, LOOP, STEP, Layer
from analytics.segment import Floats
from analytics.step_watch import ClosedBin


class Sudden:
    """The layers that see bins."""

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        step, loop, level = layers.get(STEP), layers.get(LOOP), layers.get(LEVEL)
        self._names = tuple(layers)
        self._step = step if isinstance(step, Step) else None
        self._loop = loop if isinstance(loop, Loop) else None
        self._level = level if isinstance(level, Level) else None

    def note(self, closed: ClosedBin, position: int, *, judged: bool) -> Floats:
        """The scores of a closed bin, (layers, tags), signed; NaN where none is known, as for layers that see cells.

        `position` is where the bin lies on the course.
        """
        scores = np.full((len(self._names), len(closed.values)), np.nan)
        if self._step is not None:
            scores[self._names.index(STEP)] = self._step.note(
                closed.at, closed.values, position=position, judged=judged
            )
            if self._loop is not None:
                restless = self._step.restless(closed.at)
                scores[self._names.index(LOOP)] = self._loop.note(
                    closed.at, closed.values, restless, position=position, judged=judged
                )
        if self._level is not None:
            scores[self._names.index(LEVEL)] = self._level.note(
                closed.at, closed.values, position=position, judged=judged
            )
        return scores

    def tell(self, slot: int) -> None:
        """What is said of a slot from now on is the largest change since the last cell."""
        for detector in (self._step, self._loop, self._level):
            if detector is not None:
                detector.tell(slot)
