"""State or correct what a batch started from; what was stated before stays in the record and in the audit trail."""

import psycopg

from records.actors import Actor
from records.corrections import Correction, check_may_correct, write_correction
from store.errors import Conflict, InputInvalid, NotFound, translated
from store.model.batch import StartingMaterial
from store.model.correction import CorrectionKind
from store.sql import queries


def correct_starting_material(
    connection: psycopg.Connection,
    batch: str,
    material: StartingMaterial,
    *,
    seen: StartingMaterial | None,
    actor: Actor,
    reason: str,
) -> Correction:
    """Say what a batch started from, in the caller's transaction; `seen` is what the actor saw stated before.

    Raises NotAllowed, NotFound, InputInvalid when it is as stated already, Conflict when somebody said otherwise since.
    """
    check_may_correct(actor, reason)
    sql = queries("correction")
    with translated(), connection.transaction():
        found = connection.execute(sql["lock_material"], {"batch": batch}).fetchone()
        if found is None:
            raise NotFound(f"there is no batch named {batch!r}")
        batch_id, before = found
        if before != seen:
            raise Conflict(f"the starting material of {batch} is {before or 'not stated'} by now: look again")
        if before == material:
            raise InputInvalid(f"nothing changes: {batch} starts from {material} already")
        correction = write_correction(
            connection,
            kind=CorrectionKind.STARTING_MATERIAL,
            actor=actor,
            reason=reason,
            subject=f"batch:{batch}",
            sentence=f"{batch} started from {material}" + (f", not from {before}" if before else ""),
            old={"starting_material": before},
            new={"starting_material": str(material)},
        )
        said = {"batch_id": batch_id, "old": before, "new": str(material), "correction_id": correction.correction_id}
        connection.execute(sql["set_material"], said)
        connection.execute(sql["insert_material"], said)
    return correction
