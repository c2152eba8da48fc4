"""When alerts and scores became visible: to another session of the database, and to whoever asks the API."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import psycopg

LOOK_EVERY_S = 0.01  # a row is seen so much too late at most, and what the question takes
ASK_EVERY_S = 0.05  # of the API, which a board asks every few seconds
NEWEST_ALERTS = 30
SINCE_BLOCKS = 2_000  # what came in older blocks has been seen long ago

TOLD = (
    "SELECT alert_id, 0, intake_ordinal FROM alert WHERE intake_ordinal > %(since)s"
    " UNION ALL SELECT alert_id, version, intake_ordinal FROM alert_update WHERE intake_ordinal > %(since)s"
)
SCORED = (
    "SELECT monitor_id, newest.cell FROM monitor CROSS JOIN LATERAL (SELECT cell FROM monitor_score"
    " WHERE monitor_score.monitor_id = monitor.monitor_id ORDER BY cell DESC LIMIT 1) AS newest"
)


@dataclass(slots=True)
class Seen:
    """First sights, in seconds since 1970."""

    told_s: dict[tuple[int, int], float] = field(default_factory=dict)  # by alert and version, 0 as it was raised
    scored_s: dict[tuple[int, int], float] = field(default_factory=dict)  # by monitor and cell
    shown_s: dict[int, float] = field(default_factory=dict)  # by alert, in the answer of the API


@contextmanager
def watching(connect: Callable[[], psycopg.Connection], api: httpx.Client) -> Iterator[Seen]:
    """Look at the database and ask the API from now on until the block ends."""
    seen, stop = Seen(), threading.Event()
    threads = [
        threading.Thread(target=_watch_database, args=(connect, seen, stop), name="watch the database"),
        threading.Thread(target=_ask_api, args=(api, seen, stop), name="ask the API"),
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)


def _watch_database(connect: Callable[[], psycopg.Connection], seen: Seen, stop: threading.Event) -> None:
    since = 0
    cells: dict[int, int] = {}
    with connect() as connection, connection.cursor() as cursor:
        while not stop.wait(LOOK_EVERY_S):
            told = cursor.execute(TOLD, {"since": since}).fetchall()
            now_s = time.time()
            for alert, version, ordinal in told:
                seen.told_s.setdefault((alert, version), now_s)
                since = max(since, ordinal - SINCE_BLOCKS)
            scored = cursor.execute(SCORED).fetchall()
            now_s = time.time()
            for monitor, cell in scored:
                first = cells.get(monitor, -1) + 1
                seen.scored_s.update({(monitor, one): now_s for one in range(first, cell + 1)})
                cells[monitor] = cell


def _ask_api(api: httpx.Client, seen: Seen, stop: threading.Event) -> None:
    while not stop.wait(ASK_EVERY_S):
        shown = api.get("/v1/alerts", params={"limit": NEWEST_ALERTS}).raise_for_status().json()["items"]
        now_s = time.time()
        for alert in shown:
            seen.shown_s.setdefault(alert["alert"], now_s)
