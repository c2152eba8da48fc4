"""`make bench-faults`: status 0 only if every message that was published is accounted for."""

import argparse
import json
import sys
from pathlib import Path

from tests.bench.campaign.faults import draw
from tests.bench.campaign.run import campaign
from tests.bench.campaign.table import figures, table
from tests.bench.report import report


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the faults and what is said depend on it (1)")
    parser.add_argument("--faults", type=int, default=100, help="how many (100)")
    parser.add_argument("--minutes", type=float, default=0.0, help="spread them over at least so many minutes (0)")
    parser.add_argument("--workers", type=int, default=1, help="how many ingest processes share the topics (1)")
    parser.add_argument("--report", type=Path, default=Path("var/bench"), help="a directory for faults.md, faults.json")
    asked = parser.parse_args()
    done = campaign(draw(asked.seed, asked.faults), seed=asked.seed, workers=asked.workers, minutes=asked.minutes)
    told = {"seed": asked.seed, "workers": asked.workers} | figures(done)
    asked.report.mkdir(parents=True, exist_ok=True)
    (asked.report / "faults.md").write_text(table(told), encoding="utf-8")
    (asked.report / "faults.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    sys.stderr.write(table(told))
    report("faults", **told)
    return 1 if done.account.problems else 0


sys.exit(main())
