"""A row of a results file as the JSON object that the topic `results` takes."""

from collections.abc import Callable, Mapping

import orjson

from store.errors import PayloadRejected
from store.fields import shown

TIMES = ("sampled_at", "measured_at", "stated_at")
REPLICATES = "replicates"  # in one cell, as the JSON array that the topic takes


def result_object(fields: Mapping[str, str], instant: Callable[[str], str]) -> dict[str, object]:
    """The object of one row; `fields` are its non-empty cells by field.

    `instant` reads a time of the file and gives it as RFC 3339 with offset. Raises PayloadRejected.
    """
    object_: dict[str, object] = {name: instant(text) if name in TIMES else text for name, text in fields.items()}
    if REPLICATES in fields:
        try:
            object_[REPLICATES] = orjson.loads(fields[REPLICATES])
        except orjson.JSONDecodeError as error:
            raise PayloadRejected(
                "not_json", f"{REPLICATES} must be a JSON array, not {shown(fields[REPLICATES])}"
            ) from error
    return object_
