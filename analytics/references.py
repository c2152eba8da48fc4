"""Learn a reference from batches in the record and write it down as a draft with its review packet, audited."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from analytics.curves import curves
from analytics.grid import Grid
from analytics.inputs import CompletedBatch, completed_run
from analytics.learning import learn_new_with_evidence
from analytics.learning_old import learn_old
from analytics.power import MOST_BATCHES, power_of
from analytics.reference import Blind, ReferenceModel
from analytics.review import Brief, Review, review_of
from analytics.runs import CompletedRun
from analytics.software import software
from analytics.template import Template
from records import audit
from store.errors import NotFound
from store.model.ids import ReferenceId
from store.model.reference import ReferenceRole
from store.model.times import US_PER_H
from store.sql import queries

CELL_WIDTH_US = US_PER_H // 2


def learn_reference(
    connection: psycopg.Connection,
    *,
    role: ReferenceRole,
    judges: str,
    unit_kind: str | None = None,
    batches: Sequence[CompletedBatch],
    tags: Sequence[str],
    blind: Sequence[Blind],
    template: Template | None,
    brief: Brief,
    by: str,
    reason: str,
    try_offsets_in: int = MOST_BATCHES,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> ReferenceId:
    """Learn from these batches a reference that judges process version `judges`; it is a draft. One transaction.

    Where `unit_kind` is named it judges unit procedures in such units alone, before a reference of all.

    `template` is what is declared for the product; the reference of an old process has no use for it. `brief` is what
    the review packet tells of batches beside what is learned. Where limits are learned, offsets are tried in so many
    batches, which takes about two seconds for each; `progress` is told how far that is. Raises ValueError for a blind
    phase that no batch has.
    """
    runs = [completed_run(connection, batch) for batch in batches]
    unknown = {part.phase for part in blind if part.phase} - {phase.name for run in runs for phase in run.phases}
    if unknown:
        raise ValueError(f"blind: none of the batches has a phase {', '.join(sorted(unknown))}")
    longest_h = max(batch.hours for batch in batches)
    grid = Grid(width_us=CELL_WIDTH_US, cells=int(np.ceil(longest_h * US_PER_H / CELL_WIDTH_US)))
    if role is ReferenceRole.NEW:
        model, evidence = learn_new_with_evidence(runs, grid=grid, tags=tags, blind=blind, template=template)
    else:
        model, evidence = learn_old(runs, grid=grid, tags=tags), None
    power = None
    if evidence is not None and try_offsets_in:
        power = power_of(model, evidence, runs, most=try_offsets_in, progress=progress)
    review = review_of(model, evidence, runs, brief, power)
    where = "" if unit_kind is None else f" in {unit_kind}"
    name = f"{role} reference for {judges}{where} of {len(batches)} batches"
    with connection.transaction():
        return _write(
            connection,
            model,
            review,
            name=name,
            judges=judges,
            unit_kind=unit_kind,
            batches=batches,
            runs=runs,
            by=by,
            reason=reason,
        )


def _write(
    connection: psycopg.Connection,
    model: ReferenceModel,
    review: Review,
    *,
    name: str,
    judges: str,
    unit_kind: str | None,
    batches: Sequence[CompletedBatch],
    runs: Sequence[CompletedRun],
    by: str,
    reason: str,
) -> ReferenceId:
    sql = queries("reference")
    process = connection.execute(sql["process"], {"process": judges}).fetchone()
    if process is None:
        raise NotFound(f"there is no process version {judges}")
    known_at = audit.append(
        connection,
        actor=by,
        action="reference learned",
        subject=f"reference:{model.digest.hex()}",
        old=None,
        new={"name": name, "digest": model.digest.hex(), "batches": [batch.name for batch in batches]},
        reason=reason,
    )
    stored = model.to_bytes()
    row = connection.execute(
        sql["insert"],
        {
            "name": name,
            "role": str(model.role),
            "process_version_id": process[0],
            "unit_kind": unit_kind,
            "model": stored,
            "drafted_by": by,
            "review": Jsonb(review.to_fields() | {"model": hashlib.sha256(stored).hexdigest()}),
            "digest": model.digest,
            "software": software(),
            "known_at": known_at,
            "curves": Jsonb(curves(model)),
        },
    ).fetchone()
    assert row is not None
    for batch, run in zip(batches, runs, strict=True):
        learned = {"reference_id": row[0], "batch_id": batch.batch_id, "input_digest": run.digest()}
        connection.execute(sql["insert_batch"], learned | {"unit_procedure_id": batch.unit_procedure_id})
    return ReferenceId(row[0])
