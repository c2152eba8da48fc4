"""One JSON object a line."""

import json
import sys


def report(bench: str, **figures: object) -> None:
    """Print one line and flush it, so that a long run can be watched."""
    sys.stdout.write(json.dumps({"bench": bench} | figures) + "\n")
    sys.stdout.flush()
