"""Where a batch is on its reference's course: the band it was held against, hour by hour, and what to say of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from store.model.times import US_PER_H


def by_hours(
    course: Mapping[str, Any], path: Sequence[Sequence[int | None]], *, after_h: float, goes_on: bool
) -> list[tuple[float, int | None]]:
    """The middle of every cell in process hours with its position, None for a cell that was held against nothing.

    `course` has the width of a cell in hours and of each phase its name, its positions and the usual number of cells;
    `path` is what the monitor kept of the closed cells: from, until, position of the first or None. `after_h` is when
    the unit procedure began. A batch that `goes_on` is drawn on as a usual one would go.

    >>> course = {"width_h": 2.0, "phases": [["seed", 4, 3], ["grow", 6, 2]]}
    >>> by_hours(course, [(0, 2, 0), (2, 3, 4)], after_h=1.0, goes_on=True)
    [(2.0, 0), (4.0, 1), (6.0, 4), (8.0, 5)]
    >>> by_hours(course, [(0, 4, 0), (4, 5, None)], after_h=0.0, goes_on=True)[-2:]
    [(7.0, 3), (9.0, None)]
    >>> [position for _, position in by_hours(course, [], after_h=0.0, goes_on=True)]
    [0, 1, 2, 4, 5]
    """
    positions: list[int | None] = []
    for first, until, begun in path:
        assert first is not None
        assert until is not None
        positions += [None if begun is None else begun + into for into in range(until - first)]
    if goes_on:
        positions += _expected(course, positions[-1] if positions else -1)
    width_h: float = course["width_h"]
    return [(round(after_h + (cell + 0.5) * width_h, 6), position) for cell, position in enumerate(positions)]


def course_notes(snapshot: Mapping[str, Any]) -> list[str]:
    """What has to be said of how a batch is held against its reference, from what its monitor kept.

    >>> why = {"phase": "rinsing", "since_us": 144_000_000_000, "why": "the reference does not know it"}
    >>> course_notes({"path": [[0, 60, 0]], "passed_over": [why]})
    ['the start of rinsing at 40.0 h does not place it: the reference does not know it']
    """
    notes = [
        f"the start of {one['phase']} at {one['since_us'] / US_PER_H:.1f} h does not place it: {one['why']}"
        for one in snapshot.get("passed_over", ())
    ]
    path = snapshot.get("path", ())
    if path and path[-1][2] is None:
        notes.append(
            "it has been in its phase for longer than any reference batch: nothing but assays is judged by the "
            "reference until the next phase begins"
        )
    return notes


def _expected(course: Mapping[str, Any], last: int | None) -> Iterator[int]:
    """Where a batch goes from its last position on if each phase lasts as long as usual; from nowhere, nobody knows."""
    if last is None:
        return
    first = 0
    for _, cells, usual in course["phases"]:
        if last < first + cells:
            yield from range(max(first, last + 1), first + min(usual, cells))
        first += cells
