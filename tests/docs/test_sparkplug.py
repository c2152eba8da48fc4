"""docs/sparkplug.md says what the Sparkplug host does: its codes and its limits are the code's."""

import ast

import pytest

from ingest.sparkplug import metrics, payload, properties, rebirth, sequence, server, session, topic
from ingest.sparkplug.codes import Code, Oddity
from store.model.times import US_PER_S
from tests.architecture.source import modules, parsed
from tests.docs.page import page, quoted, rows, section
from tests.ingest.sparkplug.checklist import read

PAGE = "docs/sparkplug.md"
MIB = 1024 * 1024


def explained(heading: str) -> list[str]:
    return [quoted(first)[0] for first, *_ in rows(section(page(PAGE), heading))]


def test_every_code_is_explained_and_no_other() -> None:
    assert explained("## Why something was put aside") == list(Code)


def test_every_oddity_is_explained_and_no_other() -> None:
    assert explained("## What is noted of an edge node") == list(Oddity)


def test_every_code_and_every_oddity_is_used() -> None:
    used = {
        node.attr
        for name in modules("ingest/sparkplug")
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in {"Code", "Oddity"}
    }
    assert {member.name for kind in (Code, Oddity) for member in kind} - used == set()


@pytest.mark.parametrize(
    ("sentence", "limits"),
    [
        (
            "an edge node 50,000 metrics and 1,000 devices, a server 5,000 edge nodes;",
            ((metrics.MOST_METRICS, 50_000), (session.MOST_DEVICES, 1_000), (server.MOST_NODES, 5_000)),
        ),
        (
            "an identifier at most 200 characters, a metric's name 500, its properties 64 KiB.",
            (
                (topic.MOST_CHARACTERS, 200),
                (metrics.MOST_NAME_CHARACTERS, 500),
                (properties.MOST_BYTES, 64 * 1024),
            ),
        ),
        (
            "A payload has at most 4 MiB and 50,000 metrics,",
            ((payload.MOST_BYTES, 4 * MIB), (payload.MOST_METRICS, 50_000)),
        ),
        (
            "At most 512 messages or 8 MiB are held of an edge node and 64 MiB of all together",
            (
                (sequence.MOST_HELD, 512),
                (sequence.MOST_HELD_BYTES, 8 * MIB),
                (server.MOST_HELD_BYTES, 64 * MIB),
            ),
        ),
        (
            "the waits are 10, 30, 60, 120, 300 and then always 600 s, each up to a tenth shorter or longer",
            ((rebirth.WAITS_S, (10, 30, 60, 120, 300, 600)), (rebirth.JITTER, 0.1)),
        ),
        (
            "At most ten requests a second leave for a server, none in the first 5 s after we are online",
            ((server.MOST_REQUESTS, 10), (server.QUIET_US, 5 * US_PER_S)),
        ),
        ("offline when it does not answer within 30 s", ((session.PROBE_US, 30 * US_PER_S),)),
        ("come by turns within ten minutes", ((session.DUPLICATE_US, 600 * US_PER_S),)),
    ],
)
def test_the_limits_are_those_of_the_code(sentence: str, limits: tuple[tuple[object, object], ...]) -> None:
    assert sentence in " ".join(page(PAGE).split())
    assert [is_ for is_, _ in limits] == [said for _, said in limits]


def test_the_number_of_assertions_is_that_of_the_list() -> None:
    assert f"the {len(read())} assertions" in section(page(PAGE), "## The specification's assertions")
