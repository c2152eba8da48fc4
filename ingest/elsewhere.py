"""What the session of the rest gets besides its own: the broker sends it every message, the partitions' too."""

from collections.abc import Sequence

from ingest.inbox import Delivery
from ingest.partitions import Partition

MOST_TOPICS = 10_000  # remembered


class Elsewhere:
    """Tells apart what other sessions get as well. One thread states, another settles and splits."""

    def __init__(self) -> None:
        self._stated: tuple[Partition, ...] = ()
        self._settled: tuple[Partition, ...] = ()
        self._of_others: dict[str, bool] = {}

    def state(self, partitions: Sequence[Partition]) -> None:
        """Partitions for which the broker holds a session with its subscriptions."""
        self._stated = tuple(partitions)

    def settle(self, *, sure: bool) -> None:
        """From now on what belongs to the stated partitions is theirs: it was published while they had a session.

        Only when this is sure. What was published before lies in no session but that of the rest.
        """
        if self._stated is not self._settled and (sure or not self._stated):
            self._settled = self._stated
            self._of_others = {}

    def split(self, deliveries: list[Delivery]) -> tuple[list[Delivery], list[Delivery]]:
        """One's own, and what others get."""
        if not self._settled:
            return deliveries, []
        mine: list[Delivery] = []
        others: list[Delivery] = []
        for delivery in deliveries:
            (others if self._is_of_others(delivery.topic) else mine).append(delivery)
        return mine, others

    def _is_of_others(self, topic: str) -> bool:
        known = self._of_others.get(topic)
        if known is None:
            if len(self._of_others) >= MOST_TOPICS:
                self._of_others = {}
            known = self._of_others[topic] = any(partition.holds(topic) for partition in self._settled)
        return known
