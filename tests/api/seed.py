"""A small plant written straight into the tables, as ingest and analytics would leave them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any, LiteralString

import numpy as np
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from psycopg.types.range import TimestamptzRange

from store.model.times import to_us

SOFTWARE = "0.1.0"
GRID_H = 0.5
LENGTH_H = 288.0
OVERVIEW_RESOLUTIONS_S = (600, 3600)
PHASES = (
    ("activation", 0.0, 24.0),
    ("transduction", 24.0, 72.0),
    ("expansion", 72.0, 276.0),
    ("harvest", 276.0, 288.0),
)
# name: measurand, unit, start, end of the reference's centre, its SD
TAGS: dict[str, tuple[str, str, float, float, float]] = {
    "temperature": ("temperature", "Cel", 37.0, 37.0, 0.06),
    "pH": ("pH", "1", 7.28, 7.18, 0.03),
    "dissolved_oxygen": ("dissolved oxygen", "%", 55.0, 49.0, 2.2),
    "glucose": ("glucose", "mmol/L", 20.0, 5.2, 0.8),
    "lactate": ("lactate", "mmol/L", 1.0, 25.0, 1.3),
    "viable_cell_density": ("viable cells", "10*6/mL", 1.2, 24.0, 1.5),
}
ATTRIBUTES = (
    ("viability", "%", "linear"),
    ("vector_copy_number", "1", "linear"),
    ("endotoxin", "[EU]/mL", "censored"),
)
OLD_TAGS = ("temperature", "glucose", "lactate")
CORRESPONDENCES = (("temperature", None), ("glucose", None), ("lactate", "transduction"))  # tag, phase
OLD_HOURS = tuple(12.0 * number for number in range(1, 8))
INSIDE_SD, ALERTS_SD = 2.4, 5.0  # half widths of the prediction interval and of the limit that alerts, in old SD


@dataclass(slots=True)
class Plant:
    """What was written, by name."""

    connection: "psycopg.Connection[Any]"
    now: datetime
    units: dict[str, int] = field(default_factory=dict)
    positions: dict[tuple[str, str], int] = field(default_factory=dict)
    tags: dict[tuple[str, str], int] = field(default_factory=dict)
    processes: dict[str, int] = field(default_factory=dict)
    batches: dict[str, int] = field(default_factory=dict)
    procedures: dict[str, int] = field(default_factory=dict)
    started: dict[str, datetime] = field(default_factory=dict)
    references: dict[str, int] = field(default_factory=dict)
    reference_digest: str = ""
    monitors: dict[str, int] = field(default_factory=dict)
    chain: int = 0
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def do(self, query: LiteralString, *values: object) -> None:
        """Run a statement."""
        self.connection.execute(query, values)

    def insert(self, table: str, **columns: object) -> int:
        """Insert a row; what its first column holds, which is its number where it has one."""
        query = sql.SQL("INSERT INTO {0} ({1}) VALUES ({2}) RETURNING {0}.*").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.Placeholder() * len(columns)),
        )
        found = self.connection.execute(query, list(columns.values())).fetchone()
        assert found is not None
        return found[0]  # type: ignore[no-any-return]

    def fresh_digest(self) -> bytes:
        """A digest nobody else has."""
        return sha256(str(next(self.numbers)).encode()).digest()


def lay_out(connection: "psycopg.Connection[Any]", *, now: datetime | None = None) -> Plant:
    """Site, units, tags, product, the two processes and their change, references, one live chain with one block."""
    plant = Plant(connection=connection, now=now or datetime.now(UTC))
    _equipment(plant)
    _product(plant)
    plant.chain = plant.insert("chain", name="live-1", kind="live", seq=1, digest=plant.fresh_digest())
    plant.insert(
        "block",
        chain_id=plant.chain,
        seq=1,
        epoch=1,
        committed_time=plant.now,
        entries=3,
        readings=120,
        merkle_root=plant.fresh_digest(),
        previous_digest=plant.fresh_digest(),
        header=b"header",
        digest=plant.fresh_digest(),
    )
    plant.insert("intake", ordinal=1, chain_id=plant.chain, seq=1)
    _references(plant)
    return plant


def tick(plant: Plant, *, plant_time: datetime | None = None, rate: float = 1.0) -> None:
    """A tick of the live chain, now."""
    plant.do("DELETE FROM block_tick")
    plant.do(
        "INSERT INTO block_tick (chain_id, seq, plant_time, host_time, rate) VALUES (%s, 1, %s, clock_timestamp(), %s)",
        plant.chain,
        plant_time or datetime.now(UTC),
        rate,
    )


def _equipment(plant: Plant) -> None:
    commissioned = plant.now - timedelta(days=900)
    site = plant.insert("site", name="Lyon")
    hall = plant.insert("area", site_id=site, name="Bioreactor hall")
    room = plant.insert("area", site_id=site, name="Incubator room")
    units = [(hall, f"BR-0{number}", "bioreactor", "A") for number in range(1, 5)]
    for area, name, kind, positions in [*units, (room, "INC-01", "incubator", "AB")]:
        unit = plant.insert("unit", area_id=area, name=name, kind=kind, commissioned=commissioned)
        plant.units[name] = unit
        for position in positions:
            plant.positions[name, position] = plant.insert("position", unit_id=unit, name=position)
        manual = kind == "incubator"
        for tag, (measurand, unit_of_measure, *_) in TAGS.items():
            if manual and tag not in OLD_TAGS:
                continue
            plant.tags[name, tag] = plant.insert("tag", unit_id=unit, name=tag)
            plant.insert(
                "tag_version",
                tag_id=plant.tags[name, tag],
                effective_from=commissioned,
                measurand=measurand,
                unit_of_measure=unit_of_measure,
                reporting_mode="manual" if manual else "periodic",
                interval_s=None if manual else 60,
                capture_mode="manual" if manual else "automatic",
                known_at=commissioned,
            )


def _product(plant: Plant) -> None:
    product = plant.insert("product", name="CT-101", modality="CAR-T")
    for name, role in (("MAN-1.0", "pre_change"), ("AUTO-2.0", "post_change")):
        plant.processes[name] = plant.insert("process_version", product_id=product, name=name, role=role)
    change = plant.insert(
        "manufacturing_change",
        name="closed-automated",
        from_process_version_id=plant.processes["MAN-1.0"],
        to_process_version_id=plant.processes["AUTO-2.0"],
        context_of_use="expansion of CAR-T cells",
        amt_designation="AMT-2025-014",
        reporting_category="PAS",
        regulatory_status="agreed",
    )
    for tag, phase in CORRESPONDENCES:
        plant.insert(
            "tag_correspondence",
            manufacturing_change_id=change,
            tag_new=tag,
            tag_old=tag,
            measurand=tag,
            sensor_principle_new="inline",
            sensor_principle_old="sampled by hand",
            phase=phase,
            known_at=plant.now,
        )
    for attribute, unit_of_measure, scale in ATTRIBUTES:
        plant.insert(
            "attribute",
            product_id=product,
            name=attribute,
            kind="quality_attribute",
            criticality="critical",
            scale=scale,
            measurand=attribute,
            unit_of_measure=unit_of_measure,
        )
        plant.insert(
            "sampling_plan",
            process_version_id=plant.processes["AUTO-2.0"],
            attribute=attribute,
            specimen="final",
            at_h=280,
            due_h=300,
            known_at=plant.now - timedelta(days=900),
        )
    plant.insert(
        "limit_version",
        process_version_id=plant.processes["AUTO-2.0"],
        attribute="viability",
        kind="specification_limit",
        low=70,
        unit_of_measure="%",
        source="filing 3.2.P.5",
        effective_from=plant.now - timedelta(days=900),
        known_at=plant.now - timedelta(days=900),
    )


def centre(tag: str, hours: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """What the reference expects of a tag at process hours."""
    _, _, start, end, _ = TAGS[tag]
    return start + (end - start) / (1 + np.exp(-(hours - 130) / 28))


def _references(plant: Plant) -> None:
    hours = np.arange(0, LENGTH_H, GRID_H)
    band = {
        tag: {
            "hours": (hours + GRID_H / 2).round(3).tolist(),
            "center": centre(tag, hours).round(4).tolist(),
            "lower": (centre(tag, hours) - 3 * TAGS[tag][4]).round(4).tolist(),
            "upper": (centre(tag, hours) + 3 * TAGS[tag][4]).round(4).tolist(),
        }
        for tag in TAGS
    }
    at = np.array(OLD_HOURS)
    points = {
        tag: {
            "hours": at.tolist(),
            "center": (centre(tag, at) + TAGS[tag][4]).round(4).tolist(),
            "lower": (centre(tag, at) - 4 * TAGS[tag][4]).round(4).tolist(),
            "upper": (centre(tag, at) + 6 * TAGS[tag][4]).round(4).tolist(),
            "inside_lower": (centre(tag, at) + TAGS[tag][4] - INSIDE_SD * TAGS[tag][4]).round(4).tolist(),
            "inside_upper": (centre(tag, at) + TAGS[tag][4] + INSIDE_SD * TAGS[tag][4]).round(4).tolist(),
            "window_h": 1.0,
        }
        for tag in OLD_TAGS
    }
    for name, role, curves in (
        ("AUTO-2.0 qualification", "new", {"tags": band, "blind": {"expansion": 2.0}}),
        ("MAN-1.0 history", "old", {"points": points}),
    ):
        digest = plant.fresh_digest()
        plant.references[role] = plant.insert(
            "reference",
            name=name,
            role=role,
            process_version_id=plant.processes["AUTO-2.0"],
            state="in_use",
            model=b"model",
            digest=digest,
            software=SOFTWARE,
            drafted_by="mia",
            review=Jsonb({"batches": []}),
            known_at=plant.now,
            curves=Jsonb(curves),
        )
        if role == "new":
            plant.reference_digest = digest.hex()


def add_batch(
    plant: Plant,
    name: str,
    *,
    process: str = "AUTO-2.0",
    unit: str = "BR-01",
    position: str = "A",
    started: datetime,
    ended: datetime | None = None,
    status: str | None = None,
) -> int:
    """A batch in its unit procedure with its phases up to now; a monitor without alerts for one of the new process."""
    plant.started[name] = started
    plant.batches[name] = plant.insert(
        "batch",
        name=name,
        process_version_id=plant.processes[process],
        donor=f"D-{name}",
        chain_of_identity=f"COI-{name}",
        status=status or ("completed" if ended else "running"),
    )
    plant.procedures[name] = plant.insert(
        "unit_procedure",
        batch_id=plant.batches[name],
        unit_id=plant.units[unit],
        position_id=plant.positions[unit, position],
        during=TimestamptzRange(started, ended),
    )
    now_h = ((ended or plant.now) - started) / timedelta(hours=1)
    for phase, first_h, last_h in PHASES:
        if first_h < now_h:
            last = started + timedelta(hours=last_h) if last_h <= now_h else ended
            during = TimestamptzRange(started + timedelta(hours=first_h), last)
            plant.insert("phase", unit_procedure_id=plant.procedures[name], name=phase, during=during)
    if process == "AUTO-2.0":
        judged = {"tag": "glucose", "worst_ratio": 0.42, "in_envelope": True, "z": 0.7}
        snapshot = {
            "batch": name,
            "process_hour": now_h,
            "data_until_us": to_us(ended or plant.now),
            "in_envelope": True,
            "worst_ratio": 0.42,
            "tags": [judged],
        }
        plant.monitors[name] = plant.insert(
            "monitor",
            batch_id=plant.batches[name],
            unit_procedure_id=plant.procedures[name],
            reference_new_id=plant.references["new"],
            reference_old_id=plant.references["old"],
            software=SOFTWARE,
            configuration=Jsonb(
                {
                    "started_us": to_us(started),
                    "tags": [{"name": tag} for of, tag in plant.tags if of == unit],
                    "correspondences": [
                        {"new_tag": tag, "old_tag": tag, "phase": phase} for tag, phase in CORRESPONDENCES
                    ],
                }
            ),
            started_ordinal=1,
            position=1,
            closed=ended is not None,
            snapshot=Jsonb(snapshot),
        )
    return plant.batches[name]


def compare_with_old(
    plant: Plant, batch: str, *, until_h: float, off: dict[tuple[str, float], float | None], monitor: int | None = None
) -> None:
    """The matched points up to an hour as a run compared them: half an old SD above the mean unless `off` says else.

    `off` is in old SD by tag and hour; None: nothing was seen there.
    """
    for point, hour in enumerate(OLD_HOURS):
        if hour > until_h:
            return
        expected = [float(centre(tag, np.array([hour]))[0]) + TAGS[tag][4] for tag in OLD_TAGS]
        distances = [off.get((tag, hour), 0.5) for tag in OLD_TAGS]
        plant.insert(
            "departure_point",
            monitor_id=monitor or plant.monitors[batch],
            point=point,
            point_time=plant.started[batch] + timedelta(hours=hour),
            tags=list(OLD_TAGS),
            value=[
                None if distance is None else mean + distance * TAGS[tag][4]
                for tag, mean, distance in zip(OLD_TAGS, expected, distances, strict=True)
            ],
            expected=expected,
            sd=[TAGS[tag][4] for tag in OLD_TAGS],
            reach=[INSIDE_SD] * len(OLD_TAGS),
            limit_value=[ALERTS_SD] * len(OLD_TAGS),
        )


def add_readings(
    plant: Plant,
    batch: str,
    *,
    unit: str = "BR-01",
    until_h: float,
    interval_h: float = 0.25,
    drift: tuple[str, float, float] | None = None,
    seed: int = 1,
) -> int:
    """Readings of every tag of the unit round the reference; `drift`: tag, hour, SD an hour. Overviews follow."""
    noise = np.random.default_rng(seed)
    hours = np.arange(0.0, until_h, interval_h)
    start = plant.started[batch]
    tags = {name: tag for (of, name), tag in plant.tags.items() if of == unit}
    with plant.connection.cursor() as cursor:
        copied = cursor.copy(
            "COPY reading (tag_id, source_time, value, quality, received_time, chain_id, block_seq) FROM STDIN"
        )
        with copied as copy:
            for name, tag in tags.items():
                sd = TAGS[name][4]
                values = centre(name, hours) + sd * (
                    0.5 * noise.standard_normal() + 0.25 * noise.standard_normal(len(hours))
                )
                if drift is not None and drift[0] == name:
                    values = values + sd * drift[2] * np.clip(hours - drift[1], 0, None)
                for hour, value in zip(hours.tolist(), values.tolist(), strict=True):
                    at = start + timedelta(hours=hour)
                    copy.write_row((tag, at, round(value, 4), 192, at, plant.chain, 1))
    ids = list(tags.values())
    plant.do("DELETE FROM overview WHERE tag_id = ANY(%s)", ids)
    for resolution_s in OVERVIEW_RESOLUTIONS_S:
        plant.do(
            "INSERT INTO overview"
            " SELECT tag_id, %s, date_bin(make_interval(secs => %s), source_time, 'epoch') AS bucket, count(*),"
            "     min(value), avg(value), max(value), (array_agg(value ORDER BY source_time DESC))[1]"
            " FROM reading WHERE tag_id = ANY(%s) GROUP BY tag_id, bucket",
            resolution_s,
            resolution_s,
            ids,
        )
    plant.do(
        "INSERT INTO tag_latest SELECT DISTINCT ON (tag_id) tag_id, source_time, value, quality FROM reading"
        " WHERE tag_id = ANY(%s) ORDER BY tag_id, source_time DESC"
        " ON CONFLICT (tag_id) DO UPDATE SET source_time = excluded.source_time, value = excluded.value",
        ids,
    )
    return len(hours) * len(ids)


def add_alert(
    plant: Plant,
    batch: str,
    *,
    unit: str = "BR-01",
    kind: str = "drift",
    severity: str | None = "medium",
    detector: str = "ewma",
    tags: tuple[str, ...] = ("dissolved_oxygen", "pH"),
    hour: float = 31.0,
    sentence: str = "dissolved oxygen 14 % below the reference since 29.5 h",
    ended_h: float | None = None,
) -> int:
    """A raised alert, with an update when `ended_h` says when it ended."""
    start = plant.started[batch]
    first = int(2 * hour)
    cells = [
        {"tag": tags[0], "cell": first - back, "value": 44.1 - back, "z": back / 9 - 2.9, "score": 1.31 - back / 9}
        for back in range(6)
    ]
    evidence: dict[str, object] = {
        "severity": severity,
        "tags": list(tags),
        "sentence": sentence,
        "contributions": Jsonb([[tag, share] for tag, share in zip(tags, (0.78, 0.22), strict=False)]),
        "cells": Jsonb(cells),
    }
    alert = plant.insert(
        "alert",
        monitor_id=plant.monitors[batch],
        batch_id=plant.batches[batch],
        unit_id=plant.units[unit],
        ordinal=next(plant.numbers),
        kind=kind,
        detector=detector,
        raised_time=start + timedelta(hours=hour),
        onset_time=start + timedelta(hours=hour - 1.5),
        phase_time_h=hour,
        score=1.31,
        limit_value=1.0,
        reference_digest=plant.reference_digest,
        software=SOFTWARE,
        intake_ordinal=1,
        **evidence,
    )
    if ended_h is not None:
        ended = start + timedelta(hours=ended_h)
        plant.insert(
            "alert_update",
            alert_id=alert,
            version=1,
            ended_time=ended,
            detector=detector,
            score=1.5,
            limit_value=1.0,
            intake_ordinal=2,
            **evidence,
        )
    return alert


def add_result(
    plant: Plant,
    batch: str,
    result: str,
    *,
    attribute: str = "viability",
    value: str = "92.1",
    unit_of_measure: str = "%",
    status: str = "final",
    replaces: str | None = None,
    known_at: datetime | None = None,
) -> None:
    """A result as the laboratory stated it; of a batch nobody knows it is kept pending."""
    at = known_at or plant.now
    text = value.lstrip("<>")
    plant.insert(
        "qc_result",
        result=result,
        batch=batch,
        batch_id=plant.batches.get(batch),
        specimen="final",
        attribute=attribute,
        method="NC-200 v3",
        value_text=value,
        value_number=float(text) if text.replace(".", "", 1).isdigit() else None,
        censored=value[0] if value[0] in "<>" else None,
        unit_of_measure=unit_of_measure,
        sampled_at=at,
        measured_at=at,
        status=status,
        replaces=replaces,
        stated_by="lims",
        received_time=at,
        known_at=at,
        chain_id=plant.chain,
        block_seq=1,
        entry=0,
        digest=plant.fresh_digest(),
    )


def add_event(plant: Plant, batch: str, kind: str, *, unit: str = "BR-01", hour: float, **body: object) -> None:
    """An event of a batch."""
    at = plant.started[batch] + timedelta(hours=hour)
    plant.insert(
        "event",
        chain_id=plant.chain,
        block_seq=1,
        entry=0,
        unit_id=plant.units[unit],
        batch_id=plant.batches[batch],
        kind=kind,
        source_time=at,
        received_time=at,
        body=Jsonb({"event": kind, **body}),
        digest=plant.fresh_digest(),
    )


def add_quarantine(plant: Plant, *, code: str = "not_a_number", unit: str = "BR-01") -> None:
    """Something that could not enter the record."""
    plant.insert(
        "quarantine",
        chain_id=plant.chain,
        block_seq=1,
        entry=0,
        topic=f"batchwitness/v1/Lyon/Bioreactor hall/{unit}/readings",
        item="values.pH",
        code=code,
        reason='values.pH is "seven", not a number',
        excerpt='{"pH": "seven"}',
        received_time=plant.now,
        digest=plant.fresh_digest(),
    )


def add_gap(plant: Plant, *, unit: str = "BR-01", first: int = 10, last: int = 14) -> None:
    """Missing sequence numbers of a unit's publisher."""
    publisher = f"edge-{unit}"
    plant.do("INSERT INTO publisher VALUES (%s, 1, 1, 500, NULL, now()) ON CONFLICT DO NOTHING", publisher)
    plant.insert("sequence_gap", publisher=publisher, boot=1, first_seq=first, last_seq=last, found_time=plant.now)


