"""The statement of completeness in words that somebody can sign."""

from collections.abc import Sequence

from api.lags import Lags
from api.statement_tags import TagStatement
from store.model.completeness import GapCause


def sentences(total: TagStatement, tags: Sequence[TagStatement], lags: Lags, *, runs: bool, waiting: int) -> list[str]:
    """The statement in words that somebody can sign."""
    if not total.expected:
        nothing = "No tag of this batch owes readings at a known time: nothing can be said about what is missing."
        return [nothing, *_put_right(tags)]
    short = [tag.tag for tag in tags if tag.expected and tag.missed]
    beyond = f", {total.beyond:,} of these beyond what was owed" if total.beyond else ""
    there = total.expected - total.missed
    came = f"{total.on_time:,} readings came on time, {total.late:,} late, {total.imported:,} were imported{beyond}."
    so_far = " so far" if runs else ""
    said = [f"{total.expected:,} readings were owed{so_far}. {there:,} of them are in the record: {came}"]
    if total.missed:
        causes = [f"{count:,} {CAUSE_WORDS[cause]}" for cause, count in total.missing.items()]
        causes += [f"{total.slower:,} in no one gap, because a tag reported slower than its interval"] * bool(
            total.slower
        )
        said.append(f"{total.missed:,} are missing: {'; '.join(causes)}. Tags concerned: {', '.join(short)}.")
    else:
        said.append("Nothing that was owed is missing.")
    if total.not_owed:
        reasons = [f"{count:,} {CAUSE_WORDS[cause]}" for cause, count in total.not_owed.items()]
        said.append(f"Not owed, and not counted above: {'; '.join(reasons)}.")
    said.append(
        f"{total.repeated:,} readings came again unchanged, {total.conflicts:,} contradict the record, "
        f"{total.out_of_order:,} came after later ones, {total.bad:,} are of quality bad."
    )
    said += _wrong_intervals(tags)
    said += _put_right(tags)
    if lags.received is not None and lags.received.least_s < 0:
        said.append(
            f"A source's clock was ahead of ours by up to {-lags.received.least_s:.3f} s "
            f"({lags.received.negative:,} readings)."
        )
    if waiting:
        blocks = "1 block of the journal is" if waiting == 1 else f"{waiting:,} blocks of the journal are"
        said.append(f"Preliminary: {blocks} not counted yet.")
    return said


def _wrong_intervals(tags: Sequence[TagStatement]) -> list[str]:
    """One sentence for all tags of one mistake, in place of a gap a reading to read through."""
    mistakes: dict[tuple[float, str], list[str]] = {}
    for tag in tags:
        if tag.kept_interval_s is not None and tag.interval_s is not None:
            mistakes.setdefault((tag.interval_s, f"{tag.kept_interval_s:.3g}"), []).append(tag.tag)
    return [
        f"{', '.join(names)}: described as reporting every {described_s:g} s, came about every {kept_s} s. Correct the "
        "description if it is wrong; if it is right, find out what became of the rest."
        for (described_s, kept_s), names in mistakes.items()
    ]


def _put_right(tags: Sequence[TagStatement]) -> list[str]:
    corrected, invalidated = sum(tag.corrected for tag in tags), sum(tag.invalidated for tag in tags)
    if not corrected and not invalidated:
        return []
    how_many = f"{corrected:,} readings and invalidated {invalidated:,}"
    return [f"People corrected {how_many}: all of them are counted as they arrived."]


CAUSE_WORDS = {
    GapCause.OUT_OF_SERVICE: "while the tag was out of service",
    GapCause.CALIBRATION: "while it was being calibrated",
    GapCause.QUARANTINED: "arrived and were put aside",
    GapCause.BROKER_LOSS: "in messages the publisher numbered and that never came",
    GapCause.HOST_OFFLINE: "while this system could not listen or store",
    GapCause.EDGE_OFFLINE: "while everything of the unit or its publisher was silent",
    GapCause.TAG_SILENT: "while the tag alone was silent",
}
