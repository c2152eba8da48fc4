"""The files of a directory that a mapping speaks of, each known by its content and by what is said of it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from batchwitness.importing.mapping import FileMapping, Mapping
from store.errors import InputInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file to import."""

    path: Path
    name: str  # relative to the directory
    mapping: FileMapping
    digest: bytes  # SHA-256 of its bytes
    meaning_digest: bytes  # SHA-256 of what the mapping says of it, but for its path
    size: int  # bytes
    modified_ns: int

    def check_unchanged(self) -> None:
        """Raises InputInvalid when the file is not what it was when its digest was taken."""
        now = self.path.stat()
        if (now.st_size, now.st_mtime_ns) != (self.size, self.modified_ns):
            raise InputInvalid(f"{self.name} was changed while it was imported; run the import again")


def find_sources(directory: Path, mapping: Mapping) -> list[Source]:
    """Every file in the order of the mapping, by name where a path finds several.

    Raises InputInvalid for a path that finds nothing, leads out of the directory, or finds what another path found.
    """
    found: dict[str, Source] = {}
    for said in mapping.file:
        if Path(said.path).is_absolute() or ".." in Path(said.path).parts:
            raise InputInvalid(f"path {said.path!r} leads out of {directory}")
        paths = sorted(path for path in directory.glob(said.path) if path.is_file())
        if not paths:
            raise InputInvalid(f"path {said.path!r} finds no file in {directory}")
        for path in paths:
            name = path.relative_to(directory).as_posix()
            if name in found:
                raise InputInvalid(f"{name} is found by {found[name].mapping.path!r} and by {said.path!r}")
            found[name] = _source(path, name, said)
    return list(found.values())


def _source(path: Path, name: str, said: FileMapping) -> Source:
    stat = path.stat()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    meaning = said.model_dump_json(exclude={"path"})
    return Source(
        path=path,
        name=name,
        mapping=said,
        digest=digest,
        meaning_digest=hashlib.sha256(meaning.encode()).digest(),
        size=stat.st_size,
        modified_ns=stat.st_mtime_ns,
    )
