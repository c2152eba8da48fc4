"""docs/topics.md says what the decoder does: its examples are taken as stated, its fields and codes are the code's."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from ingest.topic import TopicKind
from store.directory import MOST_UNMAPPED
from store.events import APPLY
from store.model.result import ResultStatus
from store.model.times import to_us
from store.quarantine import FLOOD
from store.readings import QUALITIES
from tests.architecture.source import modules, parsed
from tests.docs.page import Fence, fences, page, quoted, rows, section
from tests.fix_postgres import Database
from tests.store.record import Record, opened

PAGE = "docs/topics.md"
RECEIVED_US = to_us(datetime(2026, 11, 22, 10, 5, tzinfo=UTC))  # the day the examples play on
# What no message says by itself: sizes are made below, publishers take a registration, the rest a fault in the database
# or in our software.
NO_EXAMPLE = {
    "unknown_publisher",
    "publisher_not_allowed",
    "too_large",
    "too_deep",
    "too_many_tags",
    "store_rejected",
    "not_committed",
    "too_many",
    "too_many_refused",
    "too_many_boots",
    "not_decoded",
}
READERS = {"text", "batch_name", "optional_text", "choice", "whole_number", "read_value"}


@pytest.fixture
def record(database: Database) -> Iterator[Record]:
    with opened(database) as one:
        yield one


def examples() -> list[Fence]:
    return [fence for fence in fences(page(PAGE)) if fence.info.startswith("json ")]


def refused() -> list[tuple[str, str, bytes]]:
    """Code, topic and payload of every line of the quarantine's example."""
    (fence,) = (fence for fence in fences(section(page(PAGE), "## Quarantine")) if fence.info == "text")
    lines = [line.split(maxsplit=2) for line in fence.body.splitlines()]
    return [(code, topic, payload.encode()) for code, topic, payload in lines]


def documented_codes() -> list[str]:
    return [quoted(first)[0] for first, *_ in rows(section(page(PAGE), "## Quarantine"))]


def codes_of(expression: ast.expr) -> list[str]:
    """The codes an argument can be; [] when it passes on the code of another rejection."""
    match expression:
        case ast.Constant(value=str(code)):
            return [code]
        case ast.IfExp(body=body, orelse=orelse):
            return codes_of(body) + codes_of(orelse)
        case ast.Attribute(attr="code") | ast.Name(id="code"):
            return []
    raise AssertionError(f"line {expression.lineno}: a code must be written where it is raised")


def raised_codes() -> set[str]:
    """Every code in the source: the first argument of PayloadRejected, the third of reject."""
    codes: set[str] = set()
    for name in (name for name in modules("ingest", "store") if not name.startswith("ingest/sparkplug/")):
        for node in ast.walk(parsed(name)):
            match node:
                case ast.Call(func=ast.Name(id="PayloadRejected"), args=[code, *_]):
                    codes.update(codes_of(code))
                case ast.Call(func=ast.Attribute(attr="reject" | "_put_aside"), args=[_, _, code, *_]):
                    codes.update(codes_of(code))
                case ast.Call(func=ast.Name(id="DraftQuarantine"), keywords=given):
                    stated = [one.value for one in given if one.arg == "code" and isinstance(one.value, ast.Constant)]
                    codes.update(code for value in stated for code in codes_of(value))
                    named = [one.value.id for one in given if one.arg == "code" and isinstance(one.value, ast.Name)]
                    codes.update({FLOOD} if "FLOOD" in named else ())
    return codes


def read_fields(name: str) -> set[str]:
    """The names of the JSON fields a module asks an object for."""
    fields: set[str] = set()
    for node in ast.walk(parsed(name)):
        match node:
            case ast.Call(func=ast.Name(id=reader), args=[_, ast.Constant(value=str(field)), *_]) if reader in READERS:
                fields.add(field)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="object_" | "given"), attr="get"),
                args=[ast.Constant(value=str(field)), *_],
            ):
                fields.add(field)
            case ast.Assign(targets=[ast.Name(id="TEXTS")], value=ast.Tuple(elts=names)):
                fields.update(str(item.value) for item in names if isinstance(item, ast.Constant))
    return fields - {"tag"} if name == "store/readings.py" else fields  # there it names a new tag, not a field


