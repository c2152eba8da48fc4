"""`batchwitness import`: files into the record, with a progress bar and a summary."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from batchwitness.connecting import dsn
from batchwitness.importing.look import look
from batchwitness.importing.mapping import MAPPING_FILE
from batchwitness.importing.run import Order, import_directory
from batchwitness.importing.source import Source
from batchwitness.importing.summary import show_looks, show_outcome
from store.errors import BatchwitnessError
from store.imports import ImportFile

STATUS_PUT_ASIDE = 3  # done, but something could not enter the record or contradicts it


def run(var: Path, directory: Path, *, mapping: Path | None, dry_run: bool, by: str, reason: str) -> int:
    """0 when everything is in the record, 3 when something was put aside or is in conflict, 1 when it did not end.

    Of a dry run: 0 when nothing would be refused, 3 when something would.
    """
    out, err = Console(highlight=False), Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if not dry_run and not (by.strip() and reason.strip()):
        err.print("an import changes the record: say who and why with --by and --reason, or look first with --dry-run")
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
        if dry_run:
            looks = look(order)
            show_looks(looks, out)
            return STATUS_PUT_ASIDE if any(seen.refused for seen in looks) else 0
        with _stopped_by_signals() as stopping, _bar(out) as bar:
            shown = _Shown(bar)
            outcome = import_directory(order, progress=shown.file, stopping=stopping)
    except BatchwitnessError as error:
        err.print(str(error))
        return 1
    show_outcome(outcome, order.faults_file, out)
    if not outcome.finished:
        return 1
    return STATUS_PUT_ASIDE if outcome.counts.put_aside or outcome.counts.conflicts else 0


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
