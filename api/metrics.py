"""What Prometheus reads: gauges of the record and of this process, made anew for every scrape."""

from collections.abc import Iterator, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api.database import Pool

SENTENCES = {
    "batches_running": "Batches that run",
    "alerts_raised": "Alerts nobody has acknowledged",
    "quarantined": "Items in quarantine",
    "results_overdue": "Lines of sampling plans whose final result is overdue by the plant's clock",
    "gaps_open": "Sequence gaps that were not filled",
    "blocks": "Blocks in the journal",
    "analytics_lag_blocks": "Blocks analytics has not worked off",
    "tick_age_seconds": "Host seconds since the newest tick of ingest",
}


def exposition(values: Mapping[str, float | None], pool: Pool) -> tuple[bytes, str]:
    """The text and its media type; a value nobody knows is left out."""
    registry = CollectorRegistry()
    registry.register(_Values(values, pool))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Values(Collector):
    def __init__(self, values: Mapping[str, float | None], pool: Pool) -> None:
        self._values = values
        self._pool = pool

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, sentence in SENTENCES.items():
            value = self._values.get(name)
            if value is not None:
                yield GaugeMetricFamily(f"batchwitness_{name}", sentence, value=float(value))
        for name, number in self._pool.get_stats().items():
            yield GaugeMetricFamily(f"batchwitness_api_{name}", f"Connection pool: {name}", value=float(number))
