"""How detection bears references that are not what they should be: hidden faults, an old process known from paper."""

import csv
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from analytics.dataset import Dataset, read_dataset, read_labels
from analytics.evaluate import evaluate, grid_of, watch
from analytics.learning_old import learn_old
from analytics.methods.binomial import exact_interval
from analytics.runs import CompletedRun
from analytics.scoring import is_faulty
from store.model.alert import AlertKind
from tests.bench.report import report

DATA = Path(__file__).parents[1] / "data" / "indpensim"
DRAWS = 4  # of hidden batches, for each number of them
EVERY_H = 12.0  # of a reading by hand
MISTIMED_SD_H = 0.5  # between the hour that was written down and the one at which it was read
DIGITS = 3  # that somebody writes down


def bench_robustness() -> None:
    """References with one and two faulty batches among them, and an old set that is thinned, rounded and mistimed."""
    report("robustness", hidden=0, **_found(DATA))
    for hidden in (1, 2):
        for draw in range(DRAWS):
            with tempfile.TemporaryDirectory() as name:
                batches = _hide(Path(name), random.Random(f"{hidden} {draw}"), hidden)
                report("robustness", hidden=hidden, draw=draw, batches=batches, **_found(Path(name)))
    data = read_dataset(DATA)
    _old("dense", data, data.old)
    dice = np.random.default_rng(1)
    _old("thinned, rounded, mistimed", data, [_by_hand(run, dice) for run in data.old])


def _found(directory: Path) -> dict[str, object]:
    """What is found with the references of a data set."""
    done = evaluate(directory)
    assert done.score is not None
    score = done.score
    return {
        "set_aside": sorted(done.set_aside),
        "unchanged": score.unchanged_batches,
        "alarmed": score.unchanged_alarmed,
        "faulty": score.faulty_batches,
        "found": score.faulty_detected,
        "delay_median_h": score.delay_median_h,
        "intervals": score.intervals,
    }


def _hide(directory: Path, dice: random.Random, count: int) -> list[str]:
    """A data set in which so many references are replaced by faulty batches; the references are not watched."""
    labels = read_labels(DATA)
    assert labels is not None
    for part in DATA.iterdir():
        if part.name != "batches.csv":
            (directory / part.name).symlink_to(part)
    with (DATA / "batches.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    faulty = [row for row in rows if row["role"] == "monitored" and is_faulty(labels[row["batch_id"]])]
    hidden = dice.sample(faulty, count)
    replaced = dice.sample([row for row in rows if row["role"] == "reference_new"], count)
    for row in hidden:
        row["role"] = "reference_new"
    with (directory / "batches.csv").open("w", newline="", encoding="utf-8") as changed:
        writer = csv.DictWriter(changed, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(row for row in rows if row not in replaced)
    return [row["batch_id"] for row in hidden]


def _by_hand(run: CompletedRun, dice: np.random.Generator) -> CompletedRun:
    """What of a run would stand on paper."""
    tags = {}
    for name, (hours, values) in run.tags.items():
        if not len(hours):
            continue
        due = np.arange(EVERY_H, hours[-1], EVERY_H)
        read = np.searchsorted(hours, due + dice.normal(0.0, MISTIMED_SD_H, len(due)))
        read = read.clip(0, len(hours) - 1)
        shown = values[read]
        place = 10.0 ** (np.floor(np.log10(np.maximum(np.abs(shown), 1e-12))) - (DIGITS - 1))
        tags[name] = (due, np.round(shown / place) * place)
    return replace(run, tags=tags)


def _old(what: str, data: Dataset, known: Sequence[CompletedRun]) -> None:
    """Every old batch, as dense as a new one is, against what is known of the others: nothing of it departs."""
    grid = grid_of(data)
    alarmed = compared = 0
    for left_out, run in enumerate(data.old):
        others = [other for number, other in enumerate(known) if number != left_out]
        alerts = watch(run, data, None, learn_old(others, grid=grid, tags=data.tags))
        alarmed += any(alert.kind is AlertKind.DEPARTURE for alert in alerts)
        compared += 1
    report(
        "robustness",
        old=what,
        batches=compared,
        batches_said_to_depart=alarmed,
        interval=exact_interval(alarmed, compared),
    )
