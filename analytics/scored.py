"""How near a batch came to the limits of its reference in one cell: kept beside the alerts, so that people see both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analytics.segment import Floats
from store.model.score import NEAR


class Scored(NamedTuple):
    """A tag, a score of it over its limit (1 and more is beyond), and the layer that gave it."""

    tag: str
    ratio: float
    layer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredCell:
    """The tags that were judged."""

    cell: int
    ended_us: int
    nearest: tuple[Scored, ...]  # of each tag the largest
    further: tuple[Scored, ...]  # of each tag its other layers that came near their limits, the nearest first

    @classmethod
    def of(
        cls, cell: int, ended_us: int, ratios: Floats, *, tags: Sequence[str], layers: Sequence[str]
    ) -> "ScoredCell":
        """`ratios` are (layers, tags); negative: it was not judged."""
        best = np.argmax(ratios, axis=0).tolist()
        near = [(layer, slot) for layer, slot in np.argwhere(ratios >= NEAR).tolist() if layer != best[slot]]
        near.sort(key=lambda one: (one[1], -ratios[one], one[0]))

        def scored(layer: int, slot: int) -> Scored:
            return Scored(tags[slot], float(ratios[layer, slot]), layers[layer])

        return cls(
            cell=cell,
            ended_us=ended_us,
            nearest=tuple(scored(layer, slot) for slot, layer in enumerate(best) if ratios[layer, slot] >= 0.0),
            further=tuple(scored(layer, slot) for layer, slot in near),
        )
