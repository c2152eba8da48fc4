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
        found: tuple[list[Scored], list[Scored]] = [], []
        for slot, tag in enumerate(tags):
            order = np.argsort(-ratios[:, slot], kind="stable").tolist()
            for rank, layer in enumerate(order):
                ratio = float(ratios[layer, slot])
                if ratio < (NEAR if rank else 0.0):
                    break
                found[min(rank, 1)].append(Scored(tag, ratio, layers[layer]))
        return cls(cell=cell, ended_us=ended_us, nearest=tuple(found[0]), further=tuple(found[1]))
