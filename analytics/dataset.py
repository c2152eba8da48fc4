"""Evaluation data sets: batches as Parquet and CSV, with roles, and labels for the scorer alone."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from analytics.runs import CompletedRun, PhaseOfRun
from analytics.segment import Floats


class DatasetError(ValueError):
    """A data set cannot be read: the message names the file and what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What is true of a monitored batch. Never seen by anything that raises alerts."""

    drift: bool
    group: str
    kind: str
    start_h: float | None  # t0_h


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A data set in the evaluation format."""

    tags: tuple[str, ...]  # online
    assays: tuple[str, ...]  # read by hand or in the laboratory
    units: Mapping[str, str]  # unit_of_measure by tag and assay
    old: tuple[CompletedRun, ...]
    new: tuple[CompletedRun, ...]
    monitored: tuple[CompletedRun, ...]


def read_dataset(directory: Path) -> Dataset:
    """The runs of a data set by role, with their phases where it has phases.csv. Labels are not opened.

    Raises DatasetError.
    """
    roles = {row["batch_id"]: row["role"] for row in _rows(directory / "batches.csv")}
    tags, units, online = _runs(directory)
    assays, assay_units, read = _assays(directory)
    twice = sorted(set(tags) & set(assays))
    if twice:
        raise DatasetError(f"offline_assays.csv has columns that timeseries.parquet has too: {', '.join(twice)}")
    units |= assay_units
    runs = {batch: CompletedRun(batch=batch, tags={**run.tags, **read.get(batch, {})}) for batch, run in online.items()}
    runs = _with_phases(directory, runs)
    missing = sorted(set(roles) - set(runs))
    if missing:
        raise DatasetError(f"timeseries.parquet has no readings of {', '.join(missing[:5])}")
    unknown = sorted(set(roles.values()) - {"reference_old", "reference_new", "monitored"})
    if unknown:
        raise DatasetError(f"batches.csv has roles that mean nothing here: {', '.join(unknown)}")
    return Dataset(
        tags=tags,
        assays=assays,
        units=units,
        old=tuple(runs[batch] for batch, role in roles.items() if role == "reference_old"),
        new=tuple(runs[batch] for batch, role in roles.items() if role == "reference_new"),
        monitored=tuple(runs[batch] for batch, role in roles.items() if role == "monitored"),
    )


def read_labels(directory: Path) -> dict[str, Label] | None:
    """The labels by batch, None when the data set has none."""
    path = directory / "labels.csv"
    if not path.exists():
        return None
    labels = {}
    for row in _rows(path):
        labels[row["batch_id"]] = Label(
            drift=row["drift"].strip().lower() in {"true", "1"},
            group=row.get("group", ""),
            kind=row.get("kind", ""),
            start_h=float(row["t0_h"]) if row.get("t0_h") else None,
        )
    return labels


def _runs(directory: Path) -> tuple[tuple[str, ...], dict[str, str], dict[str, CompletedRun]]:
    path = directory / "timeseries.parquet"
    if not path.exists():
        raise DatasetError(f"{path} is missing")
    table = pq.read_table(path)
    names = [name for name in table.column_names if name not in {"batch_id", "time_h"}]
    if len(names) + 2 != len(table.column_names) or not names:
        raise DatasetError(f"{path} needs the columns batch_id, time_h and one per tag")
    batches = np.array(table["batch_id"].to_pylist(), dtype=object)
    # Stored as 32-bit hours: whole seconds are what was meant.
    hours = np.rint(np.asarray(table["time_h"].to_numpy(), np.float64) * 3600.0) / 3600.0
    columns = {name: np.asarray(table[name].to_numpy(), np.float64) for name in names}
    runs = {}
    for batch in dict.fromkeys(batches.tolist()):
        rows = np.flatnonzero(batches == batch)
        rows = rows[np.argsort(hours[rows], kind="stable")]
        tags: dict[str, tuple[Floats, Floats]] = {}
        for name, column in columns.items():
            known = rows[np.isfinite(column[rows])]
            tags[name] = (hours[known], column[known])
        runs[str(batch)] = CompletedRun(batch=str(batch), tags=tags)
    return tuple(names), _units(directory, names, "online"), runs


def _assays(
    directory: Path,
) -> tuple[tuple[str, ...], dict[str, str], dict[str, dict[str, tuple[Floats, Floats]]]]:
    """Names and units of the assays, and per batch their hours and values; nothing when the data set has none."""
    path = directory / "offline_assays.csv"
    if not path.exists():
        return (), {}, {}
    rows = _rows(path)
    names = [name for name in (rows[0] if rows else {}) if name not in {"batch_id", "time_h"}]
    series: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
    for number, row in enumerate(rows, 2):
        for name in names:
            if not row[name]:
                continue
            try:
                hour, value = float(row["time_h"]), float(row[name])
            except (KeyError, ValueError) as error:
                raise DatasetError(f"{path}, line {number}, {name}: {error}") from error
            hours, values = series.setdefault(row["batch_id"], {}).setdefault(name, ([], []))
            hours.append(hour)
            values.append(value)
    read = {
        batch: {name: (np.array(hours), np.array(values)) for name, (hours, values) in tags.items()}
        for batch, tags in series.items()
    }
    return tuple(names), _units(directory, names, "offline"), read


def _with_phases(directory: Path, runs: Mapping[str, CompletedRun]) -> dict[str, CompletedRun]:
    """The runs with the phases of phases.csv, each until the next one or the last reading."""
    path = directory / "phases.csv"
    starts: dict[str, list[tuple[float, str]]] = {}
    for number, row in enumerate(_rows(path) if path.exists() else [], 2):
        try:
            start_h = float(row["start_h"])
            batch, phase = row["batch_id"], row["phase"]
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(f"{path}, line {number}: {error}") from error
        if batch not in runs:
            raise DatasetError(f"{path}, line {number}: timeseries.parquet has no readings of {batch}")
        starts.setdefault(batch, []).append((start_h, phase))
    found = {}
    for batch, run in runs.items():
        told = sorted(starts.get(batch, []))
        last_h = max((float(times_h[-1]) for times_h, _ in run.tags.values() if len(times_h)), default=0.0)
        ends_h = [*(start_h for start_h, _ in told[1:]), last_h]
        phases = [
            PhaseOfRun(name=name, from_h=start_h, to_h=max(start_h, end_h))
            for (start_h, name), end_h in zip(told, ends_h, strict=False)
        ]
        found[batch] = replace(run, phases=tuple(phases))
    return found


def _units(directory: Path, names: list[str], kind: str) -> dict[str, str]:
    path = directory / "tags.json"
    if not path.exists():
        return dict.fromkeys(names, "1")
    told = json.loads(path.read_text(encoding="utf-8")).get(kind, {})
    return {name: str(told.get(name, {}).get("unit", "1")) for name in names}


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        raise DatasetError(f"{path} is missing")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
