"""The Sparkplug host as a process that does not wait as long as a plant would want it to."""

import os
import sys
from pathlib import Path

from ingest.sparkplug.host import Patience
from ingest.sparkplug.main import run
from store.model.times import US_PER_S

SOON = Patience(lease_s=3.0, offline_after_s=1.5, renew_every_s=0.5, quiet_us=US_PER_S // 2)


if __name__ == "__main__":
    sys.exit(run(Path(os.environ["BATCHWITNESS_READY_FILE"]).touch, patience=SOON))
