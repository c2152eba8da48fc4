"""The checklist of the Sparkplug specification's assertions that concern a host: which test checks which.

A test names the assertions that it checks: `@pytest.mark.tck("tck-id-…")`. `python -m tests.ingest.sparkplug.checklist`
writes the names of these tests into tests/data/sparkplug/assertions.csv; what has no test says there why.
"""

import ast
import csv
import io
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.architecture.source import ROOT, modules, parsed

FILE = ROOT / "tests/data/sparkplug/assertions.csv"
FIELDS = ("id", "level", "summary", "status", "detail")
TESTED = "tested"
STATUSES = (TESTED, "not_applicable", "open")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One assertion; `detail` is the tests that check it, why it does not apply, or what is missing."""

    id: str
    level: str
    summary: str
    status: str
    detail: str


def marked() -> Mapping[str, list[str]]:
    """The tests that name an assertion, by its id, as pytest names them."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in modules("tests"):
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for assertion in named_by(node):
                    found[assertion].append(f"{name}::{node.name}")
    return found


def named_by(test: ast.FunctionDef) -> Iterator[str]:
    """The assertions that the marker of a test names."""
    for decorator in test.decorator_list:
        match decorator:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="mark"), attr="tck"), args=arguments):
                for argument in arguments:
                    assert isinstance(argument, ast.Constant), f"{test.name}: an id must be written out"
                    yield str(argument.value)


def read() -> list[Assertion]:
    """The checklist as it is in the file."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return [Assertion(**row) for row in csv.DictReader(file)]


def updated(checklist: list[Assertion], tests: Mapping[str, list[str]]) -> list[Assertion]:
    """The checklist with the tests that are there now; one whose test is gone is open."""
    after = []
    for one in checklist:
        if one.id in tests:
            after.append(replace(one, status=TESTED, detail=" ".join(sorted(tests[one.id]))))
        elif one.status == TESTED:
            after.append(replace(one, status="open", detail="its test is gone"))
        else:
            after.append(one)
    return after


def written(checklist: list[Assertion]) -> str:
    """The file's text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows([getattr(one, field) for field in FIELDS] for one in checklist)
    return text.getvalue()


def main() -> None:
    """Write the file anew and say what is open."""
    checklist = updated(read(), marked())
    Path(FILE).write_text(written(checklist), encoding="utf-8")
    for status in STATUSES:
        sys.stdout.write(f"{status}: {sum(one.status == status for one in checklist)}\n")
    for one in checklist:
        if one.status == "open":
            sys.stdout.write(f"  {one.id}: {one.detail}\n")


if __name__ == "__main__":
    main()
