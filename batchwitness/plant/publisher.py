"""Says what the plant says, over MQTT at QoS 1, at the pace of a plant clock.

Promise: every message is acknowledged by the broker before `publish` returns, and none is said before its plant time.
Few messages wait for an acknowledgement at any time, so a slow broker slows the plant and fills no memory. After a lost
connection the unacknowledged ones are sent again: some arrive twice, none is lost on the way to the broker.
"""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import orjson

from batchwitness.plant.messages import Message, stream
from batchwitness.plant.outbox import LOOK_UP_S, BrokerAddress, Outbox, Published, PublishingRefused, connected
from batchwitness.plant.scenario import LIVE_INTERVAL_S, history, live, live_start
from store.clock import PlantClock

PROGRESS_EVERY_S = 0.2
BOOTS = {"history": 1, "live": 2}  # the publishers were restarted in between


def publish(
    messages: Iterable[Message],
    *,
    broker: BrokerAddress,
    clock: PlantClock,
    progress: Callable[[Published], None],
    stop: threading.Event | None = None,
    skip: int = 0,
) -> Published:
    """Publishes messages, which are in order of plant time, and returns when all are acknowledged.

    `progress` is called a few times a second with what is acknowledged in this run, and once at the end. `stop` ends
    it early, after what was sent is acknowledged or a moment has passed. `skip` leaves out the first messages, which
    an earlier run got acknowledged. Raises PublishingRefused when the broker turns the plant away.
    """
    stopping = stop or threading.Event()
    with connected(broker) as outbox:
        report = _Report(outbox, progress)
        for message in islice(messages, skip, None):
            while (wait_s := clock.wait_s(message.plant_us, datetime.now(UTC))) > 0.0:
                if stopping.wait(min(wait_s, LOOK_UP_S)):
                    break
                outbox.collect()
                report.now_and_then()
            if stopping.is_set() or not outbox.send(message, stopping):
                break
            report.now_and_then()
        outbox.settle(stopping)
        report.now()
        return outbox.published


def main(arguments: list[str] | None = None) -> int:
    """Publishes one part of the demo's story; progress as JSON lines on standard output.

    Status 0 when all was acknowledged, 2 when it was told to stop before, 1 when the broker refused.
    """
    options = _parser().parse_args(arguments)
    end = datetime.fromisoformat(options.end)
    if options.part == "history":
        scenario = history(options.seed, end=end)
    else:
        scenario = live(options.seed, end=end, interval_s=options.interval)
    broker = BrokerAddress(
        host=options.host,
        port=options.port,
        user=options.user,
        password=Path(options.password_file).read_text().strip() if options.password_file else None,
        client_id=options.client_id,
    )
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    messages = list(stream(scenario.placed, boot=BOOTS[options.part], until=scenario.until))
    _write({"total_messages": len(messages), "total_readings": sum(message.readings for message in messages)})
    stated = sys.stdin.readline().strip() if options.host_anchor == "-" else options.host_anchor
    if stated == "":
        return 2  # whoever was to say it has gone
    begin = options.anchor or (live_start(end) if options.part == "live" else scenario.until).isoformat()
    clock = PlantClock(
        anchor=datetime.fromisoformat(begin),
        host_anchor=datetime.fromisoformat(stated) if stated else datetime.now(UTC),
        rate=options.rate,
    )
    try:
        publish(messages, broker=broker, clock=clock, progress=_say, stop=stop, skip=options.skip)
    except PublishingRefused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    return 2 if stop.is_set() else 0


class _Report:
    """Tells how far the publishing has come, a few times a second."""

    def __init__(self, outbox: Outbox, progress: Callable[[Published], None]) -> None:
        self._outbox = outbox
        self._progress = progress
        self._last = time.monotonic()

    def now_and_then(self) -> None:
        if time.monotonic() - self._last > PROGRESS_EVERY_S:
            self.now()

    def now(self) -> None:
        self._progress(self._outbox.published)
        self._last = time.monotonic()


def _say(published: Published) -> None:
    _write({"plant_us": published.plant_us, "published": published.messages, "readings": published.readings})


def _write(line: dict[str, int]) -> None:
    sys.stdout.write(orjson.dumps(line).decode() + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m batchwitness.plant.publisher", description=__doc__)
    add = parser.add_argument
    add("part", choices=sorted(BOOTS), help="history: as fast as the broker takes it; live: at --rate")
    add("--port", type=int, required=True, help="of the broker")
    add("--host", default="127.0.0.1", help="of the broker")
    add("--user", help="at the broker")
    add("--password-file", help="a file that holds the password")
    add("--client-id", default="batchwitness-plant", help="MQTT client id")
    add("--seed", type=int, default=1, help="of everything random")
    add("--end", required=True, help="RFC 3339 with offset: no source time is later")
    add("--rate", type=float, default=14_400.0, help="plant seconds a host second")
    add("--interval", type=float, default=LIVE_INTERVAL_S, help="plant seconds between readings of a running batch")
    add("--anchor", help="plant time at --host-anchor, RFC 3339; default: the start of the running batches, now")
    add("--host-anchor", help="host time at --anchor, RFC 3339; -: a line of standard input says it; default: now")
    add("--skip", type=int, default=0, help="messages that an earlier run got acknowledged")
    return parser


if __name__ == "__main__":
    sys.exit(main())
