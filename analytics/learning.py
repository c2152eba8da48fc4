"""Learning the reference of a new process from its completed runs.

Nested: the scores from which limits are made come from references without the batch that is scored, so no batch
sets its own limit (limits learned in sample gave 20 to 70 % false alerts on simulated bioreactor batches).
"""

from collections.abc import Collection, Sequence

import numpy as np

from analytics.evidence import Evidence
from analytics.grid import Grid
from analytics.layers import LEVELS
from analytics.learner import Learner
from analytics.limits import outlying
from analytics.reference import (
    FEWEST_FOR_LEARNED,
    Blind,
    InputRun,
    ReferenceModel,
    Rule,
    SetAside,
    TimeConstants,
)
from analytics.runs import CompletedRun
from analytics.template import Template
from store.model.reference import ReferenceRole

ALPHA = 0.03
MOST_SET_ASIDE = 0.1  # share of the runs


def learn_new(
    runs: Sequence[CompletedRun],
    *,
    grid: Grid,
    tags: Sequence[str],
    blind: Sequence[Blind] = (),
    constants: TimeConstants | None = None,
    alpha: float = ALPHA,
    template: Template | None = None,
    without: Collection[str] = (),
) -> ReferenceModel:
    """A frozen reference of the new process.

    `tags` are names; a run that lacks one counts as missing there. With fewer than 6 runs the reference carries an
    envelope but no limits; from 6 to 19 prediction limits (advisory); from 20 limits learned from left-out batches
    with one false-alert budget `alpha` a batch over all layers and tags. There, runs whose tags contradict each
    other, or of which a held tag changes, as in no other run are set aside with the reason, a tenth of them at most
    and never so many that fewer than 20 are left: limits learned from a batch in which something went wrong would not
    see the next one. `template`
    adds what is declared for the product, `without` names families of channels that are left out.
    Raises ValueError without runs.
    """
    return learn_new_with_evidence(
        runs, grid=grid, tags=tags, blind=blind, constants=constants, alpha=alpha, template=template, without=without
    )[0]


def learn_new_with_evidence(
    runs: Sequence[CompletedRun],
    *,
    grid: Grid,
    tags: Sequence[str],
    blind: Sequence[Blind] = (),
    constants: TimeConstants | None = None,
    alpha: float = ALPHA,
    template: Template | None = None,
    without: Collection[str] = (),
) -> tuple[ReferenceModel, Evidence | None]:
    """The reference of `learn_new`, with what its limits were made of; None where they were not learned."""
    if not runs:
        raise ValueError("a reference needs at least one run")
    learner = Learner(
        grid=grid, tags=tags, blind=blind, constants=constants or TimeConstants(), alpha=alpha, without=without
    )
    rule = Rule.for_batches(len(runs))
    set_aside: list[SetAside] = []
    kept = list(runs)
    evidence = None
    if rule is Rule.LEARNED_LIMITS:
        course, families, budget, without_each = learner.learned(kept, template)
        most = min(int(MOST_SET_ASIDE * len(runs)), len(runs) - FEWEST_FOR_LEARNED)
        names = list(families)
        relating = [number for number, name in enumerate(names) if name not in LEVELS]
        statistics = budget.statistics[:, relating]
        out = outlying(statistics)[:most] if most > 0 and relating else []
        for batch in out:
            family = int(np.nanargmax(statistics[batch]))
            value = float(statistics[batch, family])
            set_aside.append(
                SetAside(
                    batch=runs[batch].batch,
                    digest=runs[batch].digest().hex(),
                    reason=f"scored by the others it stands out in {names[relating[family]]}: its largest score is "
                    f"{value:.1f} SD beyond theirs",
                )
            )
        if out:
            kept = [run for number, run in enumerate(runs) if number not in out]
            course, families, _, without_each = learner.learned(kept, template)
        evidence = Evidence(
            batches=tuple(run.batch for run in kept), families=families, without_each=tuple(without_each)
        )
    else:
        course = learner.with_few(kept, rule)
    model = ReferenceModel(
        role=ReferenceRole.NEW,
        rule=rule,
        grid=grid,
        alpha=alpha,
        tags=tuple(tags),
        inputs=tuple(InputRun(batch=run.batch, digest=run.digest().hex()) for run in kept),
        set_aside=tuple(set_aside),
        trajectory=course,
        template="" if template is None else template.text,
    )
    return model, evidence
