"""How far a batch has come on the course of the reference, and whether it goes at the reference's pace."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.alignment import BY_CLOCK, Positions
from analytics.detectors.attribution import added, attributed
from analytics.detectors.onset import Onset
from analytics.exact import exp
from analytics.packing import pack, unpack
from analytics.segment import Floats

ORDINARY = 3.0  # SD from the course, beyond which a distance counts as itself and not as its square
PACE_CLIP = 10.0  # SD of the pace
SMALLEST_GAIN = 1e-9  # that somebody carries the pace when no tag gains


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedMaturity:
    """The tags whose course tells how far a batch has come, and how batches of the reference went."""

    tags: tuple[str, ...]
    mean: Floats  # (positions, tags)
    sd: Floats  # (positions, tags)
    tells: Floats  # (positions, tags): 1 where the mean course climbs or falls gradually, else 0
    lag_sd: float  # cells: how far batches are ahead of or behind the clock
    pace_mean: Floats  # (positions,)
    pace_sd: Floats  # (positions,): from left-out batches

    @property
    def reach(self) -> int:
        """How many cells ahead or behind a batch is looked for."""
        return max(1, round(3.0 * self.lag_sd))


class Maturity:
    """The position of a batch on the reference's mean course, from the tags that climb or fall along it.

    For every lag l the loss ρ(d) of each telling tag is kept as an EWMA over `tau_h`: d is its distance from the course
    at t + l in SD there, ρ(d) = d² up to 3 SD and 3 (2 |d| − 3) beyond, so that no wild tag decides (Huber 1964). The
    lag is where their sum plus (l/SD of lags)² is least, between cells by the parabola through its neighbours. It is
    the open-ended matching of a running batch to a reference (Kassidas, MacGregor and Taylor 1998) with one lag for all
    recent cells in place of a warped path; the penalty keeps the clock where the tags tell nothing. Where no tag tells,
    the losses stay and the batch is taken to go with the clock. The state is a loss for each tag and lag, however long
    the batch.

    >>> course = FittedMaturity(
    ...     tags=("CER",), mean=np.arange(40.0)[:, None], sd=np.ones((40, 1)), tells=np.ones((40, 1)),
    ...     lag_sd=2.0, pace_mean=np.ones(40), pace_sd=np.ones(40),
    ... )
    >>> maturity = Maturity(course, slots={"CER": 0}, width_h=1.0, tau_h=2.0)
    >>> all(maturity.update(cell, np.array([cell - 2.0])) for cell in range(20))
    True
    >>> round(maturity.lag, 1), round(maturity.position(19), 2)  # two cells behind the course, less the penalty
    (-1.6, 0.46)
    """

    def __init__(
        self,
        fitted: FittedMaturity,
        *,
        slots: Mapping[str, int],
        width_h: float,
        tau_h: float,
        path: Positions = BY_CLOCK,
    ) -> None:
        """`slots` are the columns of all tags by name; `tau_h` is the memory."""
        self._fitted = fitted
        self._path = path
        self._places = [place for place, tag in enumerate(fitted.tags) if tag in slots]
        self.slots = [slots[fitted.tags[place]] for place in self._places]
        self._weight = 1.0 - exp(-width_h / tau_h)
        self._lags = np.arange(-fitted.reach, fitted.reach + 1)
        self._penalty = (self._lags / fitted.lag_sd) ** 2
        self.losses = np.zeros((len(self._places), len(self._lags)))
        self.lag = 0.0  # cells ahead of the clock

    def update(self, cell: int, values: Floats) -> bool:
        """Take a cell's values, (all tags,); whether a telling tag spoke."""
        fitted, here = self._fitted, self._path.at(cell)
        if here >= len(fitted.mean) or not self._places:
            return False
        at = np.clip(here + self._lags, 0, len(fitted.mean) - 1)
        seen = values[self.slots]
        telling = (fitted.tells[here, self._places] > 0.0) & ~np.isnan(seen)
        if not telling.any():
            return False
        distance = (seen - fitted.mean[at][:, self._places]) / fitted.sd[at][:, self._places]
        # A copy, because the order in memory is the order in which losses are added.
        away = np.abs(np.where(np.isnan(distance), ORDINARY, distance)).T.copy()
        lost = np.where(away <= ORDINARY, away**2, ORDINARY * (2.0 * away - ORDINARY))
        moved = self.losses + self._weight * (lost - self.losses)
        self.losses = np.where(telling[:, None], moved, self.losses)
        self.lag = self._least()
        return True

    def position(self, cell: int) -> float:
        """0 at the start of the reference's course, 1 at its end."""
        return min(max((self._path.at(cell) + 1 + self.lag) / len(self._fitted.mean), 0.0), 1.0)

    def gains(self, before: float, after: float) -> Floats:
        """By how much each telling tag lies nearer to the course at one lag than at another, (telling tags,)."""
        reach = self._fitted.reach
        gain: Floats = self.losses[:, round(before) + reach] - self.losses[:, round(after) + reach]
        return gain

    def _least(self) -> float:
        cost = self._penalty + self.losses.sum(axis=0)
        least = int(np.argmin(cost))
        if least in (0, len(cost) - 1):
            return float(self._lags[least])
        before, here, after = (float(value) for value in cost[least - 1 : least + 2])
        bend = before - 2.0 * here + after
        return float(self._lags[least]) + (0.5 * (before - after) / bend if bend > 0.0 else 0.0)


