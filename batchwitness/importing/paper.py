"""Take readings that people wrote down into a draft, each with who typed it in, who checked it and from which page.

Where two people typed the record in apart from each other, what they agree on is stored and what they do not agree on
is put aside, never averaged. A third person's decision, in the columns of adjudication, is stored as such.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchwitness.importing.fault import Fault
from batchwitness.importing.mapping import FileMapping
from batchwitness.importing.readings import Taken, column_of, put
from batchwitness.importing.rows import Chunk
from batchwitness.importing.targets import Target, Targets
from batchwitness.importing.times import TimeReader
from batchwitness.importing.understood import FirstRows, reading_meaning
from batchwitness.importing.values import ValueReader
from store.draft import Draft
from store.errors import InputInvalid, PayloadRejected
from store.fields import EARLIEST_US, shown, text, within_window
from store.model.manual import EntryCheck, EntryDisagreement, ManualEntry
from store.model.reading import Quality
from store.model.times import US_PER_S

REQUIRED = ("time", "tag", "value", "entered_by", "entered_at")
OPTIONAL = ("unit", "position", "quality", "second_value", "second_by", "second_at", "verified_by", "verified_at",
            "adjudicated_value", "adjudicated_by", "adjudicated_at", "page_image", "page_sha256")  # fmt: skip

Fields = Mapping[str, str]  # by field, stripped; absent columns are empty


class PaperReader:
    """The paper record of one file."""

    def __init__(self, headings: Sequence[str], mapping: FileMapping, targets: Targets, pages: Path) -> None:
        """`pages` is the directory of the page images. Raises InputInvalid for missing columns."""
        if mapping.time_resolution_s is None:
            raise InputInvalid("time_resolution_s is missing: how finely was the clock read?")
        self._time_resolution_s = mapping.time_resolution_s
        self._columns = {field: column_of(headings, mapping, field) for field in REQUIRED}
        present = [field for field in OPTIONAL if mapping.heading(field) in headings or field in mapping.columns]
        self._columns |= {field: column_of(headings, mapping, field) for field in present}
        self._mapping = mapping
        self._targets = targets
        self._times = TimeReader(mapping)
        self._values = ValueReader(mapping)
        self._pages = pages
        self.first = FirstRows()
        self._digests: dict[str, bytes | None] = {}
        self._at = "time"  # the field that is being read

    def take(self, draft: Draft, entry: int, chunk: Chunk) -> Taken:
        """Take a chunk whose bytes are an entry of the draft. Raises StoreUnavailable only."""
        taken = Taken(rows=len(chunk.rows) + len(chunk.broken))
        taken.faults += [broken.fault() for broken in chunk.broken]
        for line, row in zip(chunk.lines, chunk.rows, strict=True):
            fields = dict.fromkeys((*REQUIRED, *OPTIONAL), "")
            for field, column in self._columns.items():
                fields[field] = "" if row[column] is None else str(row[column]).strip()
            try:
                self._take(draft, entry, line, fields, taken)
            except PayloadRejected as rejection:
                taken.faults.append(
                    Fault(
                        line=line,
                        column=self._mapping.heading(self._at),
                        value=fields[self._at],
                        code=rejection.code,
                        reason=rejection.reason,
                    )
                )
        return taken

    def _take(self, draft: Draft, entry: int, line: int, fields: Fields, taken: Taken) -> None:
        self._at = "tag"
        target = self._targets.find(fields["tag"], unit=fields["unit"], position=fields["position"])
        if target is None:
            taken.skipped += 1
            return
        received_us = draft.entries[entry].received_us
        source_us = within_window(
            self._instant(fields, "time"), "time", earliest_us=target.unit.commissioned_us, received_us=received_us
        )
        value, second = self._number(fields, "value"), self._number(fields, "second_value")
        if value is None and second is None:
            taken.empty += 1
            return
        checked, by = self._checked(fields, value, second)
        if checked is EntryCheck.ADJUDICATED:
            taken.disagreements.append((entry, _disagreement(target, source_us, fields)))
            if not fields["adjudicated_value"]:
                self._at = "second_value" if fields["value"] else "value"
                raise _put_aside(fields)
            value = self._number(fields, "adjudicated_value")
        if value is None:
            raise PayloadRejected("null_value", "the value is missing")
        self._at = "entered_by"
        entered_by = text(fields, "entered_by")
        entered_us = self._after(fields, "entered_at", source_us, received_us)
        checked_by, checked_us = self._second_person(fields, by, source_us, received_us)
        page, digest = self._page(fields)
        quality = self._quality(fields)
        written = fields["adjudicated_value"] if checked is EntryCheck.ADJUDICATED else fields["value"]
        stored, quality = put(draft, entry, target, source_us, value, quality)
        taken.readings += 1
        if self.first.wanted:
            source = " | ".join(fields[field] for field in ("time", "tag", "value", "second_value") if fields[field])
            meaning = reading_meaning(target.place, source_us, stored, target.unit_of_measure, quality)
            self.first.add(line, source, f"{meaning}, {checked.replace('_', ' ')}, page {page or 'not named'}")
        taken.entries.append(
            (
                entry,
                ManualEntry(
                    tag_id=target.tag.tag_id,
                    source_time_us=source_us,
                    value=stored,
                    value_text=written,
                    capture_mode=self._mapping.capture_mode,
                    checked=checked,
                    entered_by=entered_by,
                    entered_at_us=entered_us,
                    checked_by=checked_by,
                    checked_at_us=checked_us,
                    page_image=page,
                    page_digest=digest,
                    time_resolution_s=self._time_resolution_s,
                    value_resolution=self._value_resolution(target, written),
                ),
            )
        )

    def _checked(self, fields: Fields, value: float | None, second: float | None) -> tuple[EntryCheck, str]:
        """What protects the value, and the beginning of the columns that say who checked it."""
        if "second_value" in self._columns:
            if fields["entered_by"] and fields["second_by"]:
                self._apart(fields, "entered_by", "second_by")
            return (EntryCheck.DOUBLE_ENTRY, "second") if value == second else (EntryCheck.ADJUDICATED, "adjudicated")
        return (EntryCheck.SECOND_PERSON, "verified") if fields["verified_by"] else (EntryCheck.UNCHECKED, "")

    def _second_person(
        self, fields: Fields, by: str, source_us: int, received_us: int
    ) -> tuple[str | None, int | None]:
        if not by:
            return None, None
        self._at = f"{by}_by"
        checked_by = text(fields, self._at)
        self._apart(fields, "entered_by", self._at)
        if by == "adjudicated":
            self._apart(fields, "second_by", self._at)
        at = f"{by}_at"
        return checked_by, self._after(fields, at, source_us, received_us) if fields[at] else None

    def _apart(self, fields: Fields, one: str, other: str) -> None:
        """Whoever checks is somebody else."""
        if fields[one].casefold() == fields[other].casefold():
            self._at = other
            raise PayloadRejected("same_person", f"{one} and {other} are both {shown(fields[other])}")

    def _number(self, fields: Fields, field: str) -> float | None:
        self._at = field
        return self._values.read(fields[field])

    def _quality(self, fields: Fields) -> Quality:
        self._at = "quality"
        return self._values.quality(fields["quality"])

    def _instant(self, fields: Fields, field: str) -> int:
        self._at = field
        return self._times.read(fields[field])

    def _after(self, fields: Fields, field: str, source_us: int, received_us: int) -> int:
        """A time at which something was done with what had been written down before."""
        us = within_window(self._instant(fields, field), field, earliest_us=EARLIEST_US, received_us=received_us)
        if us + self._time_resolution_s * US_PER_S < source_us:
            raise PayloadRejected(
                "entered_before_taken", f"{field} {shown(fields[field])} lies before time {shown(fields['time'])}"
            )
        return us

    def _page(self, fields: Fields) -> tuple[str | None, bytes | None]:
        """The page's name and the digest of its image, None where the image is not there."""
        self._at = "page_image"
        name, stated = fields["page_image"], fields["page_sha256"]
        if not name:
            return None, None
        text(fields, "page_image")
        if name not in self._digests:
            self._digests[name] = _digest(self._pages, name)
        digest = self._digests[name]
        if stated and digest is not None and digest.hex() != stated.lower():
            self._at = "page_sha256"
            raise PayloadRejected("page_differs", f"the image {shown(name)} has SHA-256 {digest.hex()}")
        return name, digest

    def _value_resolution(self, target: Target, written: str) -> float | None:
        """Of the display, in the tag's unit of measure: what the mapping says, else the last place written down."""
        resolution = target.value_resolution
        if resolution is None:
            _, _, places = written.partition(self._mapping.decimal)
            resolution = float(f"1e-{len(places)}") if places.isdigit() or not places else None
        if resolution is None or target.convert is None:
            return resolution
        return resolution * target.convert.times / target.convert.over


def _put_aside(fields: Fields) -> PayloadRejected:
    if fields["value"] and fields["second_value"]:
        return PayloadRejected(
            "entries_disagree",
            f"{shown(fields['value'])} by {fields['entered_by']}, {shown(fields['second_value'])} by "
            f"{fields['second_by']}: a third person has to look at the page",
        )
    present, by = ("value", "entered_by") if fields["value"] else ("second_value", "second_by")
    return PayloadRejected("entry_missing", f"only {fields[by]} entered something here: {shown(fields[present])}")


def _disagreement(target: Target, source_us: int, fields: Fields) -> EntryDisagreement:
    return EntryDisagreement(
        tag_id=target.tag.tag_id,
        source_time_us=source_us,
        first_text=fields["value"],
        first_by=fields["entered_by"],
        second_text=fields["second_value"],
        second_by=fields["second_by"],
    )


def _digest(pages: Path, name: str) -> bytes | None:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise PayloadRejected("bad_text", f"page_image {shown(name)} leads out of the directory")
    try:
        with (pages / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return None
