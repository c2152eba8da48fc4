"""`batchwitness import`: files into the record, with a progress bar and a summary."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from batchwitness.connecting import dsn
from batchwitness.importing.mapping import MAPPING_FILE
from batchwitness.importing.outcome import Outcome
from batchwitness.importing.paper_told import paper_sentences
from batchwitness.importing.run import Order, import_directory
from batchwitness.importing.source import Source
from store.errors import BatchwitnessError
from store.imports import ImportFile

STATUS_PUT_ASIDE = 3  # done, but something could not enter the record or contradicts it


def run(var: Path, directory: Path, *, mapping: Path | None, by: str, reason: str) -> int:
    """0 when everything is in the record, 3 when something was put aside or is in conflict, 1 when it did not end."""
    out, err = Console(highlight=False), Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if not (by.strip() and reason.strip()):
        err.print("an import changes the record: say who and why with --by and --reason")
        return 1
    order = Order(
        conninfo=dsn(var, "ingest"),
        directory=directory.absolute(),
        mapping_file=(mapping or directory / MAPPING_FILE).absolute(),
        faults_file=(var / "import" / f"{directory.absolute().name}-errors.csv").absolute(),
        by=by,
        reason=reason,
    )
    try:
        with _stopped_by_signals() as stopping, _bar(out) as bar:
            shown = _Shown(bar)
            outcome = import_directory(order, progress=shown.file, stopping=stopping)
    except BatchwitnessError as error:
        err.print(str(error))
        return 1
    show(outcome, order.faults_file, out)
    if not outcome.finished:
        return 1
    return STATUS_PUT_ASIDE if outcome.counts.put_aside or outcome.counts.conflicts else 0


def show(outcome: Outcome, faults_file: Path, console: Console) -> None:
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


class _Shown:
    """A bar for the file that is being read."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None)

    def file(self, source: Source, file: ImportFile) -> None:
        self._bar.update(
            self._task,
            description=f"{source.name}: {file.counts.rows:,} rows",
            total=source.size,
            completed=min(file.next_offset, source.size),
        )


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """The block that is being committed is committed; nothing more begins."""
    stopping = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=console
    )
