"""Write what a block says of Sparkplug's edge nodes: sessions, devices, losses, and whom they speak for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import psycopg

from store.errors import translated
from store.model.edge import EdgeEventKind, EdgeGapCause, EdgeState, LedBy
from store.model.ids import TagId, UnitId
from store.model.times import from_us, to_us
from store.sql import queries

NodeName = tuple[str, str]  # group, node: unique at one server
DeviceName = tuple[str, str, str]  # group, node, device; device "" where the node itself is meant


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSession:
    """Where the session of a node stands."""

    state: EdgeState
    cause: str  # of the state
    since_us: int
    bd_seq: int | None  # of the birth; None: it had none, or there was none
    last_seq: int | None  # 0 to 255, of the newest message taken in order
    born_us: int | None  # receipt of the newest birth
    heard_us: int  # receipt of the newest message


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeEvent:
    """One change of a session."""

    node: NodeName
    device: str | None  # None: of the node itself
    kind: EdgeEventKind
    note: str
    time_us: int  # from when it holds


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeGap:
    """Messages of a node that are lost, or must be feared to be."""

    node: NodeName
    cause: EdgeGapCause
    first_seq: int | None = None
    last_seq: int | None = None
    messages: int | None  # None: nobody knows how many
    from_us: int  # receipt of the last message before
    until_us: int  # receipt of the first message after


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeMetric:
    """Where a metric leads: to a tag, by the table or by the rule, or nowhere, and why."""

    tag_id: TagId | None
    led_by: LedBy | None
    why: str | None


@dataclass(slots=True)
class EdgeRows:
    """What one block says of the edge nodes of one server; whoever is named in it has a session in `sessions`."""

    server: str = ""  # "host:port"
    sessions: dict[NodeName, EdgeSession] = field(default_factory=dict)
    devices: dict[DeviceName, tuple[EdgeState, int]] = field(default_factory=dict)  # state, since_us
    units: set[tuple[DeviceName, UnitId]] = field(default_factory=set)
    metrics: dict[tuple[DeviceName, str], tuple[EdgeMetric, int]] = field(default_factory=dict)  # since_us
    events: list[EdgeEvent] = field(default_factory=list)
    gaps: list[EdgeGap] = field(default_factory=list)
    filled: list[tuple[NodeName, int]] = field(default_factory=list)  # numbers of a gap that came after all

    born: set[NodeName] = field(default_factory=set)  # what is not in `devices` of them has to be born again

    def birth(self, node: NodeName) -> None:
        """A node was born: what was said of its devices before counts no more."""
        self.born.add(node)
        self.devices = {device: state for device, state in self.devices.items() if device[:2] != node}

    def add(self, later: "EdgeRows") -> None:
        """Take what happened later at the same server."""
        for node in later.born:
            self.birth(node)
        self.server = later.server
        self.sessions |= later.sessions
        self.devices |= later.devices
        self.units |= later.units
        self.metrics |= later.metrics
        self.events += later.events
        self.gaps += later.gaps
        self.filled += later.filled


def write_edge_rows(cursor: psycopg.Cursor, rows: EdgeRows, *, chain_id: int, seq: int) -> None:
    """Write them in the caller's transaction."""
    sql = queries("edge_node")
    ids = {node: _write_session(cursor, rows.server, node, session) for node, session in rows.sessions.items()}
    _each(cursor, sql["reset_devices"], [{"edge_node_id": ids[node]} for node in rows.born])
    block = {"chain_id": chain_id, "block_seq": seq}
    _each(
        cursor,
        sql["set_device"],
        [
            {"edge_node_id": ids[group, node], "device": device, "state": state, "since": from_us(since_us)}
            for (group, node, device), (state, since_us) in rows.devices.items()
        ],
    )
    _each(
        cursor,
        sql["add_unit"],
        [
            {"edge_node_id": ids[group, node], "device": device, "unit_id": unit_id}
            for (group, node, device), unit_id in sorted(rows.units)
        ],
    )
    _each(
        cursor,
        sql["set_metric"],
        [
            {
                "edge_node_id": ids[group, node],
                "device": device,
                "metric": name,
                "tag_id": metric.tag_id,
                "led_by": metric.led_by,
                "why": metric.why,
                "since": from_us(since_us),
            }
            for ((group, node, device), name), (metric, since_us) in sorted(rows.metrics.items(), key=itemgetter(0))
        ],
    )
    _each(
        cursor,
        sql["insert_event"],
        [
            block
            | {
                "edge_node_id": ids[event.node],
                "device": event.device,
                "kind": event.kind,
                "note": event.note,
                "time": from_us(event.time_us),
            }
            for event in rows.events
        ],
    )
    _each(
        cursor,
        sql["insert_gap"],
        [
            block
            | {
                "edge_node_id": ids[gap.node],
                "cause": gap.cause,
                "first_seq": gap.first_seq,
                "last_seq": gap.last_seq,
                "messages": gap.messages,
                "from_time": from_us(gap.from_us),
                "until_time": from_us(gap.until_us),
            }
            for gap in rows.gaps
        ],
    )
    _each(cursor, sql["fill_gap"], [{"edge_node_id": ids[node], "seq": number} for node, number in rows.filled])


def read_sessions(connection: psycopg.Connection, server: str) -> dict[NodeName, EdgeSession]:
    """The sessions at a server as the last block left them. Raises StoreUnavailable."""
    with translated():
        return {
            (group, node): EdgeSession(
                state=EdgeState(state),
                cause=cause,
                since_us=to_us(since),
                bd_seq=bd_seq,
                last_seq=last_seq,
                born_us=None if born is None else to_us(born),
                heard_us=to_us(heard),
            )
            for group, node, state, cause, since, bd_seq, last_seq, born, heard in connection.execute(
                queries("edge_node")["sessions"], {"server": server}
            )
        }


def alive_until_us(connection: psycopg.Connection, *, chain_id: int, seq: int) -> int | None:
    """Until when a chain's holders are known to have listened, by its last block `seq`; None before the first."""
    with translated():
        row = connection.execute(queries("edge_node")["alive_until"], {"chain_id": chain_id, "seq": seq}).fetchone()
    return None if row is None else to_us(row[0])


def _write_session(cursor: psycopg.Cursor, server: str, node: NodeName, session: EdgeSession) -> int:
    row = cursor.execute(
        queries("edge_node")["set_session"],
        {
            "server": server,
            "edge_group": node[0],
            "node": node[1],
            "state": session.state,
            "cause": session.cause,
            "since": from_us(session.since_us),
            "bd_seq": session.bd_seq,
            "last_seq": session.last_seq,
            "born_time": None if session.born_us is None else from_us(session.born_us),
            "heard_time": from_us(session.heard_us),
        },
    ).fetchone()
    assert row is not None
    edge_node_id: int = row[0]
    return edge_node_id


def _each(cursor: psycopg.Cursor, sql: Any, rows: list[Mapping[str, object]]) -> None:
    if rows:
        cursor.executemany(sql, rows)
