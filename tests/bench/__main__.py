"""`make bench`: every benchmark, or those named; one JSON object a line."""

import sys
from collections.abc import Callable

from tests.bench.alerting import bench_alerting
from tests.bench.alignment import bench_alignment
from tests.bench.detection import bench_detection
from tests.bench.fuzz.run import bench_fuzz
from tests.bench.importing import bench_importing
from tests.bench.ingestion import bench_ingest
from tests.bench.latency import bench_latency
from tests.bench.layers import bench_layers
from tests.bench.outage import bench_outage
from tests.bench.packing import bench_packing
from tests.bench.plant_alerts import bench_plant_alerts
from tests.bench.robustness import bench_robustness
from tests.bench.storage import bench_storage

BENCHMARKS: dict[str, Callable[[], None]] = {
    "ingest": bench_ingest,
    "detection": bench_detection,
    "layers": bench_layers,
    "fuzz": bench_fuzz,
    "importing": bench_importing,
    "latency": bench_latency,
    "alerting": bench_alerting,
    "outage": bench_outage,
    "storage": bench_storage,
    "packing": bench_packing,
    "plant_alerts": bench_plant_alerts,
    "robustness": bench_robustness,
    "alignment": bench_alignment,
}


def main() -> int:
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.stderr.write(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}\n")
        return 2
    for name in names:
        BENCHMARKS[name]()
    return 0


sys.exit(main())
