"""The SQL of the system: numbered migrations, and queries by name.

A query file holds named queries, each with one sentence of purpose:

    -- claim_chain: Take a chain over under a new epoch.
    UPDATE chain SET …
"""

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString

HEADING = re.compile(r"^-- (?P<name>[a-z][a-z0-9_]*): (?P<sentence>.+)$", re.MULTILINE)


@cache
def queries(noun: str) -> dict[str, LiteralString]:
    """The queries of store/sql/queries/<noun>.sql by name. Raises KeyError at the caller for an unknown name.

    The text is part of the package, never built from input: that is what makes it a LiteralString.
    """
    text = (files(__name__) / "queries" / f"{noun}.sql").read_text(encoding="utf-8")
    headings = list(HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    return {
        heading["name"]: text[heading.end() : end].strip().removesuffix(";")
        for heading, end in zip(headings, ends, strict=True)
    }
