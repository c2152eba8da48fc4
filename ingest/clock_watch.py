"""Notice that the host's clock jumped: it then moved by more, or less, than time did."""

import structlog
from prometheus_client import Counter, Gauge

from store.model.times import US_PER_S

JUMP_S = 1.0  # a clock that is set right in small steps stays below it

log = structlog.get_logger()
jumps_total = Counter("batchwitness_ingest_clock_jumps", "times the host's clock was set to another time")
jump_gauge = Gauge("batchwitness_ingest_clock_jump_seconds", "how far the host's clock went at the last jump")


class ClockWatch:
    """Compares the host's clock with one that nobody can set."""

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None

    def look(self, host_us: int, monotonic_s: float) -> float:
        """By how many seconds the host's clock jumped since the last look: forwards above 0, back below; 0: it did not.

        >>> watch = ClockWatch()
        >>> with structlog.testing.capture_logs():
        ...     [watch.look(5_000_000, 1.0), watch.look(6_000_000, 2.0), watch.look(3_607_000_000, 3.0)]
        [0.0, 0.0, 3600.0]
        """
        last, self._last = self._last, (host_us, monotonic_s)
        if last is None:
            return 0.0
        jumped_s = (host_us - last[0]) / US_PER_S - (monotonic_s - last[1])
        if abs(jumped_s) < JUMP_S:
            return 0.0
        jumps_total.inc()
        jump_gauge.set(jumped_s)
        log.warning("the host's clock jumped", by_s=jumped_s)
        return jumped_s
