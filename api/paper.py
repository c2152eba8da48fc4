"""What is known of the paper record of a batch: how it was typed in, checked, and how often two people disagreed."""

from dataclasses import fields

from psycopg import Connection
from pydantic import BaseModel

from analytics.methods.binomial import exact_interval
from api.database import Row
from store.manual_entries import PaperTold, tell_of_batch


class TranscriptionErrors(BaseModel):
    """The share of places on which two people who typed them in apart disagree, with its exact 95 % interval."""

    pairs: int
    disagreements: int
    share: float
    low: float
    high: float


class PaperRecord(BaseModel):
    """Readings that people wrote down. Delays run from the time on the page to the first typing in; seconds."""

    batch: str
    readings: int
    double_entry: int
    second_person: int
    adjudicated: int
    unchecked: int
    checked_share: float | None  # null without readings
    omissions: int  # places that only one of two people typed in
    unsettled: int  # disagreements and omissions that no third person has decided
    transcription_errors: TranscriptionErrors | None  # null where nothing was typed in twice
    entry_delay_median_s: float | None
    entry_delay_p95_s: float | None
    entry_delay_longest_s: float | None
    time_resolution_s: float | None  # the coarsest clock that was read
    pages: int
    pages_without_image: int


def read_paper(connection: Connection, made: Row) -> PaperRecord:
    """The paper record of a batch; all counts are 0 where it has none."""
    told = tell_of_batch(connection, made["batch_id"])
    stated = {field.name: getattr(told, field.name) for field in fields(PaperTold) if field.name != "disagreements"}
    return PaperRecord(
        batch=made["batch"],
        checked_share=(told.readings - told.unchecked) / told.readings if told.readings else None,
        transcription_errors=_errors(told),
        **stated,
    )


def _errors(told: PaperTold) -> TranscriptionErrors | None:
    if not told.pairs:
        return None
    low, high = exact_interval(told.disagreements, told.pairs)
    return TranscriptionErrors(
        pairs=told.pairs,
        disagreements=told.disagreements,
        share=told.disagreements / told.pairs,
        low=low,
        high=high,
    )
