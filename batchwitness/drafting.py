"""`batchwitness draft-reference`: learn a reference from completed batches; QA approves it on its page."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from analytics import template as templates
from analytics.gates import Choice, check_pool, choose, materials_of
from analytics.inputs import CompletedBatch, completed_batches
from analytics.power import MOST_BATCHES
from analytics.reference import Blind
from analytics.references import learn_reference
from analytics.review import Brief
from analytics.template import Further, Template, asking
from batchwitness.candidates import read_known
from batchwitness.connecting import dsn
from store.errors import BatchwitnessError, translated
from store.model.ids import ReferenceId
from store.model.reference import ReferenceRole
from store.sql import queries

START = "start"  # of the unit procedure, in --blind


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody asks to be drafted."""

    process: str
    judges: str
    role: ReferenceRole
    unit_kind: str | None = None  # learned from unit procedures in such units; a new reference judges them alone
    template: Template | None = None
    blind: tuple[Blind, ...] = ()
    exclude: Mapping[str, str] = field(default_factory=dict)  # completed batches that stay out, and why
    include: Mapping[str, str] = field(default_factory=dict)  # batches that fail a gate and are in, and why
    pool: str = ""  # why kinds of starting material are pooled
    try_offsets_in: int = MOST_BATCHES
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A draft and what it was made from."""

    reference_id: ReferenceId
    choice: Choice


def draft(
    connection: psycopg.Connection[Any],
    order: Order,
    *,
    say: Callable[[str], None],
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Drafted:
    """Write the draft, in one transaction after all is learned; `say` is told what takes long.

    Raises ValueError for an order that cannot be, with what is wrong with it.
    """
    sql = queries("reference")
    asked = {"process": order.process, "unit_kind": order.unit_kind}
    new = order.role is ReferenceRole.NEW
    found = connection.execute(sql["tags_of_process" if new else "corresponding_tags"], asked).fetchall()
    tags = list(dict.fromkeys(row[0] for row in found))
    if new and order.template is not None:
        _check_units(order.template, found)
    say(f"looking at the record of every batch of {order.process} …")
    known = read_known(connection, order.process, tags)
    choice = choose(known.candidates, gated=new, exclude=order.exclude, include=order.include)
    batches, choice = _batches(connection, order, choice)
    if not batches:
        raise ValueError(f"no completed batch of {order.process} is left to learn from{_why(choice)}")
    check_pool(materials_of(known.candidates, choice.chosen), order.pool)
    say(f"learning from {len(choice.chosen)} of {len(known.candidates)} batches of {order.process} …")
    reference_id = learn_reference(
        connection,
        role=order.role,
        judges=order.judges,
        unit_kind=order.unit_kind if new else None,
        batches=batches,
        tags=tags,
        blind=order.blind,
        template=order.template,
        brief=Brief(candidates=known.candidates, choice=choice, pooled=order.pool, outcomes=known.outcomes),
        by=order.by,
        reason=order.reason,
        try_offsets_in=order.try_offsets_in,
        progress=progress,
    )
    return Drafted(reference_id=reference_id, choice=choice)


def _batches(connection: psycopg.Connection[Any], order: Order, choice: Choice) -> tuple[list[CompletedBatch], Choice]:
    """The chosen batches where they are learned from; who was in no such unit is left out. Raises ValueError."""
    asked = {"process": order.process, "unit_kind": order.unit_kind}
    for name, kinds in connection.execute(queries("reference")["kinds_of_unit"], asked):
        if name in choice.chosen and order.unit_kind is None:
            raise ValueError(f"{name} was in units of kind {', then '.join(kinds)}: --unit-kind says which is meant")
        if name in choice.chosen:
            raise ValueError(f"{name} was in {len(kinds)} units of kind {order.unit_kind}, and one is learned from")
    completed = completed_batches(connection, order.process, unit_kind=order.unit_kind)
    there = {one.name for one in completed}
    elsewhere = {name: f"it was in no unit of kind {order.unit_kind}" for name in choice.chosen if name not in there}
    chosen = tuple(name for name in choice.chosen if name in there)
    choice = replace(choice, chosen=chosen, left_out={**choice.left_out, **elsewhere})
    return [one for one in completed if one.name in chosen], choice


def run(
    var: Path,
    process: str,
    *,
    judges: str | None,
    role: ReferenceRole,
    unit_kind: str | None,
    template: str | None,
    also: Sequence[Further],
    blind: Sequence[str],
    exclude: Sequence[str],
    include: Sequence[str],
    pool: str,
    by: str,
    reason: str,
) -> int:
    """Write the draft and say where it can be reviewed; 1 with what is wrong."""
    try:
        order = Order(
            process=process,
            judges=judges or process,
            role=role,
            unit_kind=unit_kind,
            template=asking(None if template is None else _template(template), also),
            blind=tuple(_blind(text) for text in blind),
            exclude=_reasons("--exclude", exclude),
            include=_reasons("--include", include),
            pool=pool.strip(),
            by=by,
            reason=reason,
        )
        with translated(), psycopg.connect(dsn(var, "api"), autocommit=True) as connection:
            drafted = draft(connection, order, say=_say, progress=_progress)
    except (BatchwitnessError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for batch, why in drafted.choice.left_out.items():
        sys.stderr.write(f"left out: {batch}: {why}\n")
    number = drafted.reference_id
    sys.stdout.write(f"reference {number} is a draft: somebody of QA reviews it at /references/{number}\n")
    return 0


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def _progress(done: int, batches: int) -> None:
    end = "\n" if done == batches else ""
    sys.stderr.write(f"\rtrying what its limits would find: {done} of {batches} batches{end}")
    sys.stderr.flush()


def _template(name: str) -> Template:
    return templates.read(Path(name)) if name.endswith(".toml") else templates.named(name)


def _check_units(template: Template, found: Sequence[tuple[str, str]]) -> None:
    units: dict[str, str] = {}
    for tag, unit_of_measure in found:
        if units.setdefault(tag, unit_of_measure) != unit_of_measure and tag in template.units:
            raise ValueError(f"{tag} is in {units[tag]} in one unit and in {unit_of_measure} in another")
    unsuited = template.unsuited(units)
    if unsuited:
        raise ValueError(f"template {template.name} does not fit: {'; '.join(unsuited)}")


def _why(choice: Choice) -> str:
    return "".join(f"\n  {batch}: {why}" for batch, why in choice.left_out.items())


def _reasons(option: str, given: Sequence[str]) -> Mapping[str, str]:
    """Batches with reasons, given as NAME=WHY. Raises ValueError."""
    reasons = {}
    for text in given:
        name, equals, why = text.partition("=")
        if not equals or not why.strip():
            raise ValueError(f"{option} takes BATCH=WHY, not {text!r}")
        reasons[name.strip()] = why.strip()
    return reasons


def _blind(text: str) -> Blind:
    """Hours after the start of a phase, given as PHASE=HOURS. Raises ValueError."""
    phase, _, hours = text.rpartition("=")
    try:
        length_h = float(hours)
    except ValueError:
        length_h = 0.0
    if not phase.strip() or not 0.0 < length_h < float("inf"):
        raise ValueError(f"--blind takes PHASE=HOURS or {START}=HOURS with hours above 0, not {text!r}")
    return Blind(phase=None if phase.strip() == START else phase.strip(), hours=length_h)
