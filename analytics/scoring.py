"""What alerts are worth against labels: false alerts, faults found, delays, by kind and by layer, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.dataset import DatasetError, Label
from analytics.methods.binomial import exact_interval
from store.model.alert import Alert, AlertKind
from store.model.times import US_PER_H


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAlert:
    """An alert as it was when its batch had ended."""

    batch: str
    alert: Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What the alerts are worth against the labels. Hours are process time."""

    unchanged_batches: int
    unchanged_alarmed: int
    faulty_batches: int
    faulty_detected: int
    delay_median_h: float | None
    delay_p90_h: float | None
    intervals: dict[str, tuple[float, float]]  # 95 %, exact
    by_kind: dict[str, dict[str, Any]]
    by_layer: dict[str, dict[str, int]]


def score_alerts(batches: Sequence[str], alerts: Sequence[BatchAlert], labels: dict[str, Label]) -> Score:
    """First drift alert of every batch against its label.

    A faulty batch counts as detected when its first drift alert comes after t0_h; an earlier one is a miss. Batches
    without drift within them count as unchanged, also those that belong to a decline between batches.
    """
    first: dict[str, Alert] = {}
    layers: dict[str, set[str]] = {}
    for item in alerts:
        if item.alert.kind is AlertKind.DRIFT:
            first.setdefault(item.batch, item.alert)
            layers.setdefault(item.batch, set()).add(item.alert.detector)
    unknown = [batch for batch in batches if batch not in labels]
    if unknown:
        raise DatasetError(f"labels.csv does not name {', '.join(unknown[:5])}")
    faulty = [batch for batch in batches if is_faulty(labels[batch])]
    unchanged = [batch for batch in batches if not labels[batch].drift]
    delays = {batch: delay_h(first.get(batch), labels[batch]) for batch in faulty}
    found = sorted(delay for delay in delays.values() if delay is not None)
    alarmed = sum(batch in first for batch in unchanged)
    return Score(
        unchanged_batches=len(unchanged),
        unchanged_alarmed=alarmed,
        faulty_batches=len(faulty),
        faulty_detected=len(found),
        delay_median_h=float(np.median(found)) if found else None,
        delay_p90_h=float(np.quantile(found, 0.9)) if found else None,
        intervals={
            "unchanged_alarmed": exact_interval(alarmed, len(unchanged)),
            "faulty_detected": exact_interval(len(found), len(faulty)),
        },
        by_kind={kind: _of_kind(kind, faulty, delays, labels) for kind in sorted({labels[b].kind for b in faulty})},
        by_layer=_by_layer(faulty, unchanged, first, delays),
    )


def is_faulty(label: Label) -> bool:
    """Whether something went wrong inside this batch, at a known hour."""
    return label.drift and label.start_h is not None and label.group in {"within_batch_fault", ""}


def delay_h(alert: Alert | None, label: Label) -> float | None:
    """Hours from the start of the fault to the alert; None where none came or it came before."""
    if alert is None or label.start_h is None:
        return None
    later_h = alert.raised_us / US_PER_H - label.start_h
    return later_h if later_h > 0 else None


def _of_kind(
    kind: str, faulty: Sequence[str], delays: dict[str, float | None], labels: dict[str, Label]
) -> dict[str, Any]:
    batches = [batch for batch in faulty if labels[batch].kind == kind]
    found = [delay for batch in batches if (delay := delays[batch]) is not None]
    return {
        "batches": len(batches),
        "detected": len(found),
        "interval": exact_interval(len(found), len(batches)),
        "delay_median_h": float(np.median(found)) if found else None,
    }


def _by_layer(
    faulty: Sequence[str],
    unchanged: Sequence[str],
    first: dict[str, Alert],
    delays: dict[str, float | None],
) -> dict[str, dict[str, int]]:
    """Which layer raised the first alert."""
    rows: dict[str, dict[str, int]] = {}
    for batch, alert in sorted(first.items()):
        row = rows.setdefault(alert.detector, {"faulty_detected": 0, "faulty_early": 0, "unchanged_alarmed": 0})
        if batch in unchanged:
            row["unchanged_alarmed"] += 1
        elif batch in faulty:
            row["faulty_early" if delays[batch] is None else "faulty_detected"] += 1
    return rows
