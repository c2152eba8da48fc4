"""Generated passwords, each in a file of its own that only its owner can read."""

import os
import secrets
from pathlib import Path


class Passwords:
    """The passwords of a server; one is made when it is first asked for and then kept."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, name: str) -> str:
        """The password of `name`, made of 32 random bytes in letters that need no escaping anywhere."""
        return self.file(name).read_text().strip()

    def file(self, name: str) -> Path:
        """A file (0600) that holds only the password of `name`."""
        path = self._directory / f"{name}.password"
        if not path.exists():
            self._write(path, secrets.token_urlsafe(32))
        return path

    def passfile(self, role: str) -> Path:
        """A libpq password file (0600, for PGPASSFILE) that holds only the password of `role`."""
        path = self._directory / f"{role}.pgpass"
        if not path.exists():
            self._write(path, f"*:*:*:{role}:{self.get(role)}")
        return path

    def _write(self, path: Path, text: str) -> None:
        """Whole or not at all, and never readable by others, not even for a moment."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(descriptor)
        partial.rename(path)
