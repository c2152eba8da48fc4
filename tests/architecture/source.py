"""The project's own files, as the tests about its shape read them."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support import missing

ROOT = Path(__file__).parents[2]
PACKAGES = ("analytics", "api", "batchwitness", "dashboards", "ingest", "records", "store")


@cache
def tracked() -> tuple[str, ...]:
    """Names of the files git tracks that are there, relative to ROOT."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        missing("this is not a git checkout, so nobody can say which files belong to the project")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return tuple(name for name in listed.split("\0") if name and (ROOT / name).is_file())


@cache
def modules(*folders: str) -> tuple[str, ...]:
    """Names of the Python files below these folders, in git or not yet."""
    found = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    assert found, f"there is no Python below {folders}"
    return tuple(path.relative_to(ROOT).as_posix() for path in found)


@cache
def parsed(name: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), name)


def imports(tree: ast.AST) -> Iterator[str]:
    """The full names of the modules a syntax tree imports, wherever in it."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
            case ast.ImportFrom(level=level) if level:
                yield "." * level + (node.module or "")


def importers(of: str, *folders: str) -> set[str]:
    """The modules below these folders that import a package or anything in it."""
    return {
        name
        for name in modules(*folders)
        if any(module == of or module.startswith(f"{of}.") for module in imports(parsed(name)))
    }
