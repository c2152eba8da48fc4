"""Log files of child processes: kept small by renaming, and their ends quoted when a child fails."""

from pathlib import Path

ROTATE_AT_BYTES = 10_000_000
KEPT = 3


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
