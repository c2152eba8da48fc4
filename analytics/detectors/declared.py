"""Balances that a product template declares: what must follow from flows, gas and stirring, and whether it does."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.alignment import BY_CLOCK, Positions
from analytics.detectors.ewma import Ewma
from analytics.formula import Course, Formula
from analytics.packing import Array, pack, unpack
from analytics.segment import Floats
from analytics.template import Statistic

CARRY_H = 2.0  # so long a tag that says nothing is taken to stand still
CLIP = 20.0  # SD: limits of a balance are wide, because its residual keeps its side for long


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedBalance:
    """A declared balance over one span, with what reference batches taught.

    Where phases place the cells, the mean course of the terms is taken off before the statistic: what it does over a
    span is then what it does between the positions that the batch really went through. By the clock every batch goes
    the same way, and the mean of the statistic says all of it.
    """

    name: str
    accuses: str  # tag
    target: Formula
    explained_by: tuple[Formula, ...]
    statistic: Statistic
    span_h: float
    smoothing_h: float
    check: str  # what a person looks at first
    mean: Floats  # (positions, 1 + explaining): of the statistic of the target and of what explains it
    weights: Floats  # (explaining,)
    residual_sd: Floats  # (positions,): RMS, in units of the target's statistic
    base: Floats | None = None  # (positions, 1 + explaining): the mean course of the terms; None: by the clock

    @property
    def channel(self) -> str:
        """Which row of limits is its own."""
        return channel_of(self.name, self.span_h)


def channel_of(name: str, span_h: float) -> str:
    """The layer of a balance over a span.

    >>> channel_of("volume", 12.0)
    'volume 12 h'
    """
    return f"{name} {span_h:g} h"


class Terms:
    """The target and what explains it, cell by cell: formulas over tags, smoothed.

    In a missing cell a tag is taken to have gone where the reference went since its last one, for two hours, or to
    stand where no reference is known; then the terms are unknown. Where the course moves within a cell they are unknown
    at once: the last one says nothing of what came of it.
    """

    def __init__(self, formulas: Sequence[Formula], *, width_h: float, smoothing_h: float) -> None:
        """`formulas` are the target and what explains it."""
        self._courses = [Course(formula, width_h) for formula in formulas]
        self._tags = sorted(frozenset().union(*(formula.tags for formula in formulas)))
        nothing = float("nan"), float("nan")
        self._last = dict.fromkeys(self._tags, nothing)  # the value of the last cell that was read, what was expected
        self._missed = dict.fromkeys(self._tags, 0)
        self._carried = round(CARRY_H / width_h)
        self._smoothing = max(1, round(smoothing_h / width_h))
        self._tail: list[Floats] = []

    def update(
        self, values: Mapping[str, float], expected: Mapping[str, float], moving: Collection[str] = ()
    ) -> Floats:
        """The smoothed terms after a cell, (1 + explaining,); NaN where a tag is unknown.

        `expected` are the tags' values in the reference, `moving` those whose course moves within this cell.
        """
        now = {}
        for tag in self._tags:
            if not math.isnan(values[tag]):
                self._missed[tag], self._last[tag] = 0, (values[tag], expected[tag])
                now[tag] = values[tag]
                continue
            self._missed[tag] += 1
            if tag in moving or self._missed[tag] > self._carried:
                self._last[tag] = float("nan"), float("nan")
            value, then = self._last[tag]
            went = expected[tag] - then
            now[tag] = value if math.isnan(went) else value + went
        self._tail.append(np.array([course.update(now) for course in self._courses]))
        del self._tail[: -self._smoothing]
        smoothed: Floats = np.array(self._tail).sum(axis=0) / len(self._tail)
        return smoothed

    def to_bytes(self) -> bytes:
        """What the formulas remember."""
        fields = {"courses": [course.state() for course in self._courses], "missed": self._missed}
        last = np.array([self._last[tag] for tag in self._tags])
        return pack("terms", 2, fields, {"last": last, "tail": np.array(self._tail)})

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        fields, arrays = unpack("terms", 2, data)
        for course, state in zip(self._courses, fields["courses"], strict=True):
            course.restore(state)
        self._missed = fields["missed"]
        self._last = {
            tag: (value, then) for tag, (value, then) in zip(self._tags, arrays["last"].tolist(), strict=True)
        }
        self._tail = list(arrays["tail"])


class Differences:
    """The statistic of every term over a span: its change, or its least-squares slope times the span."""

    def __init__(self, statistic: Statistic, span_cells: int) -> None:
        self._statistic = statistic
        self._span = span_cells
        self.rows: list[Floats] = []  # the last span + 1, the newest last

    def update(self, row: Floats) -> Floats:
        """The statistic after this cell; while the span fills, of what there is (a slope shrunk towards zero).

        NaN where a row within the span is: an integral that stopped meanwhile is off by what it missed.
        """
        self.rows.append(row)
        del self.rows[: -(self._span + 1)]
        if self._statistic is Statistic.CHANGE:
            through: Floats = np.array(self.rows).sum(axis=0)
            return np.where(np.isnan(through), np.nan, row - self.rows[0])
        whole = _centred(self._span + 1)
        centred = _centred(len(self.rows))
        slope: Floats = (centred[:, None] * np.array(self.rows)).sum(axis=0) / float((whole**2).sum())
        return slope * (self._span + 1)


class Declared:
    """Residual of declared balances over one span, in RMS of the reference, as an EWMA; one column per accused tag.

    >>> volume = FittedBalance(
    ...     name="volume", accuses="V", target=Formula.parse("V - integral(F)"), explained_by=(),
    ...     statistic=Statistic.CHANGE,
    ...     span_h=2.0, smoothing_h=0.0, check="the pump", mean=np.zeros((9, 1)), weights=np.zeros(0),
    ...     residual_sd=np.full(9, 0.5),
    ... )
    >>> declared = Declared([volume], slots={"F": 0, "V": 1}, tags=2, width_h=1.0, tau_h=0.1)
    >>> for cell, level in enumerate((10.0, 12.0, 13.0)):  # two an hour are fed
    ...     score = declared.update(cell, np.array([2.0, level]))
    >>> round(float(score[1]), 2), declared.surplus(2, 1)
    (-2.0, -1.0)
    """

    def __init__(
        self,
        balances: Sequence[FittedBalance],
        *,
        slots: Mapping[str, int],
        tags: int,
        width_h: float,
        tau_h: float,
        path: Positions = BY_CLOCK,
        mean: Floats | None = None,
        moving: Floats | None = None,
    ) -> None:
        """`slots` are the columns of all tags by name; `tau_h` is the memory.

        `mean`, (positions, tags), is the course of the reference, flat when None; `moving` is 1 where it moves within a
        cell.
        """
        self._path = path
        self._mean = np.zeros((1, tags)) if mean is None else mean
        self._moving = np.zeros(self._mean.shape) if moving is None else moving
        self._balances = balances
        self._slots = slots
        self._columns = [slots[balance.accuses] for balance in balances]
        self._terms = [
            Terms((part.target, *part.explained_by), width_h=width_h, smoothing_h=part.smoothing_h) for part in balances
        ]
        self._differences = [Differences(part.statistic, max(1, round(part.span_h / width_h))) for part in balances]
        self._kept = max(1, round(max(part.span_h for part in balances) / width_h))
        self._residuals: list[Floats] = []  # scaled, (tags,), the newest last
        self._ewma = Ewma(tags=tags, width_h=width_h, tau_h=tau_h)

    def update(self, cell: int, values: Floats) -> Floats:
        """The EWMA of the scaled residuals after this cell, (tags,), signed; NaN where nothing can be said."""
        named = {tag: float(values[slot]) for tag, slot in self._slots.items()}
        scaled = np.full(len(values), np.nan)
        at = self._path.at(cell)
        place = min(at, len(self._mean) - 1)
        expected = {tag: float(self._mean[place, slot]) for tag, slot in self._slots.items()}
        moving = {tag for tag, slot in self._slots.items() if self._moving[place, slot] > 0.0}
        for part, terms, differences, column in zip(
            self._balances, self._terms, self._differences, self._columns, strict=True
        ):
            row = terms.update(named, expected, moving)
            difference = differences.update(row if part.base is None else row - part.base[at])
            if at < len(part.mean) and not np.isnan(values[column]):
                scaled[column] = residual_of(difference - part.mean[at], part.weights) / part.residual_sd[at]
        self._residuals.append(scaled)
        del self._residuals[: -self._kept]
        return self._ewma.update(cell, np.clip(scaled, -CLIP, CLIP))

    def balance_of(self, slot: int) -> FittedBalance:
        """The balance that accuses a slot."""
        return self._balances[self._columns.index(slot)]

    def surplus(self, cell: int, slot: int) -> float:
        """The newest unexplained part of the target's statistic, in the target's unit."""
        return float(self._residuals[-1][slot]) * float(self.balance_of(slot).residual_sd[self._path.at(cell)])

    def run_began(self, cell: int, slot: int, sign: float) -> int:
        """The first cell of the present run of residuals beyond one SD on one side, within the span."""
        first, doubtful = cell, 0
        for back, row in enumerate(reversed(self._residuals)):
            if np.isnan(row[slot]):
                continue
            if row[slot] * sign >= 1.0:
                first, doubtful = cell - back, 0
            else:
                doubtful += 1
                if doubtful > 1:
                    break
        return first

    def to_bytes(self) -> bytes:
        """Terms, spans, residuals and levels."""
        arrays: dict[str, Array] = {
            "residuals": np.array(self._residuals),
            "ewma": np.frombuffer(self._ewma.to_bytes(), np.uint8),
        }
        for number, (terms, differences) in enumerate(zip(self._terms, self._differences, strict=True)):
            arrays[f"terms {number}"] = np.frombuffer(terms.to_bytes(), np.uint8)
            arrays[f"rows {number}"] = np.array(differences.rows)
        return pack("declared", 1, {}, arrays)

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        _, arrays = unpack("declared", 1, data)
        self._residuals = list(arrays["residuals"])
        self._ewma.restore(arrays["ewma"].tobytes())
        for number, (terms, differences) in enumerate(zip(self._terms, self._differences, strict=True)):
            terms.restore(arrays[f"terms {number}"].tobytes())
            differences.rows = list(arrays[f"rows {number}"])
        return self


def residual_of(deviation: Floats, weights: Floats) -> float:
    """What the explaining terms leave of the target, from deviations (1 + explaining,)."""
    # Summed one after the other: the bits of a dot product depend on the machine.
    explained = 0.0
    for weight, value in zip(weights.tolist(), deviation[1:].tolist(), strict=True):
        explained += weight * value
    return float(deviation[0]) - explained


def _centred(count: int) -> Floats:
    return np.arange(count, dtype=np.float64) - (count - 1) / 2.0
