"""Messages that are nearly right: valid ones of every topic, spoilt in structure, in values, in bytes and in topic."""

import json
import random
from collections.abc import Iterator
from datetime import datetime

from tests.bench.fuzz import odd
from tests.bench.fuzz.odd import Raw

PREFIX = "batchwitness/v1"
UNIT = f"{PREFIX}/leiden/hall/BR-01"
LEVELS = ("readings", "events", "results")
TAGS = ("pH", "temperature", "dissolved_oxygen", "glucose")
EVENTS = (
    "unit_procedure_started", "unit_procedure_ended", "phase_started", "phase_ended", "batch_ended", "batch_terminated",
    "material_used", "intervention", "plant_alarm", "calibration", "out_of_service", "in_service",
)  # fmt: skip
BATCHES = 40  # names that events and results choose from
LARGE = 1 / 5000  # of all messages; of a few megabytes each
TOPIC_PARTS = (
    "leiden",
    "hall",
    "BR-01",
    "BR-02",
    "INC-1",
    "BR-99",
    "♥",
    "x" * 300,
    "'; --",
    "é",
    " ",
    "readings",
    "$SYS",
    "",
)
SPARKPLUG = ("spBv1.0/plant/NBIRTH/edge", "spBv1.0/plant/DDATA/edge/BR-01", "spBv1.0/STATE/host")

Fields = list[tuple[Raw, Raw]]  # of an object: name and value, a name as often as wanted
Message = tuple[str, bytes]


def hostile(seed: int, count: int, *, commissioned: datetime, now: datetime) -> Iterator[Message]:
    """Topic and payload of `count` messages. The same for the same arguments."""
    dice = random.Random(seed)
    for number in range(count):
        level = dice.choice(LEVELS)
        if dice.random() < LARGE:
            yield f"{UNIT}/{level}", _large(dice, int(now.timestamp() * 1000))
            continue
        objects = [
            _spoilt(dice, _valid(dice, level, number, odd.valid_time(dice, commissioned=commissioned, now=now)))
            for _ in range(1 if dice.random() < 0.8 else dice.randrange(0, 6))
        ]
        payload = (objects[0] if len(objects) == 1 else f"[{','.join(objects)}]").encode("utf-8", "surrogatepass")
        yield _topic(dice, level), _bytes(dice, payload)


def _valid(dice: random.Random, level: str, number: int, time: Raw) -> Fields:
    fields: Fields
    if level == "readings":
        values = {tag: round(dice.uniform(0, 30), 3) for tag in dice.sample(TAGS, dice.randrange(1, len(TAGS) + 1))}
        if dice.random() < 0.1:
            values[dice.choice(odd.TEXTS) + str(dice.randrange(3000))] = 1.0
        fields = [("time", time), ("values", json.dumps(values))]
    elif level == "events":
        fields = [
            ("event", json.dumps(dice.choice(EVENTS))),
            ("time", time),
            ("batch", json.dumps(f"CT-{dice.randrange(BATCHES)}")),
            ("process", json.dumps("AUTO-2.0")),
            ("phase", json.dumps(dice.choice(("expansion", "harvest")))),
            ("comment", json.dumps(f"message {number}")),
        ]
    else:
        fields = [
            ("result", json.dumps(f"L-{number}")),
            ("batch", json.dumps(f"CT-{dice.randrange(BATCHES)}")),
            ("attribute", '"viability"'),
            ("method", '"NC-200"'),
            ("value", json.dumps(dice.choice(("92.1", "<0.5", "no growth", "1e400", "٣")))),
            ("unit_of_measure", '"%"'),
            ("measured_at", time),
            ("status", json.dumps(dice.choice(("preliminary", "final", "corrected", "invalidated")))),
            ("stated_by", '"lab"'),
        ]
    if dice.random() < 0.5:
        fields += [
            ("publisher", json.dumps(f"edge-{dice.randrange(5)}")),
            ("boot", str(dice.randrange(3))),
            ("seq", str(dice.choice((number, dice.randrange(10**6), 2**62, 2**63)))),
        ]
    return fields


def _spoilt(dice: random.Random, fields: Fields) -> Raw:
    for _ in range(dice.choice((0, 0, 1, 1, 1, 2, 5))):
        place = dice.randrange(len(fields))
        name, old = fields[place]
        match dice.randrange(8):
            case 0:
                del fields[place]
                if not fields:
                    return "{}"
            case 1:
                fields.append((name, odd.value(dice)))  # said twice
            case 2:
                fields[place] = dice.choice(odd.TEXTS), old
            case 3:
                fields[place] = name, f"[{old}]"
            case 4 if name == "values":
                spoilt = {tag: odd.value(dice) for tag in dice.sample(TAGS, 3)}
                fields[place] = name, "{" + ",".join(f'"{tag}":{raw}' for tag, raw in spoilt.items()) + "}"
            case 5:
                fields.append(("position", json.dumps(dice.choice(("A", "B", "Z", 7, None)))))
            case _:
                fields[place] = name, odd.value(dice)
    return "{" + ",".join(f"{json.dumps(name)}:{raw}" for name, raw in fields) + "}"


def _bytes(dice: random.Random, payload: bytes) -> bytes:
    """Mostly as it is; otherwise cut, flipped, doubled, filled up, or in another encoding."""
    if dice.random() < 0.75:
        return payload
    at = dice.randrange(len(payload))
    match dice.randrange(8):
        case 0:
            return payload[:at]
        case 1:
            return payload[:at] + dice.randbytes(1) + payload[at + 1 :]
        case 2:
            return payload[:at] + dice.randbytes(dice.randrange(1, 20)) + payload[at:]
        case 3:
            return payload + payload
        case 4:
            return payload.decode("utf-8", "replace").encode(
                dice.choice(("utf-16", "utf-32", "cp037", "utf-8-sig")), "replace"
            )
        case 5:
            return dice.randbytes(dice.randrange(0, 2000))
        case 6:
            return payload[at:]
        case _:
            return b" " * dice.randrange(2000) + payload


def _topic(dice: random.Random, level: str) -> str:
    """Mostly that of a unit; what a broker would not take (empty, NUL, + and #) is left out."""
    if dice.random() < 0.9:
        return f"{UNIT}/{level}"
    match dice.randrange(4):
        case 0:
            return "/".join([PREFIX, *(dice.choice(TOPIC_PARTS) for _ in range(dice.randrange(1, 8)))])
        case 1:
            return f"{PREFIX}/leiden/hall/{dice.choice(TOPIC_PARTS)}/{level}"
        case 2:
            return f"{PREFIX}/{dice.choice(SPARKPLUG)}"
        case _:
            return f"{UNIT}/{level}{dice.choice(('s', '/', '/more', ' ', level))}"


def _large(dice: random.Random, now_ms: int) -> bytes:
    """A few megabytes of one thing: at the limits of what is taken, and beyond."""
    many = {f"tag {number}": number for number in range(dice.choice((1_100, 9_999, 10_001)))}
    return dice.choice(
        (
            lambda: b"x" * dice.choice((4 * 1024 * 1024, 4 * 1024 * 1024 + 1, 6 * 1024 * 1024)),
            lambda: b"[" * 2_000_000,
            lambda: json.dumps([{}] * dice.choice((9_999, 10_001))).encode(),
            lambda: json.dumps({"time": now_ms, "values": many}).encode(),
            lambda: b'{"time":%d,"values":{"pH":%s}}' % (now_ms, b"9" * 3_000_000),
            lambda: json.dumps([{"time": now_ms + n, "values": {"pH": None}} for n in range(3_000)]).encode(),
        )
    )()