def documented_fields(heading: str) -> set[str]:
    first_table = section(page(PAGE), f"## {heading}").split("\n\n")[1]
    return {field for first, *_ in rows(first_table) for field in quoted(first)}


def test_every_example_is_taken_as_the_page_says(record: Record) -> None:
    assert len(examples()) >= 8
    for fence in examples():
        _, topic, stated = fence.info.split(maxsplit=2)
        what, count = stated.split("=")
        committed = record.take((topic, fence.body.encode()), received_us=RECEIVED_US)
        found = {"readings": committed.stored, "events": committed.events, "results": committed.results}
        nothing = dict.fromkeys(found, 0)
        assert found == nothing | {what: int(count)}, fence
        assert committed.quarantined == 0, record.ask("SELECT code, reason FROM quarantine")


def test_every_example_of_the_quarantine_ends_there_under_its_code(record: Record) -> None:
    for fence in examples():
        record.take((fence.info.split()[1], fence.body.encode()), received_us=RECEIVED_US)
    for seen, (code, topic, payload) in enumerate(refused()):
        record.take((topic, payload), received_us=RECEIVED_US)
        new = record.ask("SELECT code, reason FROM quarantine ORDER BY quarantine_id OFFSET %s", seen)
        assert [found for found, _ in new] == [code], (topic, payload, new)


def test_every_code_has_an_example_where_a_message_can_cause_it() -> None:
    assert {code for code, _, _ in refused()} == set(documented_codes()) - NO_EXAMPLE


def test_every_code_in_the_source_is_explained_and_no_other() -> None:
    codes = documented_codes()
    assert len(codes) == len(set(codes))
    assert set(codes) == raised_codes()


def test_what_is_too_large_or_too_deep_and_too_many_tags_end_in_quarantine(record: Record) -> None:
    values = {f"tag {number}": 1.0 for number in range(MOST_UNMAPPED + 1)}
    committed = record.take(
        ("BR-01/readings", {"time": "2026-11-22T10:00:00Z", "values": values}),
        ("BR-02/readings", b" " * (4 * 1024 * 1024 + 1)),
        ("BR-02/readings", [{}] * 10_001),
        ("BR-02/readings", b"[" * 200 + b"]" * 200),
        received_us=RECEIVED_US,
    )
    assert committed.stored == MOST_UNMAPPED
    assert record.ask("SELECT code FROM quarantine ORDER BY quarantine_id") == [
        ("too_many_tags",),
        ("too_large",),
        ("too_large",),
        ("too_deep",),
    ]


@pytest.mark.parametrize(
    ("heading", "module"),
    [
        ("Sequence numbers", "store/sequences.py"),
        (TopicKind.READINGS, "store/readings.py"),
        (TopicKind.EVENTS, "store/events.py"),
        (TopicKind.RESULTS, "store/results.py"),
        ("Replicates", "store/replicates.py"),
    ],
)
def test_every_field_the_decoder_asks_for_is_explained_and_no_other(heading: str, module: str) -> None:
    assert documented_fields(heading) == read_fields(module)


def test_every_kind_of_topic_has_its_section() -> None:
    headings = {line.removeprefix("## ") for line in page(PAGE).splitlines() if line.startswith("## ")}
    assert set(TopicKind) <= headings


def test_every_event_quality_and_status_is_named() -> None:
    events = section(page(PAGE), "## events")
    after_fields = events.split("| event | what it does |")[1]
    assert {name for first, *_ in rows(f"|\n{after_fields}") for name in quoted(first)} == set(APPLY)
    (quality,) = (cells for cells in rows(section(page(PAGE), "## readings")) if cells[0] == "`quality`")
    assert set(quoted(quality[2])) == set(QUALITIES)
    (status,) = (cells for cells in rows(section(page(PAGE), "## results")) if cells[0] == "`status`")
    assert set(quoted(status[2])) == set(ResultStatus)
