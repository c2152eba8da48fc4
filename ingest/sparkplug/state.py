"""The rules of STATE: what this host says of itself at a server, and what it does when it hears its own name there.

`spBv1.0/STATE/<host_id>` carries {"online": bool, "timestamp": T}, QoS 1, retained. T belongs to one CONNECT: the will
and the birth of that connection carry the same, because edge nodes ignore a death that is older than the birth they
honoured. Whatever makes T too old is therefore answered by a new CONNECT, never by a newer birth.
"""

import json
from dataclasses import dataclass
from enum import Enum

MS_PER_S = 1000
# A clock may be behind that of the host before us by so much; a time further ahead is somebody's fault, and following
# it would carry the fault on.
MOST_AHEAD_MS = 10 * 60 * MS_PER_S


class Answer(Enum):
    """What to do about a STATE message under our own name."""

    NOTHING = "nothing"
    REPUBLISH = "republish"  # the birth again, with the same T
    RECONNECT = "reconnect"  # a newer T is honoured out there: only a new CONNECT brings a newer will


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a STATE message says."""

    online: bool
    timestamp_ms: int


class HostState:
    """What is true of our STATE at one server, over all connections to it."""

    def __init__(self) -> None:
        self._timestamp_ms = 0  # T of the newest CONNECT
        self._newest_ms = 0  # that nodes may have honoured under our name
        self._absurd_ms = 0  # beyond what can be followed
        self._online = False
        self._left = False  # took the birth of this connection back

    @property
    def timestamp_ms(self) -> int:
        """T of the newest CONNECT."""
        return self._timestamp_ms

    @property
    def online(self) -> bool:
        """Whether the birth of this connection was published and not taken back."""
        return self._online

    @property
    def absurd_ms(self) -> int:
        """The newest time under our name that is too far ahead to be followed; nodes that honoured it ignore us."""
        return self._absurd_ms

    def connecting(self, now_ms: int) -> Statement:
        """The will of a new CONNECT. T is now, or just after what nodes have honoured when a clock was set back."""
        self._online = self._left = False
        self._timestamp_ms = self._newest_ms = max(now_ms, self._newest_ms + 1)
        return Statement(online=False, timestamp_ms=self._timestamp_ms)

    def born(self) -> Statement:
        """The birth of this connection."""
        self._online = True
        return Statement(online=True, timestamp_ms=self._timestamp_ms)

    def leaving(self, now_ms: int) -> Statement:
        """A death before its time: the store cannot be written to, or the host stops. Never older than the birth."""
        self._online, self._left = False, True
        self._newest_ms = max(now_ms, self._timestamp_ms)
        return Statement(online=False, timestamp_ms=self._newest_ms)

    def lost(self) -> None:
        """The connection has ended without our doing."""
        self._online = False

    def heard(self, statement: Statement, *, retained: bool, now_ms: int) -> Answer:
        """What to do about a message under our own name, our own included.

        Retained messages come when we subscribe, before our birth: they only tell which T nodes have honoured.
        """
        absurd = statement.timestamp_ms - now_ms > MOST_AHEAD_MS
        newer = not absurd and statement.timestamp_ms > self._timestamp_ms
        if absurd:
            self._absurd_ms = max(self._absurd_ms, statement.timestamp_ms)
        else:
            self._newest_ms = max(self._newest_ms, statement.timestamp_ms)
        if newer and not self._left:
            return Answer.RECONNECT
        echo = statement.online and statement.timestamp_ms == self._timestamp_ms
        if retained or not self._online or echo:
            return Answer.NOTHING
        # A late will of an earlier connection, or somebody else's mistake: what is retained there now is not true.
        return Answer.REPUBLISH


def encode(statement: Statement) -> bytes:
    """The payload of a STATE message.

    >>> encode(Statement(online=True, timestamp_ms=1795341600000))
    b'{"online":true,"timestamp":1795341600000}'
    """
    return json.dumps({"online": statement.online, "timestamp": statement.timestamp_ms}, separators=(",", ":")).encode()


def decode(payload: bytes) -> Statement | None:
    """What a payload says, None when it is not the JSON of a STATE message.

    >>> decode(b'{"online":false,"timestamp":7}')
    Statement(online=False, timestamp_ms=7)
    >>> decode(b'OFFLINE') is None
    True
    """
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    online, timestamp = said.get("online"), said.get("timestamp")
    if not isinstance(online, bool) or not isinstance(timestamp, int) or isinstance(timestamp, bool):
        return None
    return Statement(online=online, timestamp_ms=timestamp) if 0 <= timestamp < 2**63 else None
