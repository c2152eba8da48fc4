"""Everything that was refused, as a CSV file beside the summary: file, line, column, value, code, reason."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchwitness.importing.fault import Fault

HEADINGS = ("file", "line", "column", "value", "code", "reason")


class FaultsFile:
    """Written before the block that holds the rows is committed, so that no refused cell is in the record alone.

    What it says beyond the number of faults that the record counts belonged to a block that never was, and goes when
    the import goes on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0

    def begin(self, recorded: Mapping[str, int]) -> None:
        """Keep of each file the first so many faults, which belong to blocks in the record; drop all else."""
        kept = []
        left = dict(recorded)
        if self.path.exists():
            with self.path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    if left.get(row["file"], 0) > 0:
                        left[row["file"]] -= 1
                        kept.append([row[heading] for heading in HEADINGS])
        self.written = len(kept)
        if not kept:
            self.path.unlink(missing_ok=True)
            return
        new = self.path.with_suffix(".new")
        with new.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADINGS, *kept])
        new.replace(self.path)

    def add(self, name: str, faults: Sequence[Fault]) -> None:
        """Append what was refused of a file."""
        if not faults:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.writer(file)
            if file.tell() == 0:
                writer.writerow(HEADINGS)
            writer.writerows(
                (name, fault.line, fault.column, fault.value, fault.code, fault.reason) for fault in faults
            )
            file.flush()
            os.fsync(file.fileno())
        self.written += len(faults)
