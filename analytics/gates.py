"""What keeps a batch out of the reference of a new process, and how somebody lets it in all the same.

A reference says what the process does while nothing is wrong. Every batch that started is held against the gates; one
that fails a gate is left out with what it fails, or let in with a reason that the packet shows. Nothing pools starting
materials without a reason.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from store.model.batch import BatchStatus, StartingMaterial

LEAST_COMPLETE = 0.95  # of what each tag owed: with less, the holes of single batches begin to shape means and limits
NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A batch of the process that started, with what speaks against learning from it."""

    batch: str
    status: BatchStatus
    material: StartingMaterial | None = None
    complete: float | None = None  # usable share of what its worst tag owed; None: none owed anything at a known time
    worst_tag: str = ""
    uncounted: int = 0  # blocks of the record that its completeness does not know yet
    open_alerts: tuple[int, ...] = ()  # drift and range alerts that nobody has assessed
    impacts: tuple[int, ...] = ()  # alerts assessed as a possible or confirmed impact
    adverse: tuple[str, ...] = ()  # final results outside their specification
    unstated_ends: tuple[str, ...] = ()  # units in which nobody said when it ended: the next start did

    def failures(self) -> tuple[str, ...]:
        """Every gate it fails, in words."""
        found = []
        if self.status is not BatchStatus.COMPLETED:
            found.append(f"it is {self.status}")
        if self.complete is not None and self.complete < LEAST_COMPLETE:
            waiting = f", with {self.uncounted} blocks not counted yet" if self.uncounted else ""
            found.append(
                f"{self.worst_tag} holds {_percent(self.complete)} of what it owed, less than "
                f"{_percent(LEAST_COMPLETE)}{waiting}"
            )
        if self.open_alerts:
            found.append(f"nobody has assessed {_alerts(self.open_alerts)}")
        if self.impacts:
            found.append(f"{_alerts(self.impacts)} may have had an impact")
        found += [f"{result} is out of specification" for result in self.adverse]
        found += [f"nobody said when it ended in {unit}" for unit in self.unstated_ends]
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which batches a reference is learned from, which it is not and why, and which fail a gate and are in."""

    chosen: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    let_in: Mapping[str, str] = field(default_factory=dict)


def choose(
    candidates: Sequence[Candidate], *, gated: bool, exclude: Mapping[str, str], include: Mapping[str, str]
) -> Choice:
    """Choose from every batch that started; `exclude` and `include` give reasons by name.

    Without gates, as of an old process, every completed batch is in that nobody excludes. Raises ValueError for a name
    nobody knows, one that is both in and out, a batch that is let in although it passes, and one that is not completed.
    """
    known = {one.batch: one for one in candidates}
    unknown = sorted({*exclude, *include} - known.keys())
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no batch of the process has that name")
    both = sorted(exclude.keys() & include.keys())
    if both:
        raise ValueError(f"{', '.join(both)}: included and excluded at once")
    chosen, left_out, let_in = [], {}, {}
    for batch, one in known.items():
        failures = one.failures() if gated else ()
        if one.status is not BatchStatus.COMPLETED:
            if batch in include:
                raise ValueError(f"{batch} is {one.status}: only a completed batch can be learned from")
            left_out[batch] = exclude.get(batch) or f"it is {one.status}"
        elif batch in exclude:
            left_out[batch] = exclude[batch]
        elif not failures:
            if batch in include:
                raise ValueError(f"{batch} passes every gate: it needs no reason to be in")
            chosen.append(batch)
        elif batch in include:
            chosen.append(batch)
            let_in[batch] = include[batch]
        else:
            left_out[batch] = "; ".join(failures)
    return Choice(chosen=tuple(chosen), left_out=left_out, let_in=let_in)


def materials_of(candidates: Sequence[Candidate], chosen: Sequence[str]) -> dict[str, int]:
    """How many of the chosen batches start from each kind, the most frequent first."""
    inside = set(chosen)
    counts = Counter(one.material.value if one.material else NOT_STATED for one in candidates if one.batch in inside)
    return dict(counts.most_common())


def check_pool(materials: Mapping[str, int], pool: str) -> None:
    """Refuse to pool kinds of starting material, or batches of which nobody stated one, without a reason.

    Raises ValueError, also for a reason where there is nothing to pool.
    """
    kinds = " and ".join(f"{count} of {kind}" for kind, count in materials.items())
    single = len(materials) == 1 and NOT_STATED not in materials
    if single and pool:
        raise ValueError(f"--pool: all batches start from one kind, {kinds}")
    if not single and not pool:
        raise ValueError(
            f"starting material: {kinds} would be pooled; state it, leave batches out, or say with --pool why they "
            "belong together"
        )


def _alerts(numbers: tuple[int, ...]) -> str:
    return f"alert{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
