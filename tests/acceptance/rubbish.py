"""Messages that nobody can take, each different from every other: on good topics, bad topics, and in bad bytes."""

import random
from datetime import UTC, datetime, timedelta

import orjson

from tests.acceptance.saying import TOPIC

UNIT = f"{TOPIC}/BR-04"
LEVELS = ("readings", "events", "results")
NOW = datetime.now(UTC)
GOOD_TIME = (NOW - timedelta(hours=1)).isoformat()
MIB = 1024 * 1024


def unreadable() -> list[bytes]:
    """Payloads that no topic can take."""
    noise = random.Random(20)
    return [
        b"",
        b" ",
        b"\x00",
        b"null",
        b"true",
        b"17",
        b'"text"',
        b"[1, 2, 3]",
        b"[[]]",
        b"{}",
        b"{",
        b'{"time":',
        b"{'time': 1}",
        b"\xff\xfe\x00\x00",
        b'{"time": "\xc3\x28"}',
        b'{"event": "\\u0000", "result": "\\u0000", "values": {"\\u0000": 1}}',
        b'{"event": "\\ud800", "result": "\\ud800", "values": {"\\ud800": 1}}',
        b"[" * 200_000,
        b"[" * 900 + b"]" * 900,
        b"[" * 1020 + b"]" * 1020,
        b'{"values":' * 1020 + b"1" + b"}" * 1020,
        b"[" * 990 + b'"\\u0041"' + b"]" * 990,
        b'{"a":' * 990 + b'"\\u0041"' + b"}" * 990,
        b'{"time":' * 800 + b"1" + b"}" * 800,
        b"9" * 10_000,
        b'{"time": ' + b"9" * 4000 + b"}",
        b'{"time": 1e400}',
        b"x" * (5 * MIB),
        orjson.dumps([{}] * 10_001),
        *(noise.randbytes(noise.randrange(1, 2000)) for _ in range(60)),
    ]


def bad_readings() -> list[object]:
    """Objects on a readings topic of which nothing can be taken."""
    values = {"pH": 7.0}
    return [
        {"values": values},
        {"time": None, "values": values},
        {"time": GOOD_TIME},
        {"time": GOOD_TIME, "values": 7},
        {"time": GOOD_TIME, "values": [7]},
        {"time": GOOD_TIME, "values": {f"tag {n}": n for n in range(10_001)}},
        {"time": "2026-11-22T10:00:00", "values": values},
        {"time": "yesterday", "values": values},
        {"time": True, "values": values},
        {"time": -1, "values": values},
        {"time": 10**18, "values": values},
        {"time": 1.5, "values": values},
        {"time": {"$date": 1}, "values": values},
        {"time": "0001-01-01T00:00:00+14:00", "values": values},
        {"time": "9999-12-31T23:59:59-14:00", "values": values},
        {"time": "1999-12-31T23:59:59Z", "values": values},
        {"time": (NOW + timedelta(hours=30)).isoformat(), "values": values},
        {"time": GOOD_TIME, "values": values, "position": "Z"},
        {"time": GOOD_TIME, "values": values, "position": 4},
        {"time": GOOD_TIME, "values": values, "publisher": "edge", "seq": 4},
        {"time": GOOD_TIME, "values": values, "publisher": "edge", "boot": 1, "seq": -4},
        {"time": GOOD_TIME, "values": values, "publisher": "edge", "boot": 1, "seq": "4"},
        {"time": GOOD_TIME, "values": values, "publisher": "x" * 300, "boot": 1, "seq": 4},
    ]


