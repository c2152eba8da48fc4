"""What became of the files of a directory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from store.imports import Counts
from store.manual_entries import PaperTold


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOutcome:
    """What became of one file, earlier runs included."""

    name: str
    counts: Counts
    known_since: datetime | None  # its content had been read to its end before
    known_as: str  # the name under which its content was read first
    other_content: datetime | None  # when a file of this name was imported with other content


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a directory."""

    files: Sequence[FileOutcome]
    changed: bool  # something was written
    paper: PaperTold | None  # of the files that are paper records
    finished: bool  # False: told to stop before the end

    @property
    def counts(self) -> Counts:
        """Of all files."""
        return sum((file.counts for file in self.files), Counts())
