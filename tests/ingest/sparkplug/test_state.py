"""The rules of STATE, without a server."""

import pytest

from ingest.sparkplug.state import MOST_AHEAD_MS, Answer, HostState, Statement, decode, encode

NOW = 1_795_341_600_000


def online_host(now_ms: int = NOW) -> HostState:
    state = HostState()
    state.connecting(now_ms)
    state.born()
    return state


def said(*, online: bool, timestamp_ms: int) -> Statement:
    return Statement(online=online, timestamp_ms=timestamp_ms)


def test_the_birth_has_the_timestamp_of_the_will_which_is_that_of_the_connect() -> None:
    state = HostState()
    will = state.connecting(NOW)
    assert will == said(online=False, timestamp_ms=NOW)
    assert state.born() == said(online=True, timestamp_ms=NOW)


def test_each_connect_has_a_newer_timestamp_also_when_the_clock_was_set_back() -> None:
    state = HostState()
    assert [state.connecting(now).timestamp_ms for now in (NOW, NOW, NOW - 5000, NOW + 9)] == [
        NOW,
        NOW + 1,
        NOW + 2,
        NOW + 9,
    ]


def test_an_offline_under_our_name_that_is_not_newer_is_answered_with_the_same_birth() -> None:
    state = online_host()
    for timestamp_ms in (NOW - 60_000, NOW):
        heard = state.heard(said(online=False, timestamp_ms=timestamp_ms), retained=False, now_ms=NOW + 10)
        assert heard is Answer.REPUBLISH
        assert state.born().timestamp_ms == NOW


def test_our_own_echo_and_the_retained_old_death_are_not_answered() -> None:
    state = online_host()
    assert state.heard(said(online=True, timestamp_ms=NOW), retained=False, now_ms=NOW) is Answer.NOTHING
    assert state.heard(said(online=False, timestamp_ms=NOW - 1), retained=True, now_ms=NOW) is Answer.NOTHING


@pytest.mark.parametrize("retained", [True, False])
@pytest.mark.parametrize("online", [True, False])
def test_a_newer_timestamp_under_our_name_is_answered_by_a_newer_connect(*, online: bool, retained: bool) -> None:
    state = online_host()
    newer = said(online=online, timestamp_ms=NOW + 700)
    assert state.heard(newer, retained=retained, now_ms=NOW + 5) is Answer.RECONNECT
    assert state.connecting(NOW + 10).timestamp_ms == NOW + 701


def test_an_early_death_is_newer_than_the_birth_and_its_echo_is_not_answered() -> None:
    state = online_host()
    death = state.leaving(NOW + 12_000)
    assert death == said(online=False, timestamp_ms=NOW + 12_000)
    assert not state.online
    assert state.heard(death, retained=False, now_ms=NOW + 12_001) is Answer.NOTHING
    assert state.heard(said(online=False, timestamp_ms=NOW), retained=False, now_ms=NOW + 12_001) is Answer.NOTHING


def test_after_an_early_death_only_a_new_connect_is_newer() -> None:
    state = online_host()
    state.leaving(NOW + 12_000)
    assert state.connecting(NOW + 12_000).timestamp_ms == NOW + 12_001


def test_a_death_is_never_older_than_the_birth_whatever_the_clock_says() -> None:
    assert online_host().leaving(NOW - 3_600_000).timestamp_ms == NOW


def test_a_timestamp_far_ahead_is_reported_and_not_followed() -> None:
    state = online_host()
    absurd = said(online=False, timestamp_ms=NOW + MOST_AHEAD_MS + 2)
    assert state.heard(absurd, retained=True, now_ms=NOW + 1) is Answer.NOTHING
    assert state.absurd_ms == absurd.timestamp_ms
    assert state.connecting(NOW + 1).timestamp_ms == NOW + 1


@pytest.mark.parametrize(
    "payload",
    [
        b"OFFLINE",
        b"",
        b"\xff",
        b"[]",
        b"7",
        b'{"online":1,"timestamp":7}',
        b'{"online":"true","timestamp":7}',
        b'{"online":true}',
        b'{"online":true,"timestamp":"7"}',
        b'{"online":true,"timestamp":true}',
        b'{"online":true,"timestamp":-1}',
        b'{"online":true,"timestamp":7.5}',
        b'{"online":true,"timestamp":1e400}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_state_is_none(payload: bytes) -> None:
    assert decode(payload) is None


def test_what_is_written_is_what_is_read() -> None:
    assert decode(encode(said(online=True, timestamp_ms=NOW))) == said(online=True, timestamp_ms=NOW)
    assert encode(said(online=False, timestamp_ms=5)) == b'{"online":false,"timestamp":5}'
