"""Learn a reference from batches in the record, write it down, put it to use: each step audited."""

from collections.abc import Sequence

import numpy as np
import orjson
import psycopg
from psycopg.types.json import Jsonb

from analytics.curves import curves
from analytics.grid import Grid
from analytics.inputs import CompletedBatch, completed_run
from analytics.learning import learn_new
from analytics.learning_old import learn_old
from analytics.reference import Blind, ReferenceModel
from analytics.runs import CompletedRun
from analytics.software import software
from analytics.template import Template
from records import audit
from store.errors import Conflict, NotFound
from store.journal import append_control
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
    batches: Sequence[CompletedBatch],
    tags: Sequence[str],
    blind: Sequence[Blind],
    template: Template | None,
    by: str,
    reason: str,
) -> ReferenceId:
    """Learn from these batches a reference that judges process version `judges`; it is a draft. One transaction.

    `template` is what is declared for the product; the reference of an old process has no use for it.
    """
    runs = [completed_run(connection, batch) for batch in batches]
    longest_h = max(batch.hours for batch in batches)
    grid = Grid(width_us=CELL_WIDTH_US, cells=int(np.ceil(longest_h * US_PER_H / CELL_WIDTH_US)))
    if role is ReferenceRole.NEW:
        model = learn_new(runs, grid=grid, tags=tags, blind=blind, template=template)
    else:
        model = learn_old(runs, grid=grid, tags=tags)
    name = f"{role} reference for {judges} of {len(batches)} batches"
    with connection.transaction():
        return _write(connection, model, name=name, judges=judges, batches=batches, runs=runs, by=by, reason=reason)


def put_to_use(connection: psycopg.Connection, reference_id: ReferenceId, *, by: str, reason: str) -> None:
    """Make a reference the one in use; the one before it is retired. Batches that run keep theirs."""
    sql = queries("reference")
    with connection.transaction():
        row = connection.execute(sql["state"], {"reference_id": reference_id}).fetchone()
        if row is None:
            raise NotFound(f"there is no reference {reference_id}")
        name, role, process_version_id, state, digest = row
        if state not in ("draft", "approved"):
            raise Conflict(f"reference {reference_id} is {state} and cannot be put to use")
        parameters = {"process_version_id": process_version_id, "role": role, "reference_id": reference_id}
        connection.execute(sql["retire"], parameters)
        connection.execute(sql["set_state"], parameters | {"state": "in_use"})
        append_control(connection, "reference put to use", orjson.dumps(parameters | {"digest": digest}))
        audit.append(
            connection,
            actor=by,
            action="reference put to use",
            subject=f"reference:{reference_id}",
            old={"state": state},
            new={"state": "in_use", "name": name, "digest": digest},
            reason=reason,
        )


def _write(
    connection: psycopg.Connection,
    model: ReferenceModel,
    *,
    name: str,
    judges: str,
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
    row = connection.execute(
        sql["insert"],
        {
            "name": name,
            "role": str(model.role),
            "process_version_id": process[0],
            "model": model.to_bytes(),
            "digest": model.digest,
            "software": software(),
            "known_at": known_at,
            "curves": Jsonb(curves(model)),
        },
    ).fetchone()
    assert row is not None
    for batch, run in zip(batches, runs, strict=True):
        learned = {"reference_id": row[0], "batch_id": batch.batch_id, "input_digest": run.digest()}
        connection.execute(sql["insert_batch"], learned)
    return ReferenceId(row[0])
