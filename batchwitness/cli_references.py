"""The command that drafts a reference."""

from pathlib import Path
from typing import Annotated

import typer

from batchwitness.cli_options import Also, Var
from store.model.reference import ReferenceRole


def draft_reference(
    process: Annotated[str, typer.Argument(help="The process version whose completed batches are learned from.")],
    by: Annotated[str, typer.Option(help="Who drafts it; somebody else approves it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    var: Var = Path("var"),
    *,
    role: Annotated[ReferenceRole, typer.Option(help="new: raises drift; old: what a batch departs from.")] = (
        ReferenceRole.NEW
    ),
    judges: Annotated[str | None, typer.Option(help="The process version it judges, where it is another.")] = None,
    unit_kind: Annotated[
        str | None, typer.Option(help="Of the units to learn from, where a batch runs in several units in turn.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="What is declared for the product: a shipped one's name, or a .toml file.")
    ] = None,
    also: Also = None,
    blind: Annotated[
        list[str] | None,
        typer.Option(help="PHASE=HOURS or start=HOURS after its start in which drift is not judged; repeatable."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="BATCH=WHY: a completed batch that is not learned from; repeatable.")
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(help="BATCH=WHY: one that fails a gate and is learned from; repeatable.")
    ] = None,
    pool: Annotated[str, typer.Option(help="Why several kinds of starting material are pooled.")] = "",
) -> None:
    """Learn a reference from completed batches; it judges nothing before QA has approved it on its page."""
    from batchwitness.drafting import run

    raise typer.Exit(
        run(
            var,
            process,
            judges=judges,
            role=role,
            unit_kind=unit_kind,
            template=template,
            also=also or (),
            blind=blind or [],
            exclude=exclude or [],
            include=include or [],
            pool=pool,
            by=by,
            reason=reason,
        )
    )
