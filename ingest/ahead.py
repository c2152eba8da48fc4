"""Decode the next deliveries while the ones before them are being committed: a batch ahead, never more.

Decoding, sealing and ordering is this process's work and committing mostly the database's, so the two overlap. Nothing
is decided here: what could not be decoded ahead (the store is away) is handed on undecoded, and the pipeline decodes it
when it commits.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import structlog

from ingest.decode import Decoder
from ingest.inbox import Delivery, Inbox
from store.commit import Prepared, prepare
from store.draft import Draft
from store.errors import StoreUnavailable

LOOK_UP_S = 0.2

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Deliveries in arrival order, and what they say, unless that is still to be found out."""

    deliveries: Sequence[Delivery]
    draft: Draft | None = None
    prepared: Prepared | None = None  # the draft


NOTHING = Batch(deliveries=())


class DecodeAhead:
    """A thread between the inbox and the pipeline. Its directory has a connection of its own."""

    def __init__(self, inbox: Inbox, *, open_decoder: Callable[[], Decoder], most_messages: int) -> None:
        """`open_decoder` raises StoreUnavailable."""
        self._inbox = inbox
        self._open_decoder = open_decoder
        self._most_messages = most_messages
        self._decoder: Decoder | None = None
        self._batches: queue.Queue[Batch] = queue.Queue(maxsize=1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decode", daemon=True)

    def __enter__(self) -> Self:
        """Begin to decode."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; what was taken and not handed on is not acknowledged and comes again."""
        self._stopping.set()
        self._thread.join()
        self._drop_decoder()

    def take(self, *, within_s: float) -> Batch:
        """The next batch; an empty one when none came in time."""
        try:
            return self._batches.get(timeout=within_s)
        except queue.Empty:
            return NOTHING

    def _run(self) -> None:
        while not self._stopping.is_set():
            deliveries = self._inbox.take(self._most_messages, within_s=LOOK_UP_S)
            if deliveries:
                self._hand_on(self._decode(deliveries))

    def _decode(self, deliveries: Sequence[Delivery]) -> Batch:
        try:
            self._decoder = self._decoder or self._open_decoder()
            draft = self._decoder.draft(deliveries)
            return Batch(deliveries=deliveries, draft=draft, prepared=prepare(draft))
        except StoreUnavailable:
            self._drop_decoder()
        except Exception:
            log.exception("could not decode ahead")  # the pipeline meets the same error and decides
            self._drop_decoder()
        return Batch(deliveries=deliveries)

    def _hand_on(self, batch: Batch) -> None:
        while not self._stopping.is_set():
            try:
                self._batches.put(batch, timeout=LOOK_UP_S)
            except queue.Full:
                continue
            return

    def _drop_decoder(self) -> None:
        if self._decoder is not None:
            self._decoder.connection.close()
            self._decoder = None
