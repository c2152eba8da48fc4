"""What is written down of where metrics lead: once, and again when it changes."""

from collections import Counter
from dataclasses import dataclass, field

from store.edge_nodes import DeviceName, EdgeMetric, EdgeRows, NodeName

MOST_TOLD = 200_000  # metrics that are remembered to have been written down; more than that are written again
MOST_NOWHERE = 1_000  # of an edge node, metrics that lead nowhere and are written down: nobody asked for them


@dataclass(slots=True)
class Leads:
    """Where each metric led when it was last written down, and the message that wrote it."""

    told: dict[tuple[DeviceName, str], tuple[EdgeMetric, int]] = field(default_factory=dict)
    nowhere: Counter[NodeName] = field(default_factory=Counter)

    def tell(
        self, rows: EdgeRows, device: DeviceName, name: str, metric: EdgeMetric, *, message: int, since_us: int
    ) -> None:
        """Where a metric led in a message; the rows of that message name it again when its draft is made again."""
        key = (device, name)
        known = self.told.get(key)
        if known is None or known[0] != metric:
            if metric.tag_id is None and known is None:
                if self.nowhere[device[:2]] >= MOST_NOWHERE:
                    return
                self.nowhere[device[:2]] += 1
            if len(self.told) >= MOST_TOLD:
                self.told.clear()
            known = self.told[key] = (metric, message)
        if known[1] == message:
            rows.metrics[key] = (metric, since_us)
