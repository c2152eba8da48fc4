"""Readings that people wrote down, and how they came from paper into the record."""

from dataclasses import dataclass
from enum import StrEnum

from store.model.ids import TagId
from store.model.plant import CaptureMode


class EntryCheck(StrEnum):
    """What protects a value against a slip of the hand that typed it in."""

    UNCHECKED = "unchecked"
    DOUBLE_ENTRY = "double_entry"  # two people typed it in apart from each other, and agree
    SECOND_PERSON = "second_person"  # a second person compared it with the page
    ADJUDICATED = "adjudicated"  # two people disagreed, and a third one decided


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualEntry:
    """How one reading that a person wrote down came into the record."""

    tag_id: TagId
    source_time_us: int
    value: float  # as stored, in the tag's unit of measure
    value_text: str  # as written down
    capture_mode: CaptureMode  # automatic: an instrument printed it, a person typed the printout in
    checked: EntryCheck
    entered_by: str
    entered_at_us: int
    checked_by: str | None  # never the one who entered it
    checked_at_us: int | None
    page_image: str | None  # name of the file
    page_digest: bytes | None  # SHA-256 of it
    time_resolution_s: float  # of the clock that was read
    value_resolution: float | None  # of the display that was read, in the tag's unit of measure


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDisagreement:
    """Two entries of one place on a page that are not the same; empty where one of them is missing."""

    tag_id: TagId
    source_time_us: int
    first_text: str
    first_by: str
    second_text: str
    second_by: str
