# ruff: noqa: INP001 -- a script, run by its path
"""The health checks of our containers: exit 0 when the stage named as the argument does its work.

A process that exists proves nothing, so ingest, the Sparkplug host and analytics are asked through what they last
wrote, with the database role they have anyway, and the API through its own address.
"""

import os
import sys
import urllib.request
from pathlib import Path

import psycopg

WITHIN_S = 5


def healthy(stage: str) -> bool:
    """Whether `stage` (ingest, sparkplug, analytics or api) works.

    Raises psycopg.Error or OSError when it cannot be asked.
    """
    if stage == "api":
        port = os.environ.get("BATCHWITNESS_API_PORT", "8000")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=WITHIN_S) as answer:
            return bool(answer.status == 200)
    question = (Path(__file__).parent / f"{stage}.sql").read_bytes()
    with psycopg.connect("", connect_timeout=WITHIN_S) as connection:
        row = connection.execute(question).fetchone()
        return row is not None and row[0] is True


if __name__ == "__main__":
    sys.exit(0 if healthy(sys.argv[1]) else 1)
