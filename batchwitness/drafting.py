"""`batchwitness draft-reference`: learn a reference from completed batches; QA approves it on its page."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg

from analytics.inputs import completed_batches
from analytics.references import learn_reference
from analytics.review import not_learned_from
from analytics.template import Further, asking, named
from batchwitness.connecting import dsn
from store.errors import BatchwitnessError, translated
from store.model.reference import ReferenceRole
from store.sql import queries


def run(
    var: Path,
    process: str,
    *,
    judges: str | None,
    role: ReferenceRole,
    template: str | None,
    also: Sequence[Further],
    exclude: Sequence[str],
    by: str,
    reason: str,
) -> int:
    """Write the draft and say where it can be reviewed; 1 with what is wrong."""
    try:
        reasons = _reasons(exclude)
        declared = asking(None if template is None else named(template), also)
        with translated(), psycopg.connect(dsn(var, "api"), autocommit=True) as connection:
            sql = queries("reference")
            asked = {"process": process}
            started = [(name, status) for name, status in connection.execute(sql["started"], asked)]
            unknown = sorted(reasons.keys() - {name for name, _ in started})
            if unknown:
                raise ValueError(f"{', '.join(unknown)}: no batch of {process} has that name")
            chosen = [batch for batch in completed_batches(connection, process) if batch.name not in reasons]
            if not chosen:
                raise ValueError(f"no completed batch of {process} is left to learn from")
            left_out = not_learned_from(started, [batch.name for batch in chosen], reasons)
            tags = sql["tags_of_process" if role is ReferenceRole.NEW else "corresponding_tags"]
            sys.stderr.write(f"learning from {len(chosen)} of {len(started)} batches of {process} …\n")
            reference_id = learn_reference(
                connection,
                role=role,
                judges=judges or process,
                batches=chosen,
                tags=[row[0] for row in connection.execute(tags, asked)],
                blind=(),
                template=declared,
                left_out=left_out,
                by=by,
                reason=reason,
            )
    except (BatchwitnessError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"reference {reference_id} is a draft: somebody of QA reviews it at /references/{reference_id}\n")
    return 0


def _reasons(exclude: Sequence[str]) -> Mapping[str, str]:
    """Batches to leave out, given as NAME=WHY. Raises ValueError."""
    reasons = {}
    for text in exclude:
        name, equals, why = text.partition("=")
        if not equals or not why.strip():
            raise ValueError(f"--exclude takes BATCH=WHY, not {text!r}")
        reasons[name.strip()] = why.strip()
    return reasons
