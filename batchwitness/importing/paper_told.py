"""What a paper record is worth, in sentences for a person."""

from analytics.methods.binomial import exact_interval
from store.manual_entries import PaperTold


def paper_sentences(told: PaperTold) -> str:
    """Three lines: what was read and checked, how often two people disagreed, how late it was typed in."""
    low, high = exact_interval(told.disagreements, told.pairs)
    record = (
        f"paper: {told.readings:,} readings, {told.readings - told.unchecked:,} checked: {told.double_entry:,} by "
        f"double entry, {told.second_person:,} by a second person, {told.adjudicated:,} decided by a third; "
        f"{told.pages:,} pages, {told.pages_without_image:,} of them without their image"
    )
    slips = "transcription: nothing was typed in twice"
    delay = "entry delay: nothing was typed in"
    if told.pairs:
        slips = (
            f"transcription: {told.disagreements:,} of {told.pairs:,} pairs of entries disagree, "
            f"{told.disagreements / told.pairs:.2%} (95 % interval {low:.2%} to {high:.2%}); {told.omissions:,} places "
            f"were typed in by one person alone; {told.unsettled:,} of both wait for a third person"
        )
    if told.entry_delay_median_s is not None:
        assert told.entry_delay_p95_s is not None
        assert told.entry_delay_longest_s is not None
        delay = (
            f"entry delay: median {told.entry_delay_median_s / 3600:.1f} h, 95 % within "
            f"{told.entry_delay_p95_s / 3600:.1f} h, longest {told.entry_delay_longest_s / 3600:.1f} h"
        )
    return f"{record}\n{slips}\n{delay}"
