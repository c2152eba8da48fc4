"""Topics of the Sparkplug namespace: what is legal is read and written unchanged, what is not is rejected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sparkplug.topic import MOST_CHARACTERS, EdgeNode, SparkplugTopic, StateTopic, Verb, parse_topic
from store.errors import PayloadRejected

NODE_VERBS = [verb for verb in Verb if not verb.of_device]
DEVICE_VERBS = [verb for verb in Verb if verb.of_device]
identifiers = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="+#/\x00"), min_size=1, max_size=MOST_CHARACTERS
)


def rejected(topic: str) -> str:
    with pytest.raises(PayloadRejected) as refusal:
        parse_topic(topic)
    return refusal.value.code


@pytest.mark.tck(
    "tck-id-intro-group-id-string",
    "tck-id-intro-group-id-chars",
    "tck-id-intro-edge-node-id-string",
    "tck-id-intro-edge-node-id-chars",
    "tck-id-intro-device-id-string",
    "tck-id-intro-device-id-chars",
    "tck-id-topic-structure-namespace-valid-group-id",
    "tck-id-topic-structure-namespace-valid-edge-node-id",
    "tck-id-topic-structure-namespace-valid-device-id",
)
@given(group=identifiers, node=identifiers, device=identifiers, verb=st.sampled_from(list(Verb)))
def test_any_legal_identifiers_are_read_as_they_were_written(group: str, node: str, device: str, verb: Verb) -> None:
    topic = SparkplugTopic(
        edge_node=EdgeNode(group=group, node=node), verb=verb, device=device if verb.of_device else None
    )
    assert parse_topic(str(topic)) == topic


@pytest.mark.parametrize(
    ("topic", "node", "device"),
    [
        ("spBv1.0/Suite 3/DDATA/Κόμβος 1/🧫.v2", EdgeNode(group="Suite 3", node="Κόμβος 1"), "🧫.v2"),
        ("spBv1.0/STATE/NDATA/x", EdgeNode(group="STATE", node="x"), None),
        ("spBv1.0/a/NDATA/NDATA", EdgeNode(group="a", node="NDATA"), None),
    ],
)
def test_unusual_identifiers_keep_their_identity(topic: str, node: EdgeNode, device: str | None) -> None:
    read = parse_topic(topic)
    assert isinstance(read, SparkplugTopic)
    assert (read.edge_node, read.device) == (node, device)


@pytest.mark.tck(
    "tck-id-intro-group-id-chars",
    "tck-id-intro-edge-node-id-chars",
    "tck-id-intro-device-id-chars",
    "tck-id-topic-structure-namespace-valid-group-id",
    "tck-id-topic-structure-namespace-valid-edge-node-id",
    "tck-id-topic-structure-namespace-valid-device-id",
)
@pytest.mark.parametrize("sign", ["+", "#", "/", "\x00"])
@pytest.mark.parametrize("which", ["group", "node", "device"])
def test_no_identifier_holds_a_reserved_character(sign: str, which: str) -> None:
    names = {"group": "g", "node": "n", "device": "d"} | {which: f"a{sign}b"}
    with pytest.raises(PayloadRejected) as refusal:
        SparkplugTopic(
            edge_node=EdgeNode(group=names["group"], node=names["node"]), verb=Verb.DDATA, device=names["device"]
        )
    assert refusal.value.code == "bad_topic"
    assert f"a{sign}b".encode("unicode_escape").decode() in refusal.value.reason


@pytest.mark.tck("tck-id-topic-structure", "tck-id-topic-structure-namespace-a")
@pytest.mark.parametrize(
    "topic",
    [
        "",
        "spBv1.0",
        "spBv1.0/g",
        "spBv1.0/g/NDATA",
        "spBv1.0/g/NDATA/",
        "spBv1.0//NDATA/n",
        "spBv1.0/g/n/NDATA",
        "spBv1.0/g/DDATA/n/d/e",
        "spBv1.0/g/DDATA/n/",
        "spBv1.0/g/ndata/n",
        "spBv1.0/g/DREAM/n",
        "spBv1.0/STATE",
        "spBv1.0/STATE/",
        "STATE/host",
        "/spBv1.0/g/NDATA/n",
        "spAv1.0/g/NDATA/n",
        "SPBV1.0/g/NDATA/n",
        "spBv2.0/g/NDATA/n",
        f"spBv1.0/{'g' * (MOST_CHARACTERS + 1)}/NDATA/n",
    ],
)
def test_a_topic_of_another_shape_is_rejected(topic: str) -> None:
    assert rejected(topic) == "bad_topic"


@pytest.mark.tck("tck-id-topic-structure-namespace-device-id-associated-message-types")
@pytest.mark.parametrize("verb", DEVICE_VERBS)
def test_a_message_of_a_device_without_a_device_is_rejected(verb: Verb) -> None:
    assert rejected(f"spBv1.0/g/{verb}/n") == "bad_topic"


@pytest.mark.tck("tck-id-topic-structure-namespace-device-id-non-associated-message-types")
@pytest.mark.parametrize("verb", NODE_VERBS)
def test_a_message_of_an_edge_node_with_a_device_is_rejected(verb: Verb) -> None:
    assert rejected(f"spBv1.0/g/{verb}/n/d") == "bad_topic"


def test_a_hosts_state_has_a_topic_of_its_own() -> None:
    assert parse_topic("spBv1.0/STATE/SCADA-1") == StateTopic(host_id="SCADA-1")


@given(st.text())
def test_any_text_is_a_topic_or_is_rejected(topic: str) -> None:
    try:
        assert str(parse_topic(topic)) == topic
    except PayloadRejected:
        assert rejected(topic) == "bad_topic"
