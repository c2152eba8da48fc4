"""Draw what offsets of a tag were found: a row for each tag, a mark with its interval for each size."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.references import OffsetTried, PowerTried
from api.rendering import percent

WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 1000.0, 190.0, 34.0, 8.0, 34.0, 30.0
APART = 9.0  # between the marks of one tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One size of one tag."""

    x: float
    low: float
    high: float
    y: float
    size: int  # which of the sizes, from 1
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One tag."""

    tag: str
    y: float
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """All rows over a scale of shares."""

    height: float
    rows: Sequence[Row]
    scale: Sequence[tuple[float, str]]


def draw(power: PowerTried) -> Drawing:
    """The tags in the order of the packet."""
    tags = list(dict.fromkeys(one.tag for one in power.offsets))
    sizes = sorted({one.size_sd for one in power.offsets})
    rows = []
    for place, tag in enumerate(tags):
        y = TOP + (place + 0.5) * ROW
        mine = sorted((one for one in power.offsets if one.tag == tag), key=lambda one: one.size_sd)
        marks = [_mark(one, sizes.index(one.size_sd) + 1, y, len(sizes)) for one in mine if one.found.trials]
        rows.append(Row(tag=tag, y=y, marks=marks))
    height = TOP + len(tags) * ROW + BOTTOM
    return Drawing(height=height, rows=rows, scale=[(_x(share), percent(share)) for share in (0, 0.25, 0.5, 0.75, 1)])


def _mark(one: OffsetTried, size: int, y: float, sizes: int) -> Mark:
    low, high = one.found.interval
    return Mark(
        x=_x(one.found.events / one.found.trials),
        low=_x(low),
        high=_x(high),
        y=y + (size - (sizes + 1) / 2) * APART,
        size=size,
        words=f"{one.tag}, {one.size_sd:g} SD: {one.found.events} of {one.found.trials} found, "
        f"{percent(low)} to {percent(high)}",
    )


def _x(share: float) -> float:
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)
