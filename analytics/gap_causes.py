"""Which cause explains which missing readings of a hole: pure, so that the same evidence gives the same gaps.

Every missing reading has the instant at which it was due and exactly one cause: the first of GapCause's order that
covers this instant. Neighbours with one cause are one gap.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import orjson

from analytics.segment import Int64s
from store.model.completeness import GapCause
from store.owing import Due
from store.service import NotOwed

CAUSES = list(GapCause)
MOST_NAMED = 100  # rows of one kind that the evidence of a gap names

Interval = tuple[int, int]  # plant time in microseconds: from, to exclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAside:
    """Values of a tag, and messages that may have held one, in quarantine: arrays of one length."""

    quarantine_id: Int64s
    at_us: Int64s  # source time, or where none was told the plant's time of receipt
    told: npt.NDArray[np.bool_]  # whether it told its source time

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(len(self.quarantine_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Messages that a publisher or an edge node numbered and that never came."""

    table: str  # where that is written down: sequence_gap or edge_gap
    row_id: int
    messages: int
    after_us: int  # they lie between these times
    before_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A time of which the record says that nothing could come."""

    table: str  # edge_gap: we did not listen, or could not keep it; edge_node_event: the edge said that it is offline
    row_id: int
    from_us: int
    to_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that may explain what is missing of one tag."""

    not_owed: Sequence[NotOwed] = ()
    put_aside: PutAside | None = None
    lost: Sequence[Lost] = ()
    host_away: Sequence[Interval] = ()
    host_away_told: Sequence[Told] = ()
    edge_offline: Sequence[Told] = ()
    edge_silent: Sequence[Interval] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Neighbouring missing readings with one cause: those of a Due from `first` to `last`."""

    first: int
    last: int
    cause: GapCause
    evidence: str  # JSON: ids by table


@dataclass(slots=True)
class _Painting:
    """A cause for each instant; the first that covers it stays."""

    due: Due
    causes: np.ndarray[tuple[int], np.dtype[np.int8]]
    named: dict[int, tuple[str, int]] = field(default_factory=dict)  # k → table and id, of the first reading it covers

    def paint(self, from_us: int, to_us: int, cause: GapCause, *, most: int | None = None) -> int | None:
        """Cover what is still bare in a time, at most so many; the first k covered."""
        first = max(self.due.first, self.due.index(from_us)) - self.due.first
        last = min(self.due.last + 1, self.due.index(to_us)) - self.due.first
        if first >= last:
            return None
        bare = np.flatnonzero(self.causes[first:last] < 0)[:most]
        self.causes[first + bare] = CAUSES.index(cause)
        return None if not len(bare) else int(first + bare[0]) + self.due.first


def explain(due: Due, evidence: Evidence, *, interval_us: int) -> list[Part]:
    """The causes of all missing readings of a hole, in order of time, without a rest."""
    painting = _Painting(due=due, causes=np.full(due.count, -1, np.int8))
    for cause in (GapCause.OUT_OF_SERVICE, GapCause.CALIBRATION):
        for time in evidence.not_owed:
            if time.cause is cause:
                _name(painting, painting.paint(time.from_us, time.to_us, cause), "event", time.event_id)
    if evidence.put_aside:
        _paint_put_aside(painting, evidence.put_aside, interval_us)
    for loss in evidence.lost:
        covered = painting.paint(loss.after_us + 1, loss.before_us, GapCause.BROKER_LOSS, most=loss.messages)
        _name(painting, covered, loss.table, loss.row_id)
    for told in evidence.host_away_told:
        _name(painting, painting.paint(told.from_us, told.to_us, GapCause.HOST_OFFLINE), told.table, told.row_id)
    for from_us, to_us in evidence.host_away:
        painting.paint(from_us, to_us, GapCause.HOST_OFFLINE)
    for told in evidence.edge_offline:
        _name(painting, painting.paint(told.from_us, told.to_us, GapCause.EDGE_OFFLINE), told.table, told.row_id)
    for from_us, to_us in evidence.edge_silent:
        painting.paint(from_us, to_us, GapCause.EDGE_OFFLINE)
    painting.causes[painting.causes < 0] = CAUSES.index(GapCause.TAG_SILENT)
    return list(_parts(painting))


def _paint_put_aside(painting: _Painting, items: PutAside, interval_us: int) -> None:
    """Each value put aside would have been one reading.

    One that told its time is the reading due nearest to it; one that did not, the reading due nearest to its receipt,
    if it was due within an interval of it.
    """
    due = painting.due
    nearest = np.rint((items.at_us - due.origin_us) / (due.span_us / due.parts)).astype(np.int64)
    inside = np.clip(nearest, due.first, due.last)
    due_us = due.origin_us + np.rint(inside * (due.span_us / due.parts)).astype(np.int64)
    fits = np.where(items.told, inside == nearest, np.abs(due_us - items.at_us) <= interval_us)
    for k, quarantine_id in zip(inside[fits].tolist(), items.quarantine_id[fits].tolist(), strict=True):
        at_us = due.at(k)
        _name(painting, painting.paint(at_us, at_us + 1, GapCause.QUARANTINED), "quarantine", quarantine_id)


def _name(painting: _Painting, k: int | None, table: str, row_id: int) -> None:
    if k is not None:
        painting.named[k] = table, row_id


def _parts(painting: _Painting) -> Iterator[Part]:
    causes, due = painting.causes, painting.due
    bounds = [0, *(np.flatnonzero(np.diff(causes)) + 1).tolist(), len(causes)]
    for first, end in pairwise(bounds):
        if first == end:
            continue
        ids: dict[str, list[int]] = {}
        for k in sorted(painting.named):
            if first <= k - due.first < end:
                table, row_id = painting.named[k]
                ids.setdefault(table, []).append(row_id)
        yield Part(
            first=due.first + first,
            last=due.first + end - 1,
            cause=CAUSES[int(causes[first])],
            evidence=shown_evidence(ids),
        )


def shown_evidence(ids: Mapping[str, Sequence[int]]) -> str:
    """Ids by table as JSON; at most MOST_NAMED of each, and then how many there are.

    >>> shown_evidence({"quarantine": [3, 1]})
    '{"quarantine":[1,3]}'
    """
    named: dict[str, object] = {}
    for table, found in sorted(ids.items()):
        known = sorted(set(found))
        named[table] = known[:MOST_NAMED]
        if len(known) > MOST_NAMED:
            named[f"{table}_count"] = len(known)
    return orjson.dumps(named).decode()
