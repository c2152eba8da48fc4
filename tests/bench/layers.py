"""What each layer of the live monitor costs a cell, early and late in a batch, and how large its state is there.

And what a whole monitor keeps in memory for one running batch.
"""

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from analytics.dataset import Dataset, read_dataset
from analytics.detectors.envelope import Envelope
from analytics.detectors.level import Level
from analytics.detectors.loop import Loop
from analytics.detectors.step import Step
from analytics.evaluate import grid_of
from analytics.grid import Grid
from analytics.layers import Layer, build_layers, sees_values
from analytics.learning import learn_new
from analytics.reference import Blind, ReferenceModel
from analytics.runs import cells_of_runs
from analytics.segment import Floats
from analytics.template import Further, fitting, shipped
from analytics.trials import stream_of
from store.model.times import US_PER_H
from tests.bench.report import report
from tests.bench.watched import monitor_of, tags_named

DATA = Path(__file__).parent.parent / "data" / "indpensim"
PASSES = 20
BATCHES = 10  # of which the memory is taken


def bench_layers() -> None:
    """The labelled bioreactor batches with their template and every further family, one batch of 230 cells."""
    data = read_dataset(DATA)
    grid = grid_of(data)
    template = fitting(data.units, shipped())
    assert template is not None
    reference = learn_new(
        data.new,
        grid=grid,
        tags=data.tags,
        blind=[Blind(phase=None, hours=4.0)],
        template=replace(template, also=tuple(Further)),
    )
    course = reference.trajectory
    assert course is not None
    assert course.steps is not None
    finer = Grid(width_us=course.steps.width_us, cells=grid.cells * grid.width_us // course.steps.width_us)
    bins = cells_of_runs(data.monitored[:1], finer, data.tags)[0].reshape(grid.cells, -1, len(data.tags))
    values = cells_of_runs(data.monitored[:1], grid, data.tags)[0]
    envelope = Envelope(mean=course.mean, sd=course.sd, clip=course.clip)
    z = np.array([envelope.update(cell, row) for cell, row in enumerate(values)])
    quarter = grid.cells // 4
    for name in build_layers(course, grid, data.tags):
        seconds, sizes = [], []
        for _ in range(PASSES):
            layer = build_layers(course, grid, data.tags)[name]
            rows = values if sees_values(layer) else z
            first_s = _through(layer, rows, bins, range(quarter))
            early = len(layer.to_bytes())
            _through(layer, rows, bins, range(quarter, grid.cells - quarter))
            last_s = _through(layer, rows, bins, range(grid.cells - quarter, grid.cells))
            seconds.append((first_s, last_s))
            sizes.append((early, len(layer.to_bytes())))
        first_s, last_s = np.min(np.array(seconds), axis=0).tolist()
        report(
            "layers",
            layer=name,
            tags=len(data.tags),
            us_a_cell_first_quarter=round(1e6 * first_s / quarter, 1),
            us_a_cell_last_quarter=round(1e6 * last_s / quarter, 1),
            bytes_after_a_quarter=sizes[0][0],
            bytes_at_the_end=sizes[0][1],
        )
    _memory(data, reference)


def _through(layer: Layer, rows: Floats, bins: Floats, cells: range) -> float:
    note = _noting(layer, bins)
    began = time.process_time()
    for cell in cells:
        note(cell)
        layer.update(cell, rows[cell])
    return time.process_time() - began


def _noting(layer: Layer, bins: Floats) -> Callable[[int], None]:
    """What shows a layer of bins those of a cell, (cells, bins, tags)."""
    parts, nobody = bins.shape[1], np.zeros(bins.shape[2], np.bool_)

    def note(cell: int) -> None:
        for part, values in enumerate(bins[cell]):
            match layer:
                case Step() | Level():
                    layer.note(cell * parts + part, values)
                case Loop():
                    layer.note(cell * parts + part, values, nobody)

    return note if isinstance(layer, Step | Level | Loop) else lambda _: None


def _memory(data: Dataset, reference: ReferenceModel) -> None:
    """What a monitor keeps for a batch: what its state takes, and what the process holds, without the reference."""
    tags = tags_named(data.tags, interval_s=720.0)
    stream = stream_of(data.monitored[0], tags)
    ends = np.arange(US_PER_H, stream.source_times_us[-1] + US_PER_H, US_PER_H)
    hours = [
        stream.at(positions)
        for positions in np.split(np.arange(len(stream)), stream.source_times_us.searchsorted(ends))
    ]
    tracemalloc.start()
    monitors = [monitor_of(reference, tags) for _ in range(BATCHES)]
    sizes = {}
    for number, hour in enumerate(hours):
        for monitor in monitors:
            monitor.feed(hour)
            monitor.take_scored()  # as the runner does, which stores them
        sizes[number] = len(monitors[0].to_bytes()), tracemalloc.get_traced_memory()[0] // BATCHES
    tracemalloc.stop()
    quarter, end = len(hours) // 4, len(hours) - 1
    report(
        "memory_of_a_batch",
        tags=len(tags),
        hours=len(hours),
        state_bytes_after_a_quarter=sizes[quarter][0],
        state_bytes_at_the_end=sizes[end][0],
        memory_bytes_after_a_quarter=sizes[quarter][1],
        memory_bytes_at_the_end=sizes[end][1],
    )
