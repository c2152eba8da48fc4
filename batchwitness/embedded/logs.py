"""Log files of child processes: kept small by renaming, and their ends quoted when a child fails."""

import threading
from pathlib import Path
from typing import IO

ROTATE_AT_BYTES = 10_000_000
KEPT = 3
LINE_MAX_BYTES = 65536  # a child that prints without ever ending a line takes no more memory than that


class Collector:
    """Writes what a child prints to a log file of bounded size, in a thread of its own until the child ends."""

    def __init__(self, source: IO[bytes], path: Path, *, rotate_at_bytes: int = ROTATE_AT_BYTES) -> None:
        self._source = source
        self._path = path
        self._rotate_at_bytes = rotate_at_bytes
        self._thread = threading.Thread(target=self._collect, name=f"log of {path.stem}", daemon=True)
        self._thread.start()

    def wait(self, within_s: float) -> None:
        """Return once everything is in the file, or after `within_s` when a grandchild still holds the pipe."""
        self._thread.join(within_s)

    def _collect(self) -> None:
        with self._source:
            log = self._path.open("ab")
            for line in iter(lambda: self._source.readline(LINE_MAX_BYTES), b""):
                if log.tell() >= self._rotate_at_bytes:
                    log.close()
                    rotate(self._path, at_bytes=self._rotate_at_bytes)
                    log = self._path.open("ab")
                log.write(line)
                log.flush()
            log.close()


def rotate(path: Path, *, at_bytes: int = ROTATE_AT_BYTES) -> int:
    """Move a file that has grown past `at_bytes` to `<name>.1`, older ones to .2 and .3.

    Returns the byte at which writing goes on.
    """
    size = path.stat().st_size if path.exists() else 0
    if size < at_bytes:
        return size
    for number in range(KEPT - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))
    return 0


def tail(path: Path, *, lines: int = 20, after: int = 0) -> str:
    """The last `lines` lines of what was written behind byte `after`, empty when there is no such file."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(after, end - lines * 500))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])
