"""`python -m batchwitness …`: the same as the command `batchwitness`."""

from batchwitness.cli import app

app(prog_name="batchwitness")
