"""What the pages point at is there: files, links, promises; and they promise nothing that no test guards."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.page import ROOT, page, quoted, rows, section

PAGES = sorted(
    path.relative_to(ROOT).as_posix() for path in [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")] if path.is_file()
)
FILE = re.compile(r"^[\w.-]+(/[\w.-]+)+\.(py|sql|md|toml|yml|yaml|json|txt|ini|css|js|html)$")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
PROMISE = re.compile(r"\b(?:INGEST|DETECT|COMPARE|RECORD|VIEW)-\d\b")
GUARD = re.compile(r"^(?:async )?def test_\w*?(ingest|detect|compare|record|view)_(\d)_", re.MULTILINE | re.IGNORECASE)
WRITTEN_BY = ("deploy/secrets/",)  # by the running system, so not in a fresh checkout
PLACEHOLDERS = ("NNNN", "NAME", "NOUN", "…")


def files_named(text: str) -> Iterator[str]:
    for name in quoted(text):
        if FILE.match(name) and not any(placeholder in name for placeholder in PLACEHOLDERS):
            yield name


def promises() -> dict[str, list[str]]:
    """The row of every promise on the architecture's page by id."""
    found: dict[str, list[str]] = {}
    for cells in rows(section(page("docs/architecture.md"), "## Promises")):
        found.update(dict.fromkeys(PROMISE.findall(cells[0]), cells))
    return found


def guarded_in(name: str) -> set[str]:
    """The promises that the names of a file's tests carry."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {f"{word.upper()}-{digit}" for word, digit in GUARD.findall(text)}


@pytest.mark.parametrize("name", PAGES)
def test_the_files_a_page_names_are_there(name: str) -> None:
    roots = (ROOT, ROOT / "docs", (ROOT / name).parent)
    named = [file for file in files_named(page(name)) if not file.startswith(WRITTEN_BY)]
    assert [file for file in named if not any((root / file).exists() for root in roots)] == []


@pytest.mark.parametrize("name", PAGES)
def test_the_links_of_a_page_lead_somewhere(name: str) -> None:
    assert [target for target in LINK.findall(page(name)) if not ((ROOT / name).parent / Path(target)).exists()] == []


def test_the_way_in_for_a_reader_leads_to_every_page() -> None:
    named = set(files_named(page("docs/architecture.md")))
    assert {name for name in PAGES if name.startswith("docs/")} - named == {"docs/architecture.md"}


@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith("docs/decisions/")])
def test_a_decision_says_what_it_costs_and_what_was_not_chosen(name: str) -> None:
    text = page(name)
    assert re.match(rf"# {Path(name).name[:4]} \S", text)
    assert "**Status:**" in text
    for heading in ("## Context", "## Decision", "## Consequences", "## Not chosen"):
        assert section(text, heading).strip()
    assert re.search(r"^Good:", section(text, "## Consequences"), re.MULTILINE)
    assert re.search(r"^Bad:", section(text, "## Consequences"), re.MULTILINE)


def test_a_promise_that_is_said_to_be_kept_names_tests_that_carry_its_id() -> None:
    assert len(promises()) >= 16
    for promise, (_, _, kept_in, seen_by) in promises().items():
        tests = [file for file in files_named(seen_by) if file.startswith("tests/")]
        assert tests or "*Not yet" in seen_by, f"{promise} is guarded by nothing"
        assert bool(tests) == bool(kept_in), promise
        assert not tests or promise in {id_ for file in tests for id_ in guarded_in(file)}, promise


def test_no_test_guards_a_promise_that_the_page_does_not_know() -> None:
    guarded = {id_ for path in (ROOT / "tests").rglob("test_*.py") for id_ in guarded_in(str(path.relative_to(ROOT)))}
    assert guarded
    assert guarded - set(promises()) == set()


def test_the_newest_changes_stand_on_top_of_the_changelog() -> None:
    headings = re.findall(r"^## (.+)$", page("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
