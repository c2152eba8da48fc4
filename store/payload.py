"""The JSON objects of a payload, from a broker or from the API: whatever is sent, reading it is bounded."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson

from store.errors import PayloadRejected
from store.fields import shown

MOST_BYTES = 4 * 1024 * 1024  # a payload; of a larger one a record remains
MOST_OBJECTS = 10_000  # in one message
MOST_LEVELS = 100  # of arrays and objects inside each other; what is stored is written as JSON again, which has a limit

MOST_DIGITS = 400  # of a whole number; more than the largest float has, fewer than take long to read
DIGITS = bytes(ord("0") if chr(byte).isdigit() else ord(" ") for byte in range(128)) + bytes(128)
WIDE = b"0" * 19  # so many digits in a row may be a whole number beyond 64 bits
SHALLOW_BYTES = 2 * MOST_LEVELS  # each level opens and closes; what is no longer cannot be nested deeper


def needs_care(payloads: Iterable[bytes]) -> bool:
    """Whether any of these payloads may hold a number that the fast reader rounds or a text that cannot be stored.

    One look at a thousand of them together takes a third of the time of as many looks where they are of 100 bytes, half
    of it at 230, as much at 430 and more beyond.
    """
    together = b" ".join(payloads)
    # A search by a pattern takes five times as long as this.
    return b"\\u" in together or WIDE in together.translate(DIGITS)


def parse_payload(payload: bytes, *, careful: bool = True) -> Sequence[object]:
    """The objects of a payload. Raises PayloadRejected for what is not JSON, too large or not storable as text.

    NaN and Infinity are not JSON, but they are read, so that the good values beside them can be kept. `careful` may be
    false where `needs_care` said no of it.
    """
    if len(payload) > MOST_BYTES:
        raise too_large(len(payload))
    try:
        parsed = orjson.loads(payload)
        if careful and WIDE in payload.translate(DIGITS):
            parsed = _parse_lenient(payload, "nested too deep to be read whole")
    except orjson.JSONDecodeError as error:
        parsed = _parse_lenient(payload, str(error))
    objects = parsed if isinstance(parsed, list) else [parsed]
    if len(objects) > MOST_OBJECTS:
        raise PayloadRejected("too_large", f"{len(objects)} objects; at most {MOST_OBJECTS} are taken")
    if (
        len(payload) > SHALLOW_BYTES
        and payload.count(b"[") + payload.count(b"{") > MOST_LEVELS
        and _levels(objects) > MOST_LEVELS
    ):
        raise PayloadRejected("too_deep", f"arrays and objects are nested more than {MOST_LEVELS} deep")
    if careful and b"\\u" in payload:
        _refuse_unstorable_text(objects)
    return objects


def too_large(length: int) -> PayloadRejected:
    """What becomes of a payload of so many bytes, where that is too many."""
    return PayloadRejected("too_large", f"{length} bytes; at most {MOST_BYTES} are taken")


def _parse_lenient(payload: bytes, why: str) -> object:
    try:
        parsed: object = json.loads(payload.decode(), parse_int=_parse_int)
    except (ValueError, RecursionError):
        raise PayloadRejected("not_json", f"the payload is not JSON: {why}") from None
    return parsed


def _parse_int(digits: str) -> int | float:
    """A whole number as it is written, beyond 64 bits too; what no float reaches is infinite."""
    return int(digits) if len(digits) <= MOST_DIGITS else float(digits)


def _levels(value: object) -> int:
    """How deep arrays and objects are nested in a JSON value."""
    deepest, waiting = 0, [(value, 0)]
    while waiting:
        item, level = waiting.pop()
        if isinstance(item, Mapping | list):
            deepest = max(deepest, level)
            inner = item.values() if isinstance(item, Mapping) else item
            waiting += [(one, level + 1) for one in inner]
    return deepest


def _refuse_unstorable_text(objects: Sequence[object]) -> None:
    """NUL and lone surrogates can be written as JSON escapes, but no database text can hold them."""
    for text in _texts(objects):
        if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise PayloadRejected("bad_text", f"a text holds a character that cannot be stored: {shown(text)}")


def _texts(value: object) -> Iterator[str]:
    """All texts in a JSON value, keys included; however deep it is nested, nothing here recurses."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            waiting += item.keys()
            waiting += item.values()
        elif isinstance(item, Sequence):
            waiting += item


def dump(object_: object) -> bytes:
    """An object of a payload as JSON with its keys in order, always the same bytes for the same object.

    Whole numbers beyond 64 bits, which the fast writer refuses, come out whole.
    """
    try:
        return orjson.dumps(object_, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(object_, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def excerpt(payload: bytes) -> str:
    """The beginning of a payload as text."""
    return payload[:1000].decode("utf-8", "backslashreplace")
