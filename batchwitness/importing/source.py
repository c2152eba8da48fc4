"""The files of a directory that a mapping speaks of, each known by its content and by what is said of it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from batchwitness.importing.mapping import FileMapping, Mapping
from store.errors import InputInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A file as it was when its digest was taken."""

    path: Path
    name: str  # relative to the directory
    digest: bytes  # SHA-256 of its bytes
    size: int  # bytes
    modified_ns: int

    def check_unchanged(self) -> None:
        """Raises InputInvalid when it is not that any more."""
        now = self.path.stat()
        if (now.st_size, now.st_mtime_ns) != (self.size, self.modified_ns):
            raise InputInvalid(f"{self.name} was changed while it was imported; run the import again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file to import, with the one that belongs to it."""

    file: FileState
    second: FileState | None  # a second person's entries of the same paper record
    pages: Path
    mapping: FileMapping
    meaning_digest: bytes  # SHA-256 of what the mapping says of it, but for its path

    @property
    def name(self) -> str:
        """Relative to the directory."""
        return self.file.name

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return self.file.size + (0 if self.second is None else self.second.size)

    @property
    def digest(self) -> bytes:
        """SHA-256 of its content; of two files, of their digests."""
        if self.second is None:
            return self.file.digest
        return hashlib.sha256(self.file.digest + self.second.digest).digest()

    def files(self) -> list[FileState]:
        """The file, and the one that belongs to it."""
        return [self.file] if self.second is None else [self.file, self.second]

    def check_unchanged(self) -> None:
        """Raises InputInvalid when a file is not what it was when its digest was taken."""
        for file in self.files():
            file.check_unchanged()


def find_sources(directory: Path, mapping: Mapping) -> list[Source]:
    """Every file in the order of the mapping, by name where a path finds several.

    Raises InputInvalid for a path that finds nothing, leads out of the directory, or finds what another path found.
    """
    found: dict[str, str] = {}
    sources = []
    for said in mapping.file:
        for path in (said.path, said.second, said.pages):
            if path is not None and (Path(path).is_absolute() or ".." in Path(path).parts):
                raise InputInvalid(f"path {path!r} leads out of {directory}")
        names = sorted(one.relative_to(directory).as_posix() for one in directory.glob(said.path) if one.is_file())
        if not names:
            raise InputInvalid(f"path {said.path!r} finds no file in {directory}")
        for name in names:
            source = _source(directory, name, said)
            for file in source.files():
                if file.name in found:
                    raise InputInvalid(f"{file.name} is found by {found[file.name]!r} and by {said.path!r}")
                found[file.name] = said.path
            sources.append(source)
    return sources


def _source(directory: Path, name: str, said: FileMapping) -> Source:
    second = None
    if said.second is not None:
        before, _, after = said.path.partition("*")
        second = said.second.replace("*", name.removeprefix(before).removesuffix(after))
        if not (directory / second).is_file():
            raise InputInvalid(f"{name}: there is no {second} with the second entries")
    return Source(
        file=_state(directory, name),
        second=None if second is None else _state(directory, second),
        pages=directory / said.pages,
        mapping=said,
        meaning_digest=hashlib.sha256(said.model_dump_json(exclude={"path", "second"}).encode()).digest(),
    )


def _state(directory: Path, name: str) -> FileState:
    path = directory / name
    stat = path.stat()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return FileState(path=path, name=name, digest=digest, size=stat.st_size, modified_ns=stat.st_mtime_ns)
