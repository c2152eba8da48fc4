"""Partitions are disjoint, and what is in none of them is the rest's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.elsewhere import Elsewhere
from ingest.inbox import Delivery
from ingest.partitions import matches, partitions
from store.errors import SettingsContradict

STATED = "basel/hall/BR-01, basel/hall/BR-02; basel/ward/+"


def test_each_partition_has_a_session_of_its_own_and_the_rest_hears_everything() -> None:
    parts = partitions(STATED, client_id="bw", prefix="p")
    assert [(part.name, part.filters) for part in parts] == [
        ("bw", ("p/#",)),
        ("bw-1", ("p/basel/hall/BR-01/#", "p/basel/hall/BR-02/#")),
        ("bw-2", ("p/basel/ward/+/#",)),
    ]


@pytest.mark.parametrize(
    ("stated", "named"),
    [
        ("basel/hall", "'basel/hall' is not site/area/unit"),
        ("basel//BR-01", "'basel//BR-01' is not"),
        ("basel/hall/#", "'basel/hall/#' is not"),
        ("a/b/c;;d/e/f", "'' is not"),
        ("basel/hall/BR-01;basel/+/BR-01", "'basel/hall/BR-01' and 'basel/\\+/BR-01' overlap"),
        ("a/b/c,a/b/c", "'a/b/c' and 'a/b/c' overlap"),
    ],
)
def test_what_is_no_partition_is_refused_by_name(stated: str, named: str) -> None:
    with pytest.raises(SettingsContradict, match=named):
        partitions(stated, client_id="bw", prefix="p")


LEVEL = st.sampled_from(["a", "b", "+"])


@given(st.lists(st.tuples(LEVEL, LEVEL, LEVEL), max_size=5), st.tuples(*[st.sampled_from("abc")] * 4))
def test_no_topic_belongs_to_two_partitions(units: list[tuple[str, str, str]], topic: tuple[str, ...]) -> None:
    try:
        parts = partitions(";".join(map("/".join, units)), client_id="bw", prefix="p")
    except SettingsContradict:
        return
    assert sum(part.holds("p/" + "/".join(topic)) for part in parts[1:]) <= 1
    assert parts[0].holds("p/" + "/".join(topic))


def test_a_filter_takes_whole_levels_only() -> None:
    assert matches("p/+/x", "p/a/x")
    assert not matches("p/+/x", "p/a/x/y")
    assert not matches("p/a/#", "p/ab/c")


def test_nothing_is_left_to_others_before_it_is_sure_that_they_got_it() -> None:
    elsewhere = Elsewhere()
    theirs, own = (
        Delivery(topic, b"", 0, 1, 1) for topic in ("p/basel/ward/W/readings", "p/basel/hall/BR-09/readings")
    )
    assert elsewhere.split([theirs, own]) == ([theirs, own], [])
    elsewhere.state(partitions(STATED, client_id="bw", prefix="p")[1:])
    elsewhere.settle(sure=False)
    assert elsewhere.split([theirs, own]) == ([theirs, own], []), "what comes may have been published before"
    elsewhere.settle(sure=True)
    assert elsewhere.split([theirs, own]) == ([own], [theirs])
    elsewhere.state([])
    elsewhere.settle(sure=False)
    assert elsewhere.split([theirs, own]) == ([theirs, own], []), "to take it again is always safe"
