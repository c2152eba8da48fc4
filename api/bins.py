"""The bins of minutes on which an alert rests, as its evidence carries them: each tag by the layer that judged it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import floor, log10
from typing import Any, Final

STEP, LEVEL, LOOP = "step", "level", "loop"
BEFORE, NOW = 5, 3  # bins of the level before a sudden change, and of every level that is judged
IN_SD: Final = frozenset((STEP, LEVEL, LOOP))  # layers whose scores and limits are in SD
MOST_DECIMALS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A level that was judged when its newest bin closed. In the tag's unit, `excess` in SD."""

    before: float | None  # the level before a sudden change; None: it was judged by itself
    level: float
    low: float  # of the change, or of the level, that the reference batches have there on average
    high: float
    sd: float
    excess: float

    @property
    def expected(self) -> tuple[float, float]:
        """Where the level would lie if the batch did as the reference does, at least and at most."""
        at = self.before or 0.0
        return at + self.low, at + self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bin, in process hours."""

    began_h: float
    end_h: float
    value: float  # the median of its readings
    judged: Judged | None  # None: nothing was judged when it closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A jump inside a control loop."""

    off: float  # what was foretold, in the tag's unit
    off_sd: float  # the same in SD
    answer_sd: float  # how far its controller's answer lies off what was foretold
    answered_by: Sequence[str]  # tags


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBins:
    """What a layer of bins saw of a tag; the newest bin last, and a jump in its only one."""

    tag: str
    layer: str
    bins: Sequence[Bin]
    jump: Jump | None
    score: float  # SD, signed
    limit: float  # SD

    @property
    def scored(self) -> int:
        """The number of the bin with the lesser of the two excesses, which is the score; of a jump its only bin."""
        judged = [at for at, one in enumerate(self.bins) if one.judged is not None]
        return min(judged, key=lambda at: abs(_excess(self.bins[at])), default=len(self.bins) - 1)

    @property
    def limit_at(self) -> float | None:
        """Beyond which level there is an alert, in the tag's unit; None of a jump, which is judged by two distances."""
        judged = self.bins[self.scored].judged
        if judged is None:
            return None
        low, high = judged.expected
        return low - self.limit * judged.sd if self.score < 0 else high + self.limit * judged.sd

    @property
    def decimals(self) -> int:
        """With how many decimals values are told: two digits of their SD.

        >>> jump = Jump(off=-0.0660, off_sd=-5.3, answer_sd=-7.3, answered_by=("base",))
        >>> SeenBins(tag="pH", layer="loop", bins=(), jump=jump, score=-5.3, limit=4.5).decimals
        3
        """
        sds = [one.judged.sd for one in self.bins if one.judged is not None]
        if self.jump is not None and self.jump.off_sd:
            sds.append(abs(self.jump.off / self.jump.off_sd))
        least = min((sd for sd in sds if sd > 0), default=0.01)
        return min(max(1 - floor(log10(least)), 0), MOST_DECIMALS)


def seen_bins(cells: Iterable[Mapping[str, Any]]) -> list[SeenBins]:
    """What layers of bins saw, by layer and tag in the order of the evidence; nothing where they told nothing."""
    rows = [row for row in cells if "bin_began_h" in row]
    return [
        _seen(layer, tag, list(mine)) for (layer, tag), mine in groupby(rows, lambda row: (row["layer"], row["tag"]))
    ]


def _seen(layer: str, tag: str, rows: Sequence[Mapping[str, Any]]) -> SeenBins:
    last = rows[-1]
    jump = None
    if layer == LOOP:
        jump = Jump(
            off=last["jump"],
            off_sd=last["jump_sd"],
            answer_sd=last["answer_sd"],
            answered_by=last["answered_by"].split(", "),
        )
    return SeenBins(
        tag=tag,
        layer=layer,
        bins=[
            Bin(began_h=row["bin_began_h"], end_h=row["bin_end_h"], value=row["value"], judged=_judged(row))
            for row in rows
        ],
        jump=jump,
        score=last["score"],
        limit=last["limit"],
    )


def _judged(row: Mapping[str, Any]) -> Judged | None:
    if "excess" not in row:
        return None
    return Judged(
        before=row.get("before"),
        level=row["after"] if "after" in row else row["level"],
        low=row["low"],
        high=row["high"],
        sd=row["sd"],
        excess=row["excess"],
    )


def _excess(one: Bin) -> float:
    return 0.0 if one.judged is None else one.judged.excess
