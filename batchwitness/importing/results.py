"""A row of a results file as the JSON object that the topic `results` takes."""

from collections.abc import Callable, Mapping

TIMES = ("sampled_at", "measured_at")


def result_object(fields: Mapping[str, str], instant: Callable[[str], str]) -> dict[str, object]:
    """The object of one row; `fields` are its non-empty cells by field.

    `instant` reads a time of the file and gives it as RFC 3339 with offset. Raises PayloadRejected.
    """
    return {name: instant(text) if name in TIMES else text for name, text in fields.items()}
