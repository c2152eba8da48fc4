"""Where a cell of a batch lies on the course of its reference, by the phases that have begun: the one place it is said.

A batch keeps its own clock: time constants, spans, integrals and silences are its real hours. Only the position at
which it is held against the reference follows the phases. A phase begins when an operator begins it, hours earlier or
later from batch to batch, so the course is laid out phase by phase, each as long as in the reference batch where it
lasted longest, and a cell lies as far into its phase as it began before. The last position is nowhere: no reference
batch was ever there, nothing is known of it, and whatever is compared with it is not judged.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np

from analytics.segment import Int64s


class Positions(Protocol):
    """The positions of the cells of one batch."""

    def at(self, cell: int, /) -> int:
        """The position of a cell; beyond the course there is nothing to be compared with."""
        ...


class ByClock:
    """Cells lie where the process clock puts them, whatever phases there are."""

    def at(self, cell: int, /) -> int:
        """The cell itself."""
        return cell


BY_CLOCK = ByClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseStart:
    """A phase that somebody said had begun."""

    phase: str
    since_us: int  # µs after the start of the unit procedure


@dataclass(frozen=True, slots=True, kw_only=True)
class CoursePhase:
    """One phase on the course."""

    name: str  # "": from the start of the unit procedure to the first phase
    first: int  # position of its first cell
    cells: int  # as long as it lasted in the reference batch where it lasted longest
    usual: int  # cells it lasted in the median


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A start that moves no batch on its course."""

    phase: str
    since_us: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What starts make of a batch: from which cell on it is in which phase, in order, and what is passed over."""

    begun: tuple[tuple[int, CoursePhase], ...]
    passed_over: tuple[PassedOver, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseCourse:
    """The phases of a reference one after the other, and one more position, which is nowhere.

    Until somebody says that a phase began, a batch is in the first: in the time before the phases, or in the first
    phase itself where that began with the unit procedure in every reference batch.

    >>> course = PhaseCourse.laid([("seed", 4, 3), ("grow", 6, 5)], width_us=10)
    >>> course.positions, course.path([PhaseStart(phase="grow", since_us=31)], cells=6).tolist()
    (11, [0, 1, 2, 4, 5, 6])
    >>> course.path([], cells=6).tolist()  # longer than in any reference batch: nowhere
    [0, 1, 2, 3, 10, 10]
    """

    phases: tuple[CoursePhase, ...]
    width_us: int  # of a cell

    @classmethod
    def laid(cls, phases: Iterable[tuple[str, int, int]], *, width_us: int) -> Self:
        """From name, cells and usual cells of every phase in order."""
        found: list[CoursePhase] = []
        first = 0
        for name, cells, usual in phases:
            found.append(CoursePhase(name=name, first=first, cells=cells, usual=usual))
            first += cells
        return cls(phases=tuple(found), width_us=width_us)

    @property
    def nowhere(self) -> int:
        """The position of what lies beyond the course."""
        return self.phases[-1].first + self.phases[-1].cells

    @property
    def positions(self) -> int:
        """How many positions there are, nowhere among them."""
        return self.nowhere + 1

    def finer(self, parts: int) -> Self:
        """The same course in cells of which so many make one of its own."""
        return replace(
            self,
            phases=tuple(
                replace(phase, first=phase.first * parts, cells=phase.cells * parts, usual=phase.usual * parts)
                for phase in self.phases
            ),
            width_us=self.width_us // parts,
        )

    def follow(self, starts: Iterable[PhaseStart]) -> Followed:
        """The phases a batch went through, from the starts that are known of it, in whatever order they were told.

        A phase begins with the cell whose edge is nearest. Whoever goes back, repeats a phase or begins one that the
        reference does not know stays where he is: hours count on from the last start that was followed. A phase that
        nobody began is left out.

        >>> course = PhaseCourse.laid([("seed", 4, 3), ("grow", 6, 5)], width_us=10)
        >>> told = [PhaseStart(phase=name, since_us=at) for name, at in (("grow", 31), ("seed", 52), ("wash", 60))]
        >>> [(cell, phase.name) for cell, phase in course.follow(told).begun]
        [(0, 'seed'), (3, 'grow')]
        >>> [(one.phase, one.why) for one in course.follow(told).passed_over]
        [('seed', 'after grow had begun'), ('wash', 'the reference does not know it')]
        """
        places = {phase.name: place for place, phase in enumerate(self.phases) if phase.name}
        begun: list[tuple[int, CoursePhase]] = [(0, self.phases[0])]
        passed_over = []
        reached = -1
        for start in sorted(starts, key=lambda one: (one.since_us, places.get(one.phase, -1), one.phase)):
            place = places.get(start.phase)
            if place is not None and place > reached:
                begun.append(((2 * start.since_us + self.width_us) // (2 * self.width_us), self.phases[place]))
                reached = place
                continue
            why = "the reference does not know it"
            if place is not None:
                why = "it had begun before" if place == reached else f"after {self.phases[reached].name} had begun"
            passed_over.append(PassedOver(phase=start.phase, since_us=start.since_us, why=why))
        return Followed(begun=tuple(begun), passed_over=tuple(passed_over))

    def position(self, cell: int, begun: Sequence[tuple[int, CoursePhase]]) -> int:
        """Where a cell lies that is in the last of the phases that had begun by then."""
        first, phase = next((part for part in reversed(begun) if part[0] <= cell), begun[0])
        into = cell - first
        return phase.first + into if into < phase.cells else self.nowhere

    def path(self, starts: Iterable[PhaseStart], *, cells: int) -> Int64s:
        """The positions of the first cells of a batch of which every start is known, (cells,)."""
        begun = self.follow(starts).begun
        return np.array([self.position(cell, begun) for cell in range(cells)], np.int64)

    def usual_cells(self) -> Int64s:
        """The cell at which a usual batch is at a position, (positions,); −1 where none is."""
        usual = np.full(self.positions, -1, np.int64)
        cell = 0
        for phase in self.phases:
            count = min(phase.usual, phase.cells)
            usual[phase.first : phase.first + count] = np.arange(cell, cell + count)
            cell += count
        return usual

    def to_fields(self) -> dict[str, Any]:
        """JSON fields."""
        return {"width_us": self.width_us, "phases": [[one.name, one.cells, one.usual] for one in self.phases]}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """The course those fields describe."""
        return cls.laid([(name, cells, usual) for name, cells, usual in fields["phases"]], width_us=fields["width_us"])


class Path:
    """The positions of one running batch: of every closed cell as it was judged, of what comes as is known now.

    A start that is told after its cells had closed changes nothing of what was said of them; from then on what is
    known now holds. Without a course of phases the clock says where a batch is.

    >>> path = Path(PhaseCourse.laid([("seed", 4, 3), ("grow", 6, 5)], width_us=10))
    >>> for _ in range(5):
    ...     path.close()
    >>> path.begin("grow", 31)  # told two cells late
    >>> path.close()
    >>> [path.at(cell) for cell in range(7)]
    [0, 1, 2, 3, 10, 6, 7]
    >>> path.pieces()
    [(0, 4, 0), (4, 5, None), (5, 6, 6)]
    """

    def __init__(self, course: PhaseCourse | None) -> None:
        self._course = course
        self._starts: list[PhaseStart] = []
        self._closed: list[int] = []
        self._follow()

    def begin(self, phase: str, since_us: int) -> None:
        """Somebody said that a phase began, µs after the start of the unit procedure."""
        self._starts.append(PhaseStart(phase=phase, since_us=since_us))
        self._follow()

    def close(self) -> None:
        """The next cell closed."""
        self._closed.append(self._now(len(self._closed)))

    def at(self, cell: int, /) -> int:
        """The position of a cell."""
        return self._closed[cell] if cell < len(self._closed) else self._now(cell)

    def bin_at(self, number: int, width_us: int) -> int:
        """The position of a bin finer than cells, on the course in such bins."""
        if self._course is None:
            return number
        if width_us not in self._fine:
            fine = self._course.finer(self._course.width_us // width_us)
            self._fine[width_us] = fine, fine.follow(self._starts)
        fine, followed = self._fine[width_us]
        return fine.position(number, followed.begun)

    @property
    def passed_over(self) -> tuple[PassedOver, ...]:
        """The starts that moved the batch nowhere."""
        return () if self._followed is None else self._followed.passed_over

    def pieces(self) -> list[tuple[int, int, int | None]]:
        """The closed cells as stretches that go on cell by cell: from, until, first position; None is nowhere."""
        nowhere = None if self._course is None else self._course.nowhere
        found: list[tuple[int, int, int | None]] = []
        for cell, at in enumerate(self._closed):
            position = None if at == nowhere else at
            if found:
                first, until, begun = found[-1]
                if position == (None if begun is None else begun + until - first):
                    found[-1] = first, cell + 1, begun
                    continue
            found.append((cell, cell + 1, position))
        return found

    def to_fields(self) -> dict[str, Any]:
        """JSON fields."""
        return {
            "starts": [[one.phase, one.since_us] for one in self._starts],
            "pieces": self.pieces(),
        }

    def restore(self, fields: Mapping[str, Any]) -> None:
        """Take what `to_fields` gave."""
        self._starts = [PhaseStart(phase=phase, since_us=since_us) for phase, since_us in fields["starts"]]
        self._closed = []
        for first, until, position in fields["pieces"]:
            if position is None:
                assert self._course is not None
                self._closed += [self._course.nowhere] * (until - first)
            else:
                self._closed += range(position, position + until - first)
        self._follow()

    def _follow(self) -> None:
        self._followed = None if self._course is None else self._course.follow(self._starts)
        self._fine: dict[int, tuple[PhaseCourse, Followed]] = {}  # by the width of a bin

    def _now(self, cell: int) -> int:
        if self._course is None or self._followed is None:
            return cell
        return self._course.position(cell, self._followed.begun)
