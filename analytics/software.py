"""The version every score and alert is signed with."""

from functools import cache
from importlib.metadata import version


@cache
def software() -> str:
    """Name and version of this software, as stored with monitors and alerts."""
    return f"batchwitness {version('batchwitness')}"
