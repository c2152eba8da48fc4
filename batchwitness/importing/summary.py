"""What an import says at its end, and a dry run instead of it."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from batchwitness.importing.look import FileLook
from batchwitness.importing.outcome import Outcome
from batchwitness.importing.paper_told import paper_sentences


def show_outcome(outcome: Outcome, faults_file: Path, console: Console) -> None:
    """Print the summary: a line a file, then what a person has to know."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (
        "file",
        "rows",
        "readings",
        "events",
        "results",
        "known",
        "conflicts",
        "put aside",
        "no value",
        "skipped",
    ):
        table.add_column(heading, justify="left" if heading == "file" else "right", no_wrap=True)
    for file in outcome.files:
        counts = file.counts
        numbers = (
            counts.rows, counts.stored, counts.events, counts.results, counts.duplicates, counts.conflicts,
            counts.put_aside, counts.without_value, counts.skipped,
        )  # fmt: skip
        table.add_row(file.name, *(f"{number:,}" for number in numbers))
    Console(width=160, highlight=False, file=console.file).print(table)
    for file in outcome.files:
        if file.known_since is not None:
            known_as = "" if file.known_as == file.name else f" as {file.known_as}"
            console.print(f"{file.name} is in the record since {file.known_since:%Y-%m-%d %H:%M %Z}{known_as}")
        elif file.other_content is not None:
            console.print(
                f"{file.name} had other content when it was imported on {file.other_content:%Y-%m-%d %H:%M %Z}: it was "
                "taken as another file, and what contradicts the record is in conflict"
            )
    if outcome.paper is not None:
        console.print(paper_sentences(outcome.paper))
    if outcome.counts.put_aside:
        console.print(f"{outcome.counts.put_aside:,} refused: each with line, column and value in {faults_file}")
    if not outcome.finished:
        console.print("stopped; the next import goes on from here")
    elif not outcome.changed:
        console.print("nothing to do: everything was imported before, and nothing has been changed")


def show_looks(looks: Sequence[FileLook], console: Console) -> None:
    """Print the first rows of each file as understood, the counts, and what would be refused with an example each."""
    for seen in looks:
        console.print(
            f"[bold]{escape(seen.name)}[/]: {seen.kind}" + (", is in the record already" if seen.known else "")
        )
        for row in seen.first:
            console.print(f"  line {row.line}: {escape(row.source)}\n      → {escape(row.meaning)}", soft_wrap=True)
        console.print(
            f"  {seen.rows:,} rows: {seen.readings:,} readings, {seen.events:,} events, {seen.results:,} results, "
            f"{seen.empty:,} without value, {seen.skipped:,} skipped, {seen.refused.total():,} would be refused"
        )
        for code, count in seen.refused.most_common():
            example = seen.examples[code]
            console.print(
                f"  [red]{count:,} {code}[/], such as {escape(example.item)}, {escape(repr(example.value[:80]))}: "
                f"{escape(example.reason)}",
                soft_wrap=True,
            )
    console.print("nothing was written")
