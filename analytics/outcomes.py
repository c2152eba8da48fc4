"""How the batches of a process came out: every batch that started counts, with exact intervals."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from analytics.methods.binomial import Rate
from store.model.batch import BatchStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The batches of one process version."""

    process: str
    started: int
    running: int
    terminated: Rate  # of those that ended
    out_of_specification: Rate  # of those that ended and of which a final result was held against a specification


def outcomes_of(
    statuses: Mapping[str, Mapping[str, BatchStatus]], judged: Collection[str], adverse: Collection[str]
) -> tuple[Outcomes, ...]:
    """The outcomes by process version; `statuses` by process and batch, `judged` and `adverse` names of batches."""
    found = []
    for process, batches in sorted(statuses.items()):
        ended = {batch for batch, status in batches.items() if status is not BatchStatus.RUNNING}
        terminated = sum(status is BatchStatus.TERMINATED for status in batches.values())
        held = ended & set(judged)
        found.append(
            Outcomes(
                process=process,
                started=len(batches),
                running=len(batches) - len(ended),
                terminated=Rate.of(terminated, len(ended)),
                out_of_specification=Rate.of(len(held & set(adverse)), len(held)),
            )
        )
    return tuple(found)
