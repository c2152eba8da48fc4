"""An evaluation as one HTML file with pictures: nothing in it is fetched from anywhere, so it can be kept and sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from jinja2 import Environment, PackageLoader, StrictUndefined

from analytics.dataset import Label
from analytics.evaluate import Evaluation
from analytics.scoring import BatchAlert, delay_h, is_faulty
from analytics.software import software
from store.model.alert import AlertKind
from store.model.times import US_PER_H

PLOT_PX = 720  # width of the course of a batch
TICKS = 8  # at most, on the axis of hours
STEPS_H = (1, 2, 5, 10, 12, 24, 48, 96, 168, 336)


class Outcome(StrEnum):
    """What the alerts of a batch turned out to be."""

    FOUND = "found"  # the first drift alert came after the fault began
    EARLY = "early"  # it came before: a miss that looks like a find
    MISSED = "missed"
    FALSE = "false alert"
    QUIET = "quiet"
    BETWEEN = "changed between batches"  # not within this one: not scored
    UNKNOWN = "no label"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A drift alert on the axis of hours, in pixels."""

    left: float
    width: float
    onset: float
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A watched batch."""

    batch: str
    kind: str
    outcome: Outcome
    fault_px: float | None
    delay_h: float | None
    layer: str
    bars: tuple[Bar, ...]


def report_html(
    result: Evaluation, *, name: str, labels: Mapping[str, Label] | None, fewer: Mapping[str, Evaluation]
) -> str:
    """The page. `name` is what the data set is called; `fewer` are evaluations without a family, by family."""
    environment = Environment(
        loader=PackageLoader("analytics", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("evaluation.html").render(
        name=name,
        result=result,
        score=result.score,
        fewer=fewer,
        software=software(),
        rows=rows_of(result, labels),
        ticks=[(hour, _px(hour, result.hours)) for hour in _ticks(result.hours)],
        plot_px=PLOT_PX,
        drift=[item for item in result.alerts if item.alert.kind is AlertKind.DRIFT],
        others=len([item for item in result.alerts if item.alert.kind is not AlertKind.DRIFT]),
        us_per_h=US_PER_H,
    )


def rows_of(result: Evaluation, labels: Mapping[str, Label] | None) -> list[Row]:
    """Every watched batch with its drift alerts: faulty ones by kind, then the others."""
    by_batch: dict[str, list[BatchAlert]] = {batch: [] for batch in result.watched}
    for item in result.alerts:
        if item.alert.kind is AlertKind.DRIFT:
            by_batch[item.batch].append(item)
    rows = [_row(batch, items, None if labels is None else labels[batch], result) for batch, items in by_batch.items()]
    return sorted(rows, key=lambda row: (row.fault_px is None, row.kind, row.batch))


def _row(batch: str, items: Sequence[BatchAlert], label: Label | None, result: Evaluation) -> Row:
    first = items[0].alert if items else None
    faulty = label is not None and is_faulty(label)
    delay = delay_h(first, label) if label is not None and faulty else None
    if label is None:
        outcome = Outcome.UNKNOWN
    elif faulty:
        outcome = Outcome.MISSED if first is None else Outcome.EARLY if delay is None else Outcome.FOUND
    elif label.drift:
        outcome = Outcome.BETWEEN
    else:
        outcome = Outcome.QUIET if first is None else Outcome.FALSE
    return Row(
        batch=batch,
        kind=label.kind if label is not None and label.drift else "",
        outcome=outcome,
        fault_px=_px(label.start_h, result.hours)
        if label is not None and faulty and label.start_h is not None
        else None,
        delay_h=delay,
        layer="" if first is None else first.detector,
        bars=tuple(_bar(item, result.hours) for item in items),
    )


def _bar(item: BatchAlert, hours: float) -> Bar:
    alert = item.alert
    left = _px(alert.raised_us / US_PER_H, hours)
    right = PLOT_PX if alert.ended_us is None else _px(alert.ended_us / US_PER_H, hours)
    return Bar(
        left=left,
        width=max(2.0, right - left),
        onset=_px(alert.onset_us / US_PER_H, hours),
        sentence=f"hour {alert.raised_us / US_PER_H:.1f}, {alert.detector}: {alert.sentence}",
    )


def _px(hour: float, hours: float) -> float:
    return round(PLOT_PX * min(max(hour / hours, 0.0), 1.0), 1) if hours > 0 else 0.0


def _ticks(hours: float) -> list[int]:
    step = next((step for step in STEPS_H if hours / step <= TICKS), STEPS_H[-1])
    return list(range(0, int(hours) + 1, step))
