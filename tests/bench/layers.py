"""What each layer of the live monitor costs a cell, early and late in a batch, and how large its state is there."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from analytics.dataset import read_dataset
from analytics.detectors.envelope import Envelope
from analytics.evaluate import grid_of
from analytics.layers import Layer, build_layers, sees_values
from analytics.learning import learn_new
from analytics.reference import Blind
from analytics.runs import cells_of_runs
from analytics.segment import Floats
from analytics.template import Further, fitting, shipped
from tests.bench.report import report

DATA = Path(__file__).parent.parent / "data" / "indpensim"
PASSES = 20


def bench_layers() -> None:
    """The labelled bioreactor batches with their template and every further family, one batch of 230 cells."""
    data = read_dataset(DATA)
    grid = grid_of(data)
    template = fitting(data.units, shipped())
    assert template is not None
    course = learn_new(
        data.new,
        grid=grid,
        tags=data.tags,
        blind=[Blind(phase=None, hours=4.0)],
        template=replace(template, also=tuple(Further)),
    ).trajectory
    assert course is not None
    values = cells_of_runs(data.monitored[:1], grid, data.tags)[0]
    envelope = Envelope(mean=course.mean, sd=course.sd, clip=course.clip)
    z = np.array([envelope.update(cell, row) for cell, row in enumerate(values)])
    quarter = grid.cells // 4
    for name in build_layers(course, grid, data.tags):
        seconds, sizes = [], []
        for _ in range(PASSES):
            layer = build_layers(course, grid, data.tags)[name]
            rows = values if sees_values(layer) else z
            first_s = _through(layer, rows, 0, quarter)
            early = len(layer.to_bytes())
            _through(layer, rows, quarter, grid.cells - quarter)
            last_s = _through(layer, rows, grid.cells - quarter, grid.cells)
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


def _through(layer: Layer, rows: Floats, first: int, last: int) -> float:
    began = time.process_time()
    for cell in range(first, last):
        layer.update(cell, rows[cell])
    return time.process_time() - began
