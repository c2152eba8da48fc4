"""When to ask one edge node for its births again: once at a time, and less and less often while that does not help."""

import hashlib
from dataclasses import dataclass, field

from ingest.sparkplug.effects import RebirthReason, RequestRebirth
from ingest.sparkplug.topic import EdgeNode
from store.model.times import US_PER_S

# After the first request, the second … as long as none is answered by an NBIRTH, or the next birth is no better.
WAITS_S = (10, 30, 60, 120, 300, 600)
JITTER = 0.1  # of a wait, so that the edge nodes of a site are not asked in step


@dataclass(slots=True)
class RebirthRequests:
    """The outstanding request of one edge node, if there is one."""

    edge_node: EdgeNode
    reasons: dict[RebirthReason, None] = field(default_factory=dict)  # in the order they came up
    due_us: int | None = None
    attempts: int = 0
    sent_us: int | None = None

    @property
    def outstanding(self) -> bool:
        """Whether an NBIRTH would be an answer."""
        return bool(self.reasons) and self.attempts > 0

    @property
    def exhausted(self) -> bool:
        """Whether the longest wait is reached."""
        return self.attempts >= len(WAITS_S)

    def ask(self, reason: RebirthReason, now_us: int) -> None:
        """There is a reason to ask; whether now or later follows from what was asked before."""
        self.reasons[reason] = None
        if self.due_us is not None:
            return
        if self.sent_us is not None and now_us - self.sent_us > WAITS_S[-1] * US_PER_S:
            self.attempts = 0
        self.due_us = now_us if self.sent_us is None else max(now_us, self.sent_us + self._wait_us())

    def take(self, now_us: int, *, again: bool) -> RequestRebirth | None:
        """The request to publish now, if one is due; `again`: and another one later unless it is answered."""
        if self.due_us is None or self.due_us > now_us:
            return None
        self.attempts += 1
        self.sent_us = now_us
        self.due_us = now_us + self._wait_us() if again else None
        return RequestRebirth(edge_node=self.edge_node, reasons=tuple(self.reasons), attempt=self.attempts)

    def answered(self) -> None:
        """An NBIRTH came. When that did not help, the next request waits as long as a repeated one would."""
        self.reasons.clear()
        self.due_us = None

    def start_over(self) -> None:
        """The session it was about is over: what comes next is no repetition."""
        self.answered()
        self.attempts = 0

    def _wait_us(self) -> int:
        wait_s = WAITS_S[min(max(self.attempts, 1), len(WAITS_S)) - 1]
        drawn = hashlib.sha256(f"{self.edge_node}/{self.attempts}".encode()).digest()  # the same in every run
        spread = int.from_bytes(drawn[:4]) / 2**32  # 0 to 1
        return int(wait_s * US_PER_S * (1 + JITTER * (2 * spread - 1)))
