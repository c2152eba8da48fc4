"""How long to wait before something that died is started again."""

FIRST_S = 0.5
LONGEST_S = 30.0
HEALTHY_AFTER_S = 60.0


class Backoff:
    """Doubles from FIRST_S to LONGEST_S with every death; what ran HEALTHY_AFTER_S begins at FIRST_S again.

    >>> backoff = Backoff()
    >>> [backoff.after(ran_s=1.0) for _ in range(8)]
    [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    >>> backoff.after(ran_s=60.0)
    0.5
    """

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def after(self, *, ran_s: float) -> float:
        """Seconds to wait after a death that came `ran_s` seconds after the start."""
        if ran_s >= HEALTHY_AFTER_S:
            self._next_s = FIRST_S
        wait_s = self._next_s
        self._next_s = min(2 * wait_s, LONGEST_S)
        return wait_s
