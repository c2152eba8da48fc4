"""Odd values, texts, times and numbers, as careless and as malicious programs send them."""

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta

TEXTS = (
    "", " ", "\t", "\x00", "\x07", "\x7f", "\ud800", "\udfff", "\ufeff", "\ufffd", "\uffff", "\u202e", "\u2028",
    "e\u0301", "é", "ß", "İ", "ﬁ", "½", "😀", "👩‍👩‍👧‍👦", "ก็็็็็็็็", "日本語", "עברית", "ａ",
    "null", "NaN", "true", "-0", "1e3", "0x10",
    "../../etc/passwd", "'; DROP TABLE reading; --", "%s%n%(name)s", "{0.__class__}", "$(id)", "<script>", "\\", '"',
    "pH\x00", "a/b", ".", "..", "con", "\r\n", "x" * 200, "x" * 201, "𝔵" * 200, "y" * 20_000,
)  # fmt: skip
NUMBERS = (
    "0", "-0", "-0.0", "1", "-1", "1e308", "1e309", "-1e400", "5e-324", "1e-400", "NaN", "Infinity", "-Infinity",
    "9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551616",
    "9" * 400, "-" + "9" * 5000,
    "0.1", "1.7976931348623157e308", "1E5", "01", "1.", ".5", "+1", "0x1F", "1_000", "1e", "--1", "1.0.0",
)  # fmt: skip
TIMES = (
    "2026-11-22T10:00:00", "2026-11-22", "2026-W47-7T10:00Z", "20261122T100000Z", "2026-11-22T10:00:00+14:00",
    "2026-11-22T10:00:00-23:59", "2026-11-22T10:00:00+24:00", "2026-11-22T24:00:00Z", "2026-11-22T23:59:60Z",
    "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "10000-01-01T00:00:00Z", "-2026-11-22T10:00:00Z", "2026-11-22 10:00:00Z", "2026-11-22T10:00:00.123456789Z",
    "2026-11-22T10:00:00z", "２０２６-11-22T10:00:00Z", "now", "Sun, 22 Nov 2026 10:00:00 GMT", "1795341600",
    "yesterday",
)  # fmt: skip
EPOCHS = (
    0,
    -1,
    1,
    1795341600,
    1795341600000,
    1795341600000000,
    2**31,
    2**53,
    2**63,
    2**64,
    10**18,
    -(10**18),
    1.5,
    1e12,
)
STRAY_TIMES = 0.1  # of valid times: anywhere between commissioning and tomorrow

Raw = str  # text that is put into the JSON as it is


def value(dice: random.Random) -> Raw:
    """Any JSON value, or what only looks like one."""
    kinds: tuple[Callable[[], Raw], ...] = (
        lambda: dice.choice(NUMBERS),
        lambda: json.dumps(dice.choice(TEXTS)),
        lambda: json.dumps(dice.choice(TEXTS), ensure_ascii=False),
        lambda: json.dumps(dice.choice(TIMES)),
        lambda: json.dumps(dice.choice(EPOCHS)),
        lambda: dice.choice(("null", "true", "false", "[]", "{}", "[[]]", "undefined", "None", "'x'")),
        lambda: _deep(dice),
        lambda: json.dumps([dice.random() for _ in range(dice.randrange(50))]),
        lambda: json.dumps({dice.choice(TEXTS): dice.random() for _ in range(dice.randrange(5))}),
        lambda: json.dumps({"value": dice.random() * 50, "quality": dice.choice(("good", "bad", "fine", None, 192))}),
        lambda: repr(dice.uniform(-100, 100)),
    )
    return dice.choice(kinds)()


def valid_time(dice: random.Random, *, commissioned: datetime, now: datetime) -> Raw:
    """A time that can be taken, in one of its forms."""
    span = now - commissioned if dice.random() < STRAY_TIMES else timedelta(hours=1)
    time = now - dice.random() * span
    if dice.random() < 0.5:
        return str(int(time.timestamp() * 1000))
    return json.dumps(time.isoformat())


def _deep(dice: random.Random) -> Raw:
    levels = dice.choice((2, 10, 99, 100, 101, 500, 1000, 1100, 20_000))
    opening, closing = dice.choice((("[", "]"), ('{"a":', "}")))
    whole = opening * levels + "1" + closing * levels
    return whole if dice.random() < 0.8 else whole[: dice.randrange(len(whole))]
