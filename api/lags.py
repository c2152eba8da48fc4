"""Time between the clocks a reading passed: from the source to us, and from us to the record."""

from collections.abc import Sequence
from datetime import datetime

from psycopg import Connection
from pydantic import BaseModel

from api.database import Row, rows
from api.series import Span, span
from store.lags import EDGES_US, below_us, bin_of, quantile_bin
from store.model.times import US_PER_S
from store.sql import queries

BUCKET_S = 600


class Lag(BaseModel):
    """A distribution of lengths of time, in seconds. p50 and p99 are upper bounds, at most a tenth above the length."""

    readings: int
    negative: int  # the clock at the beginning was ahead of the one at the end
    least_s: float
    p50_below_s: float | None
    p99_below_s: float | None
    most_s: float


class Lags(BaseModel):
    """Of all readings of the batch's units in its time, imports apart; null where there are none."""

    received: Lag | None  # from the source's clock to ours, in the plant's time
    committed: Lag | None  # from receipt to commit, on our clock


def read_lags(connection: Connection, procedures: Sequence[Row], tick: Row, until: datetime) -> Lags:
    """The lags of some unit procedures up to a time."""
    found: dict[str, dict[int, int]] = {"received": {}, "committed": {}}
    extremes: dict[str, tuple[int, int]] = {}
    for procedure in procedures:
        cut = cut_at_buckets(procedure["started"], min(procedure["ended"] or until, until))
        asked = {
            "unit_id": procedure["unit_id"],
            "position_id": procedure["position_id"],
            "started": cut.started,
            "ended": cut.ended,
            "whole_from": cut.whole_from,
            "whole_to": cut.whole_to,
            "edges": EDGES_US,
        }
        for one in rows(connection, queries("api_completeness")["lags"], asked | tick):
            of_kind = found[one["kind"]]
            of_kind[one["bin"]] = of_kind.get(one["bin"], 0) + one["readings"]
            least, most = extremes.get(one["kind"], (one["least_us"], one["most_us"]))
            extremes[one["kind"]] = min(least, one["least_us"]), max(most, one["most_us"])
    return Lags(
        **{kind: _lag(of_kind, *extremes[kind]) if of_kind else None for kind, of_kind in found.items()},
    )


def cut_at_buckets(started: datetime, ended: datetime) -> Span:
    """An interval cut at the whole ten minutes inside it; what holds none is all end."""
    return span(started, ended, BUCKET_S)


def _lag(readings_by_bin: dict[int, int], least_us: int, most_us: int) -> Lag:
    return Lag(
        readings=sum(readings_by_bin.values()),
        negative=sum(count for bin_, count in readings_by_bin.items() if bin_ <= bin_of(-1)),
        least_s=least_us / US_PER_S,
        p50_below_s=_seconds(below_us(quantile_bin(readings_by_bin, 0.5))),
        p99_below_s=_seconds(below_us(quantile_bin(readings_by_bin, 0.99))),
        most_s=most_us / US_PER_S,
    )


def _seconds(us: int | None) -> float | None:
    return None if us is None else us / US_PER_S
