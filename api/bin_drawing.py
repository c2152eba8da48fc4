"""Draw the bins of minutes of an alert: readings, what was made of them, and where the reference expects the tag."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil, floor, log10

from psycopg import Connection

from api.bins import BEFORE, NOW, Bin, SeenBins
from api.series import BatchTag, batch_tags, read_series

WIDTH, HEIGHT = 620.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 66.0, 26.0, 12.0, 40.0
AROUND = 6  # bins before the first one and after the last one
MOST_READINGS = 10_000
HOUR_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
MOST_HOURS, FEWEST_VALUES = 8, 4  # on the axes
Points = Sequence[tuple[float, float]]  # process hour, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A word, or a tick of an axis."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """A level from one hour to another, with what it says."""

    kind: str  # "bin", "before", "now" or "foretold"
    x: float
    to: float
    y: float
    words: str


@dataclass(slots=True, kw_only=True)
class Panel:
    """One tag over process hours."""

    tag: str
    unit_of_measure: str  # "" where there is none
    answer: bool  # whether it is what a controller moved
    words: str  # all that it shows
    seen: SeenBins
    dots: str = ""  # path of the readings
    strokes: list[Stroke] = field(default_factory=list)
    band: tuple[float, float, float, float] | None = None  # x, y, width and height of what the reference expects
    shade: tuple[float, float] | None = None  # x and width of the bin of a jump
    limit_y: float | None = None
    labels: list[Mark] = field(default_factory=list)
    hours: Sequence[Mark] = ()
    values: Sequence[Mark] = ()


def draw_bins(connection: Connection, seen: Sequence[SeenBins], *, batch_id: int, started: datetime) -> list[Panel]:
    """The tags that layers of bins told of, and of a jump in a loop also what its controller moved.

    `started` is the start of the unit procedure, from which bins count. Readings are those that hold now.
    """
    panels = []
    for one in seen:
        width_h = one.bins[0].end_h - one.bins[0].began_h
        since_h, until_h = one.bins[0].began_h - AROUND * width_h, one.bins[-1].end_h + AROUND * width_h
        answers = () if one.jump is None else one.jump.answered_by
        tags = {tag.tag: tag for tag in batch_tags(connection, batch_id, [one.tag, *answers])}
        readings = {
            name: _readings(connection, tag, started=started, since_h=since_h, until_h=until_h)
            for name, tag in tags.items()
        }
        units = {name: unit_in_words(tag) for name, tag in tags.items()}
        panels += draw(one, since_h=since_h, until_h=until_h, readings=readings, units=units)
    return panels


def unit_in_words(tag: BatchTag) -> str:
    """The unit of measure as it is said beside the tag; "" where there is none, or the tag's name says it."""
    said = tag.unit_of_measure.strip("[]")
    return "" if said == "1" or said.casefold() == tag.tag.casefold() else tag.unit_of_measure


def draw(
    seen: SeenBins, *, since_h: float, until_h: float, readings: Mapping[str, Points], units: Mapping[str, str]
) -> list[Panel]:
    """The panels of one tag between two process hours; `readings` and `units` are by tag."""
    answers = () if seen.jump is None else seen.jump.answered_by
    return [
        _told(seen, since_h, until_h, readings.get(seen.tag, ()), units.get(seen.tag, "")),
        *(_answer(seen, tag, since_h, until_h, readings[tag], units[tag]) for tag in answers if readings.get(tag)),
    ]


def _told(seen: SeenBins, since_h: float, until_h: float, readings: Points, unit: str) -> Panel:
    scored = seen.bins[seen.scored]
    judged, jump = scored.judged, seen.jump
    expected = judged.expected if judged is not None else ()
    foretold = None if jump is None else scored.value - jump.off
    drawn = [value for _, value in readings] + [one.value for one in seen.bins] + [*expected]
    drawn += [value for value in (foretold, seen.limit_at) if value is not None]
    axes = _Axes(since_h, until_h, min(drawn), max(drawn))
    panel = Panel(tag=seen.tag, unit_of_measure=unit, answer=False, words=_words(seen, unit), seen=seen)
    _lay(panel, axes, readings)
    for one in seen.bins:
        said = f"{one.began_h:.2f} to {one.end_h:.2f} h: median {one.value:.{seen.decimals}f}"
        panel.strokes.append(axes.stroke("bin", one.began_h, one.end_h, one.value, said))
    if judged is not None:
        now = seen.bins[seen.scored + 1 - NOW : seen.scored + 1]
        _expect(panel, axes, now[0].began_h, now[-1].end_h, expected)
        _level(panel, axes, "now", now, judged.level)
        if judged.before is not None:
            before = seen.bins[seen.scored + 1 - NOW - BEFORE : seen.scored + 1 - NOW]
            _level(panel, axes, "before", before, judged.before)
    if foretold is not None:
        _level(panel, axes, "foretold", [scored], foretold)
        _level(panel, axes, "now", [scored], scored.value)
        panel.shade = axes.span(scored.began_h, scored.end_h)
    if seen.limit_at is not None:
        panel.limit_y = axes.y(seen.limit_at)
    return panel


