"""Which database a command works on: the one PG* names, or the embedded one under a directory."""

import os
from pathlib import Path

from batchwitness.embedded.stack import embedded_dsn


def dsn(var: Path, role: str) -> str:
    """Settings of libpq win; otherwise the embedded database under `var`, as batchwitness_<role>."""
    if "PGHOST" in os.environ or "PGSERVICE" in os.environ:
        return ""
    return embedded_dsn(var, f"batchwitness_{role}")
