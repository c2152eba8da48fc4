"""The checklist of the specification's assertions says what the tests say, and nothing is left out without a reason."""

import ast

import pytest

from tests.ingest.sparkplug.checklist import FILE, STATUSES, Assertion, marked, named_by, read, updated, written

ASSERTIONS = 287  # of the 299 of Sparkplug 3.0.0; the others bind servers, or edge nodes alone


def test_every_assertion_that_concerns_a_host_is_in_the_list_once() -> None:
    ids = [one.id for one in read()]
    assert (len(ids), len(set(ids))) == (ASSERTIONS, ASSERTIONS)
    assert all(one.startswith("tck-id-") for one in ids)


def test_the_list_names_the_tests_that_name_the_assertion() -> None:
    assert FILE.read_text(encoding="utf-8") == written(updated(read(), marked())), "run make generate"


def test_no_test_names_an_assertion_that_is_not_in_the_list() -> None:
    assert set(marked()) - {one.id for one in read()} == set()


def test_what_has_no_test_has_a_reason() -> None:
    assert [one.id for one in read() if one.status not in STATUSES or not one.summary or not one.detail] == []


@pytest.mark.parametrize(
    ("status", "tests", "expected"),
    [
        ("open", ["a::test_b"], ("tested", "a::test_b")),
        ("not_applicable", ["c::test_d", "a::test_b"], ("tested", "a::test_b c::test_d")),
        ("tested", [], ("open", "its test is gone")),
        ("not_applicable", [], ("not_applicable", "why")),
    ],
)
def test_a_row_follows_the_markers(status: str, tests: list[str], expected: tuple[str, str]) -> None:
    row = Assertion(id="tck-id-x", level="MUST", summary="s", status=status, detail="why")
    (after,) = updated([row], {"tck-id-x": tests} if tests else {})
    assert (after.status, after.detail) == expected


def test_a_marker_is_found_beside_others() -> None:
    (test,) = ast.parse('@pytest.mark.slow\n@pytest.mark.tck("a", "b")\ndef test_x(): ...').body
    assert isinstance(test, ast.FunctionDef)
    assert list(named_by(test)) == ["a", "b"]
