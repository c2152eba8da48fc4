"""Every batch of a process that started, with what the record says for and against learning from it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import psycopg

from analytics.gates import Candidate
from analytics.outcomes import Outcomes, outcomes_of
from api.database import rows
from api.results import within_specification
from api.statement_counts import read_counts
from api.statement_tags import TagStatement
from store.model.alert import AlertImpact
from store.model.batch import BatchStatus, StartingMaterial
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a draft is made from."""

    candidates: tuple[Candidate, ...]
    outcomes: tuple[Outcomes, ...]  # of every process version of the product


def read_known(connection: psycopg.Connection[Any], process: str, tags: Collection[str]) -> Known:
    """The batches of a process version by name; their record is judged by these tags."""
    sql = queries("reference")
    asked = {"process": process}
    statuses: dict[str, dict[str, BatchStatus]] = {}
    for found in rows(connection, sql["outcomes"], asked):
        statuses.setdefault(found["process"], {})[found["batch"]] = BatchStatus(found["status"])
    judged, adverse = _results(connection, [batch for batches in statuses.values() for batch in batches])
    open_alerts: dict[str, list[int]] = {}
    impacts: dict[str, list[int]] = {}
    for found in rows(connection, sql["speaking_against"], asked):
        has_impact = found["impact"] in {AlertImpact.POSSIBLE, AlertImpact.CONFIRMED}
        (impacts if has_impact else open_alerts).setdefault(found["batch"], []).append(found["alert"])
    candidates = []
    for found in rows(connection, sql["started"], asked):
        name = found["name"]
        status = BatchStatus(found["status"])
        worst, complete, waiting = None, None, 0
        if status is BatchStatus.COMPLETED:
            counts = read_counts(connection, found["batch_id"])
            waiting = counts.reach.waiting
            worst, complete = _worst([tag for tag in counts.tags if tag.tag in tags])
        candidates.append(
            Candidate(
                batch=name,
                status=status,
                material=None if found["starting_material"] is None else StartingMaterial(found["starting_material"]),
                complete=complete,
                worst_tag=worst or "",
                uncounted=waiting,
                open_alerts=tuple(open_alerts.get(name, ())),
                impacts=tuple(impacts.get(name, ())),
                adverse=tuple(adverse.get(name, ())),
                unstated_ends=tuple(found["unstated_ends"]),
            )
        )
    return Known(candidates=tuple(candidates), outcomes=outcomes_of(statuses, judged, adverse))


def _results(connection: psycopg.Connection[Any], batches: list[str]) -> tuple[set[str], dict[str, list[str]]]:
    """The batches of which a final result was held against a specification, and what lies outside, by batch."""
    judged: set[str] = set()
    adverse: dict[str, list[str]] = {}
    for found in rows(connection, queries("reference")["judged_results"], {"batches": batches}):
        within = within_specification(found["value_number"], found["censored"], low=found["low"], high=found["high"])
        if within is None:
            continue
        judged.add(found["batch"])
        if not within:
            told = f"{found['attribute']} {found['value_text']} {found['unit_of_measure']}"
            adverse.setdefault(found["batch"], []).append(told)
    return judged, adverse


def _worst(tags: list[TagStatement]) -> tuple[str | None, float | None]:
    """The tag with the least of what it owed that can be used, and that share."""
    shares = []
    for tag in tags:
        if tag.expected:
            unusable = tag.missed + tag.bad + tag.invalidated
            shares.append((max(0.0, 1 - unusable / tag.expected), tag.tag))
    share, name = min(shares, default=(None, None))
    return name, share
