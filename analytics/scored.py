"""How near a batch came to the limits of its reference in one cell: kept beside the alerts, so that people see both."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.segment import Floats, Int64s


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredCell:
    """The tags that were judged, of each the largest score over its limit (1 and more is beyond) and its layer."""

    cell: int
    ended_us: int
    tags: tuple[str, ...]
    ratios: tuple[float, ...]
    layers: tuple[str, ...]

    @classmethod
    def of(
        cls, cell: int, ended_us: int, ratios: Floats, best_layer: Int64s, *, tags: Sequence[str], layers: Sequence[str]
    ) -> "ScoredCell":
        """`ratios` and `best_layer` hold a number for each of `tags`; NaN: it was not judged."""
        judged = np.flatnonzero(~np.isnan(ratios)).tolist()
        return cls(
            cell=cell,
            ended_us=ended_us,
            tags=tuple(tags[slot] for slot in judged),
            ratios=tuple(float(ratios[slot]) for slot in judged),
            layers=tuple(layers[int(best_layer[slot])] for slot in judged),
        )