class Pace:
    """The pace of maturity over a window, in SD of left-out batches: below 0 the batch falls behind.

    Pace = 1 + (lag now − lag a window ago)/window, 1 in a batch that goes as the clock does. It belongs to the batch;
    the tags carry it by how much nearer to the course they lie at the lag of now than at that of a window ago. The
    state is that of the maturity, a lag for each cell of the window, and a share a tag.

    >>> course = FittedMaturity(
    ...     tags=("CER",), mean=np.arange(40.0)[:, None], sd=np.ones((40, 1)), tells=np.ones((40, 1)),
    ...     lag_sd=4.0, pace_mean=np.ones(40), pace_sd=np.full(40, 0.1),
    ... )
    >>> pace = Pace(course, slots={"CER": 0}, width_h=1.0, tau_h=2.0, window_h=10.0)
    >>> scores = [float(pace.update(cell, np.array([0.7 * cell]))[0]) for cell in range(26)]
    >>> round(pace.pace, 2), round(scores[-1], 1)
    (0.72, -2.8)
    """

    def __init__(
        self,
        fitted: FittedMaturity,
        *,
        slots: Mapping[str, int],
        width_h: float,
        tau_h: float,
        window_h: float,
        path: Positions = BY_CLOCK,
    ) -> None:
        """`slots` are the columns of all tags by name; `tau_h` is the memory of the lag, `window_h` of the pace."""
        self._fitted = fitted
        self._path = path
        self._tags = len(slots)
        self.maturity = Maturity(fitted, slots=slots, width_h=width_h, tau_h=tau_h, path=path)
        self._lags = np.zeros(max(1, round(window_h / width_h)))  # a ring
        self.pace = math.nan  # of the newest cell
        self._onset = Onset(1)
        self._shares = np.zeros(self._tags)

    def update(self, cell: int, values: Floats) -> Floats:
        """The scaled pace after this cell, by what the tags contribute to it, (tags,); NaN for no part."""
        before = float(self._lags[cell % len(self._lags)])
        self.pace = self.pace_of(cell, values)
        scores = np.full(self._tags, np.nan)
        self._shares = np.zeros(self._tags)
        at = self._path.at(cell)
        if math.isnan(self.pace) or math.isnan(self._fitted.pace_sd[at]):
            return scores
        scaled = (self.pace - float(self._fitted.pace_mean[at])) / float(self._fitted.pace_sd[at])
        scaled = min(max(scaled, -PACE_CLIP), PACE_CLIP)
        self._onset.update(cell, np.array([scaled]))
        slots = self.maturity.slots
        gains = np.maximum(self.maturity.gains(before, self.maturity.lag), SMALLEST_GAIN)
        gains = np.where(np.isnan(values[slots]), np.nan, gains)
        scores[slots] = attributed(abs(scaled), gains, np.full(len(slots), scaled))
        known = np.nan_to_num(gains)
        self._shares[slots] = known / added(known)
        return scores

    def pace_of(self, cell: int, values: Floats) -> float:
        """Take a cell's values, (all tags,); the pace after it, NaN where no tag told it."""
        place = cell % len(self._lags)
        before = float(self._lags[place])
        told = self.maturity.update(cell, values)
        self._lags[place] = self.maturity.lag
        return 1.0 + (self.maturity.lag - before) / len(self._lags) if told else math.nan

    def shares(self) -> Floats:
        """The part of every tag in the newest pace, (tags,), of sum 1; all 0 where nothing was said."""
        return self._shares

    def expected(self, cell: int) -> float:
        """The pace of the reference batches."""
        return float(self._fitted.pace_mean[self._path.at(cell)])

    def run_began(self, cell: int, slot: int, sign: float) -> int:  # noqa: ARG002 - the pace is the batch's
        """The first cell of the present run beyond one SD on one side."""
        return self._onset.began(0, cell)

    def to_bytes(self) -> bytes:
        """Losses by lag, the lags of the window, the pace and the beginning of the run."""
        return pack(
            "pace",
            1,
            {},
            {
                "losses": self.maturity.losses,
                "lag": np.array([self.maturity.lag, self.pace]),
                "lags": self._lags,
                "onset": np.frombuffer(self._onset.to_bytes(), np.uint8),
                "shares": self._shares,
            },
        )

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        _, arrays = unpack("pace", 1, data)
        self.maturity.losses, self._lags, self._shares = arrays["losses"], arrays["lags"], arrays["shares"]
        self.maturity.lag, self.pace = arrays["lag"].tolist()
        self._onset.restore(arrays["onset"].tobytes())
        return self
