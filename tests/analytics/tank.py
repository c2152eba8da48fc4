"""A fed tank for these tests: its level must follow the pump, and samples check the pH that a loop holds."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from analytics.grid import Grid
from analytics.learning import learn_new
from analytics.monitor import BatchMonitor
from analytics.reference import Blind, ReferenceModel
from analytics.runs import CompletedRun
from analytics.segment import Segment
from analytics.template import Further, Template
from store.model.alert import Alert
from store.model.ids import TagId, UnitId
from store.model.plant import ReportingMode, Tag
from store.model.reading import Quality
from store.model.times import US_PER_H

HOURS = 96
PER_HOUR = 6
GRID = Grid(width_us=US_PER_H, cells=HOURS)
ONLINE = ("acid", "feed", "level", "pH")
TEMPLATE = Template.parse(
    """
    name = "tank"
    [units]
    level = "L"
    feed = "L/h"
    pH = "pH"
    pH_sample = "pH"
    [[balance]]
    name = "volume"
    check = "the pump and the level sensor"
    accuses = "level"
    target = "level - integral(feed)"
    explained_by = ["integral(feed)"]
    statistic = "slope"
    spans_h = [6, 12]
    [[assay]]
    assay = "pH_sample"
    checks = "pH"
    drawn_before_h = 0.5
    within_h = 0.5
    """
)
WHOLE_COURSES = replace(TEMPLATE, also=tuple(Further))
UNITS = {"acid": "L/h", "feed": "L/h", "level": "L", "pH": "pH", "pH_sample": "pH"}


def run_of(seed: int, *, delivered: float = 1.0, sensor: float = 0.0, from_h: float = 48.0) -> CompletedRun:
    """One batch; from an hour on the pump delivers a share of what it reports, or the pH sensor is off."""
    rng = np.random.default_rng([seed, 77])
    times_h = (np.arange(HOURS * PER_HOUR) + 1) / PER_HOUR
    after = times_h >= from_h
    feed = (4.0 + 2.0 * np.sin(times_h / 20.0)) * rng.lognormal(0, 0.02)
    real = feed * np.where(after, delivered, 1.0)
    level = rng.normal(100.0, 2.0) + np.cumsum(real) / PER_HOUR - 0.3 * times_h * rng.lognormal(0, 0.1)
    true_ph = 7.0 - np.where(after, sensor, 0.0)  # the loop holds what the sensor says
    drawn = np.arange(8.0, HOURS, 8.0)
    at = np.searchsorted(times_h, drawn)
    return CompletedRun(
        batch=f"TANK-{seed}",
        tags={
            "acid": (times_h, rng.normal(1.0, 0.1, len(times_h))),
            "feed": (times_h, feed + rng.normal(0, 0.05, len(times_h))),
            "level": (times_h, level + rng.normal(0, 0.5, len(times_h))),
            "pH": (times_h, np.full(len(times_h), 7.0) + rng.normal(0, 0.01, len(times_h))),
            "pH_sample": (drawn + 0.5, true_ph[at] + rng.normal(0, 0.02, len(drawn))),
        },
    )


def reference(template: Template | None = TEMPLATE) -> ReferenceModel:
    """Of 24 unchanged batches."""
    blind = [Blind(phase=None, hours=4.0)]
    return learn_new([run_of(seed) for seed in range(24)], grid=GRID, tags=ONLINE, blind=blind, template=template)


def tags() -> list[Tag]:
    """The tank's tags."""
    return [
        Tag(
            tag_id=TagId(number),
            unit_id=UnitId(1),
            position_id=None,
            name=name,
            measurand=name,
            unit_of_measure=unit,
            physical_low=None,
            physical_high=None,
            reporting_mode=ReportingMode.MANUAL if name == "pH_sample" else ReportingMode.PERIODIC,
            interval_s=None if name == "pH_sample" else 600.0,
            mapped=True,
        )
        for number, (name, unit) in enumerate(sorted(UNITS.items()))
    ]


def monitor(model: ReferenceModel) -> BatchMonitor:
    """A monitor of a tank that starts at 0."""
    return BatchMonitor.start(
        batch="T",
        start_us=0,
        tags=tags(),
        reference_new=model,
        reference_old=None,
        ranges=(),
        correspondences=(),
        software="test",
    )


def stream_of(run: CompletedRun) -> Segment:
    """All readings of a run, one journal entry per instant."""
    ids = {tag.name: tag.tag_id for tag in tags()}
    times_us = np.rint(np.concatenate([times for times, _ in run.tags.values()]) * US_PER_H).astype(np.int64)
    slots = np.concatenate([np.full(len(times), ids[name], np.int32) for name, (times, _) in run.tags.items()])
    values = np.concatenate([values for _, values in run.tags.values()])
    order = np.lexsort((slots, times_us))
    return Segment(
        ordinals=times_us[order],
        tag_ids=slots[order],
        source_times_us=times_us[order],
        values=values[order],
        qualities=np.full(len(order), Quality.GOOD, np.uint8),
    )


def cut(stream: Segment, edges: list[int]) -> list[Segment]:
    """The stream in pieces that begin at these positions."""
    return [
        Segment(
            ordinals=stream.ordinals[first:last],
            tag_ids=stream.tag_ids[first:last],
            source_times_us=stream.source_times_us[first:last],
            values=stream.values[first:last],
            qualities=stream.qualities[first:last],
        )
        for first, last in pairwise([0, *edges, len(stream)])
    ]


def alerts_of(model: ReferenceModel, run: CompletedRun) -> list[Alert]:
    """What a batch's alerts say at its end."""
    watching = monitor(model)
    told = [*watching.feed(stream_of(run)), *watching.close(HOURS * US_PER_H)]
    latest = {alert.ordinal: alert for alert in told}
    return [latest[ordinal] for ordinal in sorted(latest)]