def bad_events() -> list[object]:
    """Objects on an events topic that cannot be applied."""
    start = {"event": "unit_procedure_started", "time": GOOD_TIME, "batch": "R-1", "process": "AUTO-2.0"}
    return [
        {"time": GOOD_TIME},
        {"event": "exploded", "time": GOOD_TIME},
        {"event": ["batch_ended"], "time": GOOD_TIME, "batch": "R-1"},
        {"event": "batch_ended", "time": GOOD_TIME},
        {"event": "batch_ended", "time": GOOD_TIME, "batch": "never started"},
        {"event": "phase_started", "time": GOOD_TIME, "batch": "R-1"},
        {"event": "phase_started", "time": GOOD_TIME, "batch": "R-1", "phase": "x" * 300},
        start | {"time": "2026-11-22T10:00:00"},
        start | {"process": None},
        start | {"process": "AUTO-99"},
        start | {"product": "CT-999"},
        start | {"position": "Z"},
        start | {"donor": 7},
        start | {"donor": "D\x07"},
        start | {"required_by": "soon"},
        start | {"batch": "x" * 300},
        start | {"batch": ["R-1"]},
        start | {"batch": "   "},
    ]


def unstorable() -> list[tuple[str, bytes]]:
    """Well-formed in every field that is looked at; what they carry besides cannot be written down again."""
    event = f'{{"event": "intervention", "time": "{GOOD_TIME}", "comment": "%s", "besides": %s}}'.encode()
    result = orjson.dumps(good_result() | {"method": "%s"})
    surrogate = b"\xed\xa0\x80"
    return [
        (f"{UNIT}/events", event % (b"deep", b"[" * 300 + b"]" * 300)),
        (f"{UNIT}/events", event % (b"deeper", b'{"a":' * 700 + b"1" + b"}" * 700)),
        (f"{UNIT}/events", event % (b"not a number and long", b"[NaN, " + b"9" * 40 + b"]")),
        (f"{UNIT}/events", event % (surrogate, b"1")),
        (f"{UNIT}/events", event % (b"NUL", b'"\\u0000"')),
        (f"{UNIT}/results", result % surrogate),
        (f"{UNIT}/results", result % b"\xff"),
        (f"{UNIT}/readings", b'{"time": "%s", "values": {"%s": 1}}' % (GOOD_TIME.encode(), surrogate)),
    ]


def good_result() -> dict[str, str]:
    """A result that can be taken."""
    return {
        "result": "L-1",
        "batch": "R-1",
        "attribute": "viability",
        "method": "M",
        "value": "92",
        "unit_of_measure": "1",
        "measured_at": GOOD_TIME,
        "status": "final",
        "stated_by": "lab",
    }


def bad_results() -> list[object]:
    """Objects on a results topic that state nothing."""
    good: dict[str, object] = dict(good_result())
    missing: list[object] = [{name: value for name, value in good.items() if name != left_out} for left_out in good]
    return [
        *missing,
        good | {"value": None},
        good | {"value": [92]},
        good | {"value": ""},
        good | {"status": "rumoured"},
        good | {"measured_at": "2026-11-22T10:00:00"},
        good | {"measured_at": (NOW + timedelta(days=3)).isoformat()},
        good | {"sampled_at": "before lunch"},
        good | {"replaces": 7},
    ]


def everywhere() -> list[tuple[str, bytes]]:
    """All of it on every topic it can be said on, and good readings on topics that mean nothing."""
    good = orjson.dumps({"time": GOOD_TIME, "values": {"pH": 7.0}})
    topics = [
        "batchwitness/v1/nothing",
        "batchwitness/v1/leiden",
        "batchwitness/v1/leiden/bioreactor-hall/BR-04",
        f"{UNIT}/",
        f"{UNIT}/reading",
        f"{UNIT}/readings/more",
        f"{TOPIC}//readings",
        f"{TOPIC}/BR-99/readings",
        "batchwitness/v1/leiden/nowhere/BR-04/readings",
        "batchwitness/v1/♥/bioreactor-hall/BR-04/readings",
        "batchwitness/v1/" + "x/" * 100 + "readings",
        "batchwitness/v1/" + "x" * 5000 + "/a/b/readings",
        "batchwitness/v1/leiden/bioreactor-hall/'; DROP TABLE reading; --/readings",
    ]
    by_level = {"readings": bad_readings(), "events": bad_events(), "results": bad_results()}
    return [
        *((f"{UNIT}/{level}", payload) for level in LEVELS for payload in unreadable()),
        *((f"{UNIT}/{level}", orjson.dumps(body)) for level, bodies in by_level.items() for body in bodies),
        *unstorable(),
        *((topic, good) for topic in topics),
    ]
