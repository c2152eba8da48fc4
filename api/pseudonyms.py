"""Keep donors' pseudonyms from everybody without the role `identity`: in event bodies, free text and the quarantine.

Of an event's body only fields that are not the donor's pass, and the batch's own pseudonyms are taken out of their
text. A refused event can hold any pseudonym, also one of a batch that never came to be: neither its excerpt nor the
value that its reason quotes is shown.
"""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "[hidden]"
SHOWN_FIELDS = frozenset(
    {"event", "time", "batch", "position", "product", "process", "required_by", "phase", "reason", "tag", "material",
     "lot", "comment", "starting_material"}
)  # fmt: skip
PSEUDONYM_FIELDS = ("donor", "chain_of_identity")
PLAIN_TOPICS = ("/readings", "/results")
QUOTED = re.compile(r"['\"]|, not ")


def without(text: str | None, made: Mapping[str, Any]) -> str | None:
    """`text` without the pseudonyms of the batch `made`, in whatever case they are written.

    >>> without("apheresis of d-17 was late", {"donor": "D-17", "chain_of_identity": None})
    'apheresis of [hidden] was late'
    """
    known = [re.escape(made[field].strip()) for field in PSEUDONYM_FIELDS if made[field] and made[field].strip()]
    if text is None or not known:
        return text
    longest_first = "|".join(sorted(known, key=len, reverse=True))
    return re.sub(rf"(?<![^\W_])(?:{longest_first})(?![^\W_])", HIDDEN, text, flags=re.IGNORECASE)


def shown_body(body: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """What everybody may see of the body of an event of the batch `made`."""
    return {
        field: without(value, made) if isinstance(value, str) and field != "batch" else value
        for field, value in body.items()
        if field in SHOWN_FIELDS and isinstance(value, str | int | None)
    }


def shown_excerpt(topic: str, excerpt: str) -> str:
    """What everybody may see of a quarantined item: nothing unless it is of a topic that carries no pseudonyms."""
    suspect = not topic.endswith(PLAIN_TOPICS) or any(field in excerpt for field in PSEUDONYM_FIELDS)
    return HIDDEN if suspect else excerpt


def shown_reason(topic: str, reason: str) -> str:
    """What everybody may see of the reason why an item was quarantined: without the value it quotes.

    >>> shown_reason("batchwitness/v1/site/BR-01/events", "donor must be text, not 17")
    'donor must be text [hidden]'
    """
    found = None if topic.endswith(PLAIN_TOPICS) else QUOTED.search(reason)
    return reason if found is None else f"{reason[: found.start()].rstrip()} {HIDDEN}"