def _answer(seen: SeenBins, tag: str, since_h: float, until_h: float, readings: Points, unit: str) -> Panel:
    values = [value for _, value in readings]
    axes = _Axes(since_h, until_h, min(values), max(values))
    words = f"{tag}{_of(unit)}: readings round the bin in which the controller of {seen.tag} answered"
    panel = Panel(tag=tag, unit_of_measure=unit, answer=True, words=words, seen=seen)
    _lay(panel, axes, readings)
    panel.shade = axes.span(seen.bins[-1].began_h, seen.bins[-1].end_h)
    return panel


def _lay(panel: Panel, axes: "_Axes", readings: Points) -> None:
    panel.dots = "".join(f"M{axes.x(hour)} {axes.y(value)}h0" for hour, value in readings)
    panel.hours, panel.values = axes.hours(), axes.values()


def _expect(panel: Panel, axes: "_Axes", from_h: float, to_h: float, expected: Sequence[float]) -> None:
    x, width = axes.span(from_h, to_h)
    top, bottom = axes.y(max(expected)), axes.y(min(expected))
    panel.band = x, top - 1, width, round(bottom - top + 2, 1)  # a level that does not vary is seen too


def _level(panel: Panel, axes: "_Axes", kind: str, bins: Sequence[Bin], value: float) -> None:
    stroke = axes.stroke(kind, bins[0].began_h, bins[-1].end_h, value, f"{kind} {value:.{panel.seen.decimals}f}")
    panel.strokes.append(stroke)
    # Each on the side away from the other, clear of its bins.
    heights = [stroke.y] if kind == "foretold" else [stroke.y, *(axes.y(one.value) for one in bins)]
    above = (kind == "now") == (panel.seen.score > 0)
    panel.labels.append(Mark(x=stroke.x, y=min(heights) - 8 if above else max(heights) + 17, text=stroke.words))


def _words(seen: SeenBins, unit: str) -> str:
    last = seen.bins[seen.scored]
    if seen.jump is not None:
        what = f"{last.value - seen.jump.off:.{seen.decimals}f} foretold, {last.value:.{seen.decimals}f} read"
    else:
        assert last.judged is not None
        low, high = last.judged.expected
        was = "" if last.judged.before is None else f"{last.judged.before:.{seen.decimals}f} before, "
        what = f"{was}{last.judged.level:.{seen.decimals}f} now, where the reference expects"
        what += f" {low:.{seen.decimals}f} to {high:.{seen.decimals}f}"
    return f"{seen.tag}{_of(unit)}: bins until hour {last.end_h:.2f}; {what}"


def _of(unit: str) -> str:
    return f", {unit}" if unit else ""


def _readings(connection: Connection, tag: BatchTag, *, started: datetime, since_h: float, until_h: float) -> Points:
    since, until = (started + timedelta(hours=hour) for hour in (since_h, until_h))
    found = read_series(connection, [tag], since=since, until=until, step_s=None, limit=MOST_READINGS)
    return [((row["time"] - started).total_seconds() / 3600, row["value"]) for row in found]


class _Axes:
    """Where hours and values lie on a panel."""

    def __init__(self, since_h: float, until_h: float, low: float, high: float) -> None:
        margin = 0.13 * (high - low or abs(high) or 1.0)
        self._since_h, self._until_h = since_h, until_h
        self._low, self._high = low - margin, high + margin

    def x(self, hour: float) -> float:
        share = (hour - self._since_h) / (self._until_h - self._since_h)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def span(self, from_h: float, to_h: float) -> tuple[float, float]:
        """Where it begins, and its width."""
        return self.x(from_h), round(self.x(to_h) - self.x(from_h), 1)

    def stroke(self, kind: str, from_h: float, to_h: float, value: float, words: str) -> Stroke:
        return Stroke(kind=kind, x=self.x(from_h), to=self.x(to_h), y=self.y(value), words=words)

    def hours(self) -> list[Mark]:
        length_h = self._until_h - self._since_h
        step = next((step for step in HOUR_STEPS if length_h / step <= MOST_HOURS), length_h / MOST_HOURS)
        return [
            Mark(x=self.x(at), y=HEIGHT - BOTTOM, text=f"{at:.1f}")
            for at in _multiples(self._since_h, self._until_h, step)
        ]

    def values(self) -> list[Mark]:
        step = _round_step((self._high - self._low) / FEWEST_VALUES)
        decimals = max(0, -floor(log10(step)))
        return [Mark(x=LEFT, y=self.y(at), text=f"{at:.{decimals}f}") for at in _multiples(self._low, self._high, step)]


def _round_step(most: float) -> float:
    """The greatest 1, 2 or 5 times a power of ten that is no greater.

    >>> _round_step(0.7), _round_step(31.0)
    (0.5, 20.0)
    """
    power = 10.0 ** floor(log10(most))
    return float(next(factor * power for factor in (5, 2, 1) if factor * power <= most * (1 + 1e-9)))


def _multiples(low: float, high: float, step: float) -> Iterator[float]:
    for count in range(ceil(low / step), floor(high / step) + 1):
        yield count * step
