"""What the record says of each edge node, kept beside the sessions: state, last number, and what may have been lost.

The sessions of `session.py` decide what a message means and forget when the process dies. The book turns their effects
into rows, and remembers across restarts since when nobody listened to a node, so that its next birth closes a gap.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ingest.sparkplug.codes import Code
from ingest.sparkplug.effects import (
    DeviceOffline,
    DeviceOnline,
    Effect,
    GapFilled,
    NodeOffline,
    NodeOnline,
    NodeUnknown,
    NonConformant,
    Refused,
    RequestRebirth,
    SequenceGap,
)
from ingest.sparkplug.spool import Dropped
from ingest.sparkplug.topic import EdgeNode
from store.edge_nodes import EdgeEvent, EdgeGap, EdgeRows, EdgeSession, NodeName
from store.model.edge import EdgeEventKind, EdgeGapCause, EdgeState
from store.model.times import US_PER_S

# A connection can be dead for so long before anybody notices: one and a half times the keep-alive.
UNNOTICED_US = 30 * US_PER_S
LAST_BDSEQ = 255


@dataclass(slots=True)
class _Page:
    """One node."""

    session: EdgeSession
    processed_us: int  # receipt of the newest message whose effects were taken
    away_from_us: int | None = None  # nobody listened from then on
    spoke_unborn: bool = False  # something came before a birth since we listen again


@dataclass(slots=True)
class Book:
    """All nodes of one server."""

    server: str
    rebirth: bool  # whether requests are published
    _pages: dict[NodeName, _Page] = field(default_factory=dict)

    def restore(self, sessions: dict[NodeName, EdgeSession], *, alive_until_us: int | None, now_us: int) -> EdgeRows:
        """Begin where the record ends: nobody listened since `alive_until_us`, so nothing is known to be online."""
        rows = EdgeRows(server=self.server)
        self._pages = {
            node: _Page(session=session, processed_us=session.heard_us) for node, session in sessions.items()
        }
        self.link_lost(now_us if alive_until_us is None else min(alive_until_us, now_us))
        for node, page in self._pages.items():
            if page.session.state is EdgeState.ONLINE:
                self._unknown(node, page, rows, "the host started", now_us)
        return rows

    def link_lost(self, at_us: int, *, ours: bool = False) -> None:
        """Nobody listens from now on; unless that is `ours` to know, from a moment before that nobody noticed."""
        for page in self._pages.values():
            page.spoke_unborn = False
            if page.away_from_us is None:
                since_us = at_us if ours else max(page.session.heard_us, at_us - UNNOTICED_US)
                page.away_from_us = min(since_us, at_us)

    def heard(self, node: EdgeNode, received_us: int, *, last_seq: int | None, rows: EdgeRows) -> None:
        """Something of a node was taken; `last_seq` is the newest number taken in order."""
        name = (node.group, node.node)
        page = self._pages[name]
        page.session = replace(page.session, heard_us=max(received_us, page.session.heard_us), last_seq=last_seq)
        rows.sessions[name] = page.session

    def take(self, effects: Iterable[Effect], received_us: int) -> EdgeRows:
        """What effects mean for the record, in their order."""
        rows = EdgeRows(server=self.server)
        for effect in effects:
            node = (effect.edge_node.group, effect.edge_node.node)
            page = self._pages.get(node)
            if page is None:
                page = self._pages[node] = _new_page(received_us)
            self._take(effect, node, page, rows, received_us)
            rows.sessions[node] = page.session
        return rows

    def dropped(self, item: Dropped) -> EdgeRows:
        """Messages of a node found no room."""
        rows = EdgeRows(server=self.server)
        node = (item.group, item.node)
        page = self._pages.setdefault(node, _new_page(item.first_us))
        rows.gaps.append(
            EdgeGap(
                node=node,
                cause=EdgeGapCause.SPOOL_FULL,
                messages=item.messages,
                from_us=item.first_us,
                until_us=item.last_us,
            )
        )
        rows.sessions[node] = page.session
        return rows

    def _take(self, effect: Effect, node: NodeName, page: _Page, rows: EdgeRows, received_us: int) -> None:
        match effect:
            case NodeOnline():
                self._online(effect, node, page, rows, received_us)
            case NodeOffline():
                note = effect.cause.value
                page.session = replace(page.session, state=EdgeState.OFFLINE, cause=note, since_us=effect.at_us)
                rows.events.append(_event(node, None, EdgeEventKind.OFFLINE, note, effect.at_us))
            case NodeUnknown():
                self._unknown(node, page, rows, "our link was lost", effect.at_us)
            case DeviceOnline():
                rows.devices[(*node, effect.device)] = EdgeState.ONLINE, effect.at_us
                rows.events.append(_event(node, effect.device, EdgeEventKind.ONLINE, "dbirth", effect.at_us))
            case DeviceOffline():
                rows.devices[(*node, effect.device)] = EdgeState.OFFLINE, effect.at_us
                rows.events.append(_event(node, effect.device, EdgeEventKind.OFFLINE, effect.cause, effect.at_us))
            case SequenceGap():
                rows.gaps.append(
                    EdgeGap(
                        node=node,
                        cause=EdgeGapCause.SEQUENCE,
                        first_seq=effect.first,
                        last_seq=effect.last,
                        messages=effect.count,
                        from_us=min(page.processed_us, effect.found_us),
                        until_us=effect.found_us,
                    )
                )
            case GapFilled():
                rows.filled.append((node, effect.seq))
            case RequestRebirth():
                if self.rebirth:
                    note = f"{', '.join(effect.reasons)}; attempt {effect.attempt}"
                    rows.events.append(_event(node, None, EdgeEventKind.REBIRTH_REQUESTED, note, received_us))
            case NonConformant():
                note = f"{effect.what}: {effect.detail}"
                rows.events.append(_event(node, None, EdgeEventKind.NOT_CONFORMANT, note, received_us))
            case Refused(code=Code.NO_SESSION):
                page.spoke_unborn = True
            case _:
                page.processed_us = max(page.processed_us, received_us)

    def _online(self, effect: NodeOnline, node: NodeName, page: _Page, rows: EdgeRows, received_us: int) -> None:
        before = page.session
        if page.away_from_us is not None and _may_have_spoken(page, effect.bd_seq):
            rows.gaps.append(
                EdgeGap(
                    node=node,
                    cause=EdgeGapCause.HOST_AWAY,
                    messages=None,
                    from_us=min(page.away_from_us, effect.at_us),
                    until_us=effect.at_us,
                )
            )
        page.away_from_us, page.spoke_unborn = None, False
        page.processed_us = max(page.processed_us, received_us)
        note = "nbirth, again in its session" if effect.rebirth else "nbirth"
        page.session = EdgeSession(
            state=EdgeState.ONLINE,
            cause="nbirth",
            since_us=before.since_us if before.state is EdgeState.ONLINE and effect.rebirth else effect.at_us,
            bd_seq=_signed(effect.bd_seq),
            last_seq=before.last_seq,
            born_us=effect.at_us,
            heard_us=max(before.heard_us, received_us),
        )
        rows.events.append(_event(node, None, EdgeEventKind.ONLINE, note, effect.at_us))
        rows.birth(node)

    def _unknown(self, node: NodeName, page: _Page, rows: EdgeRows, why: str, at_us: int) -> None:
        page.session = replace(page.session, state=EdgeState.UNKNOWN, cause=why, since_us=at_us)
        rows.events.append(_event(node, None, EdgeEventKind.UNKNOWN, why, at_us))
        rows.sessions[node] = page.session


def _may_have_spoken(page: _Page, bd_seq: int | None) -> bool:
    """Whether a node may have spoken while nobody listened, now that it is born.

    One that was dead before, says nothing until its birth, and counts its connections on by one, has not.
    """
    was = page.session
    follows = was.bd_seq is not None and (bd_seq == was.bd_seq + 1 or (was.bd_seq, bd_seq) == (LAST_BDSEQ, 0))
    return page.spoke_unborn or was.state is not EdgeState.OFFLINE or not follows


def _new_page(received_us: int) -> _Page:
    session = EdgeSession(
        state=EdgeState.UNKNOWN,
        cause="never born",
        since_us=received_us,
        bd_seq=None,
        last_seq=None,
        born_us=None,
        heard_us=received_us,
    )
    return _Page(session=session, processed_us=received_us)


def _event(node: NodeName, device: str | None, kind: EdgeEventKind, note: str, time_us: int) -> EdgeEvent:
    return EdgeEvent(node=node, device=device, kind=kind, note=note, time_us=time_us)


def _signed(bd_seq: int | None) -> int | None:
    """As 64 bits of a database hold it: only equality counts."""
    return None if bd_seq is None else (bd_seq + 2**63) % 2**64 - 2**63
