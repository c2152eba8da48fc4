"""Draw a chart over batches as shapes for a page: batches from left to right, whatever time lay between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api.chart_rows import ChartDetail, ChartRow, DraftPointRow, DraftRow, PointRow
from api.rendering import number

WIDTH, HEIGHT = 1000.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 74.0, 16.0, 14.0, 26.0
MOST_LABELS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One batch."""

    x: float
    y: float
    kind: str  # "judged", "reference", "signal" or "bound"
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line through what is known; it breaks where nothing is."""

    path: str
    kind: str  # "value", "centre", "limit" or, of the limits in use beside a draft, "beside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A word at an axis."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One drawing; `hatched` are the stretches (from, width) that limits rest on."""

    title: str
    marks: Sequence[Mark]
    lines: Sequence[Line]
    hatched: Sequence[tuple[float, float]]
    scale: Sequence[Label]
    batches: Sequence[Label]


Value = Callable[[PointRow], float | None]


def draw(detail: ChartDetail) -> list[Panel]:
    """The values within their limits; the average and the sums where their rules are applied."""
    points = detail.points
    if not any(point.value is not None for point in points):
        return []
    rules = {rule.rule for rule in detail.rules}
    unit = "" if detail.chart.unit_of_measure == "1" else f", {detail.chart.unit_of_measure}"
    shown: list[tuple[str, Value, Sequence[Value], str]] = [
        (
            f"{detail.chart.subject}{unit}",
            lambda point: point.value,
            (lambda point: point.centre, lambda point: point.lower, lambda point: point.upper),
            "value",
        )
    ]
    if "ewma" in rules:
        shown.append(
            (
                f"weighted average{unit}",
                lambda point: point.average,
                (lambda point: point.centre, lambda point: point.average_lower, lambda point: point.average_upper),
                "ewma",
            )
        )
    panels = [_panel(points, *one) for one in shown]
    if "cusum" in rules:
        panels.append(_sums(points))
    return panels


def draw_draft(chart: ChartRow, draft: DraftRow) -> list[Panel]:
    """Every batch with a value within drafted limits, and within those in use."""
    points = [point for point in draft.points if point.value is not None]
    beside = [] if draft.in_use is None else [draft.in_use.lower, draft.in_use.centre, draft.in_use.upper]
    own = [draft.draft.lower, draft.draft.centre, draft.draft.upper]
    if not points:
        return []
    x, y = _places(len(points), [*own, *beside, *(point.value for point in points if point.value is not None)])
    unit = "" if chart.unit_of_measure == "1" else f", {chart.unit_of_measure}"
    kinds = ("limit", "centre", "limit")
    return [
        Panel(
            title=f"{chart.subject}{unit}: version {draft.draft.version}, a draft"
            + ("" if draft.in_use is None else f", and dotted version {draft.in_use.version}, in use"),
            marks=[
                Mark(x=x(index), y=y(point.value), kind=_draft_kind(point), words=_draft_words(point))
                for index, point in enumerate(points)
                if point.value is not None
            ],
            lines=[
                *(Line(path=_level(y(at)), kind="beside") for at in beside),
                *(Line(path=_level(y(at)), kind=kind) for at, kind in zip(own, kinds, strict=True)),
            ],
            hatched=[
                (x(index) - _step(len(points)) / 2, _step(len(points)))
                for index, point in enumerate(points)
                if point.phase_one
            ],
            scale=_scale([*own, *beside], y),
            batches=_names([point.batch for point in points], x),
        )
    ]


def _draft_kind(point: DraftPointRow) -> str:
    if point.would_signal:
        return "signal"
    if point.without is not None:
        return "bound"
    return "reference" if point.phase_one else "judged"


def _draft_words(point: DraftPointRow) -> str:
    rules = f": {', '.join(point.would_signal)}" if point.would_signal else ""
    return f"{point.batch} {point.value_text}{rules}"


def _level(y: float) -> str:
    return f"M{LEFT:g} {y:g}H{WIDTH - RIGHT:g}"