def add_reading(
    plant: Plant, tag: str, at: datetime, *, unit: str = "BR-01", value: float = 1.0, quality: int = 192
) -> None:
    """One reading of a tag, without its overview."""
    plant.insert(
        "reading",
        tag_id=plant.tags[unit, tag],
        source_time=at,
        value=value,
        quality=quality,
        received_time=plant.now,
        chain_id=plant.chain,
        block_seq=1,
    )


def hush(plant: Plant, tag: str, *, unit: str = "BR-01", since: datetime) -> None:
    """Make a tag silent from a time on."""
    tag_id = plant.tags[unit, tag]
    plant.do("DELETE FROM reading WHERE tag_id = %s AND source_time >= %s", tag_id, since)
    plant.do("DELETE FROM overview WHERE tag_id = %s AND bucket >= %s", tag_id, since)
    plant.do("UPDATE tag_latest SET source_time = least(source_time, %s) WHERE tag_id = %s", since, tag_id)


def stand_still(plant: Plant, batch: str, *, since: datetime) -> None:
    """Analysis got no further than that time with a batch."""
    plant.do(
        "UPDATE monitor SET snapshot = jsonb_set(snapshot, '{data_until_us}', to_jsonb(%s::bigint))"
        " WHERE monitor_id = %s",
        to_us(since),
        plant.monitors[batch],
    )
