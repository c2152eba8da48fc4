"""What is read of a payload: the same whether it is looked at alone or together with others, and never too deep."""

from datetime import UTC, datetime

import pytest

from store.errors import PayloadRejected
from store.payload import MOST_LEVELS, needs_care, parse_payload
from tests.bench.fuzz.hostile import hostile

COMMISSIONED, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)


def nested(levels: int, opened: str, closed: str) -> bytes:
    return (opened * levels + "1" + closed * levels).encode()


@pytest.mark.parametrize(("opened", "closed"), [('{"a":', "}"), ("[", "]"), ('[{"a":', "}]")])
def test_what_is_nested_deeper_than_anything_can_be_written_again_is_refused(opened: str, closed: str) -> None:
    per_turn = opened.count("[") + opened.count("{")
    within = 1 if opened.startswith("[") else 0  # the array of the objects of a message is no level of theirs
    most = (MOST_LEVELS + within) // per_turn
    assert parse_payload(nested(most - 1, opened, closed))
    with pytest.raises(PayloadRejected, match="nested more than 100 deep"):
        parse_payload(nested(most + 1, opened, closed))


def test_hostile_messages_are_read_alike_alone_and_after_a_look_at_many_of_them() -> None:
    payloads = [payload for _, payload in hostile(7, 4_000, commissioned=COMMISSIONED, now=NOW)]
    spared = 0
    for first in range(0, len(payloads), 4):
        some = payloads[first : first + 4]
        careful = needs_care(some)
        spared += not careful
        for payload in some:
            assert outcome(payload, careful=careful) == outcome(payload, careful=True), payload[:300]
    assert 100 < spared < 900, "some need care and some do not"


def outcome(payload: bytes, *, careful: bool) -> tuple[str, str]:
    """What was read, or why it was refused."""
    try:
        return "read", repr(parse_payload(payload, careful=careful))
    except PayloadRejected as rejection:
        return rejection.code, rejection.reason
