"""Flat JSON arrays with a stated cap on their rows; an empty array where there is nothing, never an empty body."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import orjson
from fastapi import Response

ROW_CAP = 20_000
FlatRow = dict[str, str | int | float | bool | None]


def flat(rows: Iterable[Mapping[str, Any]]) -> Response:
    """The first ROW_CAP of `rows`; headers say the cap and whether it cut something off."""
    kept = list(islice(rows, ROW_CAP + 1))
    cut = len(kept) > ROW_CAP
    return Response(
        orjson.dumps(kept[:ROW_CAP], option=orjson.OPT_UTC_Z),
        media_type="application/json",
        headers={"X-Row-Cap": str(ROW_CAP), "X-Row-Cap-Reached": "true" if cut else "false"},
    )
