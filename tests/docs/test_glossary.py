"""docs/glossary.md and the vocabulary of store/model are one: no word without its thing, no thing without its word."""

import importlib
import inspect
import re
from collections import Counter
from enum import Enum, StrEnum
from typing import NewType

import pytest

from tests.docs.page import ROOT, page, quoted, rows

CLASS = re.compile(r"^[A-Z]\w+$")
DOTTED_CLASS = re.compile(r"^[a-z_.]+\.[A-Z]\w+$")
IN_THE_DATABASE = re.compile(r"\b(?P<kind>table|view|columns?) (?P<names>`[^`]+`(?:, `[^`]+`)*)")
SCHEMA = (ROOT / "store/sql/schema.sql").read_text(encoding="utf-8")


def vocabulary() -> dict[str, object]:
    """Every public class and identifier of store/model by name."""
    found: dict[str, object] = {}
    for path in sorted((ROOT / "store/model").glob("*.py")):
        module = importlib.import_module(f"store.model.{path.stem}" if path.stem != "__init__" else "store.model")
        for name, thing in vars(module).items():
            ours = getattr(thing, "__module__", None) == module.__name__
            if ours and not name.startswith("_") and (inspect.isclass(thing) or isinstance(thing, NewType)):
                found[name] = thing
    return found


def in_code() -> list[str]:
    """The second cell of every entry."""
    return [cells[1] for cells in rows(page("docs/glossary.md"))]


def named_classes() -> list[str]:
    return [name for cell in in_code() for name in quoted(cell) if CLASS.match(name)]


def database_names() -> list[tuple[str, str]]:
    """Kind and name of every table, view and column that is named."""
    return [
        (match["kind"].removesuffix("s"), name)
        for cell in in_code()
        for match in IN_THE_DATABASE.finditer(cell)
        for name in quoted(match["names"])
    ]


def members(kind: type[Enum]) -> list[str]:
    return [str(member) if isinstance(member, StrEnum) else member.name.lower() for member in kind]


def test_every_public_class_of_the_vocabulary_is_an_entry() -> None:
    assert len(vocabulary()) > 30
    assert set(vocabulary()) - set(named_classes()) == set()


def test_every_class_an_entry_names_exists() -> None:
    assert set(named_classes()) - set(vocabulary()) == set()


def test_a_class_belongs_to_one_entry() -> None:
    assert {name: count for name, count in Counter(named_classes()).items() if count > 1} == {}


@pytest.mark.parametrize("name", [name for name, thing in vocabulary().items() if isinstance(thing, type(Enum))])
def test_the_members_of_an_enumeration_are_those_of_the_code(name: str) -> None:
    kind = vocabulary()[name]
    assert isinstance(kind, type)
    assert issubclass(kind, Enum)
    (cell,) = (cell for cell in in_code() if f"`{name}`" in cell)
    assert cell.startswith(f"`{name}`: ")
    assert quoted(cell)[1:] == members(kind)


@pytest.mark.parametrize("name", [name for cell in in_code() for name in quoted(cell) if DOTTED_CLASS.match(name)])
def test_a_class_named_by_its_full_name_is_there(name: str) -> None:
    module, _, class_name = name.rpartition(".")
    assert inspect.isclass(getattr(importlib.import_module(module), class_name, None)), name


@pytest.mark.parametrize(("kind", "name"), database_names())
def test_a_table_view_or_column_that_is_named_is_there(kind: str, name: str) -> None:
    table, _, column = name.partition(".")
    created = re.search(rf"^CREATE (TABLE|VIEW) public\.\"?{table}\"? (.*?);$", SCHEMA, re.MULTILINE | re.DOTALL)
    assert created is not None, f"there is no {table}"
    if kind == "column":
        assert re.search(rf"^    \"?{column}\"? ", created[2], re.MULTILINE), name
    else:
        assert not column
        assert created[1] == kind.upper()


def test_everything_between_backticks_is_checked_in_one_way_or_the_other() -> None:
    known = {name for _, name in database_names()}
    for cell in in_code():
        for name in quoted(cell.split(": ")[0]):
            assert CLASS.match(name) or DOTTED_CLASS.match(name) or name in known, cell


def test_an_entry_says_what_it_means() -> None:
    assert [cells[0] for cells in rows(page("docs/glossary.md")) if len(cells) != 3 or not cells[2]] == []