def _panel(points: Sequence[PointRow], title: str, value: Value, lines: Sequence[Value], what: str) -> Panel:
    known = [one for point in points for of in (value, *lines) if (one := of(point)) is not None]
    x, y = _places(len(points), known)
    kinds = ("centre", "limit", "limit")
    return Panel(
        title=title,
        marks=[
            Mark(x=x(index), y=y(at), kind=_kind(point, what), words=_words(point))
            for index, point in enumerate(points)
            if (at := value(point)) is not None
        ],
        lines=[
            Line(path=_path(points, value, x, y, skip_bounds=True), kind="value"),
            *(Line(path=_path(points, of, x, y), kind=kind) for of, kind in zip(lines, kinds, strict=True)),
        ],
        hatched=[
            (x(index) - _step(len(points)) / 2, _step(len(points)))
            for index, point in enumerate(points)
            if point.reference
        ],
        scale=_scale(known, y),
        batches=_names([point.batch for point in points], x),
    )


def _sums(points: Sequence[PointRow]) -> Panel:
    known = [0.0, 6.0, *(one for point in points for one in (point.high_sum, point.low_sum) if one is not None)]
    x, y = _places(len(points), known)
    both: tuple[Value, Value] = (lambda point: point.high_sum, lambda point: point.low_sum)
    limit: Value = lambda point: None if point.high_sum is None else 5.0  # noqa: E731 (beside its like)
    return Panel(
        title="cumulative sums up and down, sigma",
        marks=[
            Mark(x=x(index), y=y(at), kind=_kind(point, "cusum"), words=_words(point))
            for index, point in enumerate(points)
            for of in both
            if (at := of(point)) is not None
        ],
        lines=[
            *(Line(path=_path(points, of, x, y), kind="value") for of in both),
            Line(path=_path(points, limit, x, y), kind="limit"),
        ],
        hatched=[
            (x(index) - _step(len(points)) / 2, _step(len(points)))
            for index, point in enumerate(points)
            if point.reference
        ],
        scale=_scale(known, y),
        batches=_names([point.batch for point in points], x),
    )


def _kind(point: PointRow, what: str) -> str:
    rules = [rule for rule in point.signals if (rule in ("ewma", "cusum") and rule == what) or what == "value"]
    if rules:
        return "signal"
    if point.without is not None:
        return "bound"
    return "reference" if point.reference else "judged"


def _words(point: PointRow) -> str:
    signals = f": {', '.join(point.signals)}" if point.signals else ""
    earlier = f" (before: {', '.join(point.earlier)})" if point.earlier else ""
    return f"{point.batch} {point.value_text}{earlier}{signals}"


def _step(points: int) -> float:
    return (WIDTH - LEFT - RIGHT) / max(points, 1)


def _places(points: int, known: Sequence[float]) -> tuple[Callable[[int], float], Callable[[float], float]]:
    low, high = min(known), max(known)
    margin = (high - low or abs(high) or 1.0) * 0.08
    low, high = low - margin, high + margin
    step = _step(points)
    return (
        lambda index: round(LEFT + (index + 0.5) * step, 1),
        lambda value: round(HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1),
    )


def _path(
    points: Sequence[PointRow],
    value: Value,
    x: Callable[[int], float],
    y: Callable[[float], float],
    *,
    skip_bounds: bool = False,
) -> str:
    """A path of SVG through the points that have a value."""
    path, pen_down = "", False
    for index, point in enumerate(points):
        at = None if skip_bounds and point.without is not None else value(point)
        if at is None:
            pen_down = pen_down and skip_bounds
            continue
        path += f"{'L' if pen_down else 'M'}{x(index):g} {y(at):g}"
        pen_down = True
    return path


def _scale(known: Sequence[float], y: Callable[[float], float]) -> list[Label]:
    low, high = min(known), max(known)
    values = [low + (high - low) * part / 4 for part in range(5)] if high > low else [low]
    return [Label(x=LEFT - 8, y=y(value), text=number(value)) for value in values]


def _names(batches: Sequence[str], x: Callable[[int], float]) -> list[Label]:
    every = -(-len(batches) // MOST_LABELS)
    return [Label(x=x(index), y=HEIGHT - 8, text=batch) for index, batch in enumerate(batches) if index % every == 0]
