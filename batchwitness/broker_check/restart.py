"""The check that needs the broker to be restarted: what it kept for an absent session, and what it lost."""

import time
from collections.abc import Callable

from batchwitness.broker_check.finding import Finding, Grade
from batchwitness.broker_check.ground import Ground, in_order, numbered
from batchwitness.broker_check.probe import NoConnection, Probe

MESSAGES = 300
BACK_WITHIN_S = 60.0
LOOK_AGAIN_S = 0.5


def restart(ground: Ground, restart_broker: Callable[[], str | None]) -> Finding:
    """Publish for an absent session, have the broker restarted, count what is still there.

    `restart_broker` returns why it could not, or None.
    """
    with ground.fresh_session():
        with ground.publisher() as publisher:
            confirmed = sum(answer < 0x80 for answer in publisher.publish(ground.topic, numbered(MESSAGES)))
        failure = restart_broker()
        if failure is not None:
            return _finding(Grade.NOT_TESTED, failure, "have it restarted by hand, or name another command")
        subscriber = _back(ground)
        if subscriber is None:
            return _finding(Grade.FAIL, f"not back within {BACK_WITHIN_S:.0f} s", "look into its log")
        with subscriber:
            payloads = subscriber.await_messages(MESSAGES)
    kept = len(set(payloads))
    seen = f"{kept} of {confirmed} confirmed kept{'' if in_order(payloads) else ', out of order'}"
    if kept >= confirmed > 0:
        return _finding(Grade.PASS, seen, "an orderly restart loses nothing; a power cut was not tried")
    return _finding(
        Grade.WARN if kept else Grade.FAIL,
        seen,
        "what waits for ingest does not survive a restart of the broker (mosquitto: persistence, autosave_interval); "
        "only publishers that number their messages have the loss found",
    )


def not_restarted() -> Finding:
    """Nobody offered to restart the broker."""
    return _finding(Grade.NOT_TESTED, "", "restart it with --restart-with COMMAND, or by hand with --restart-by-hand")


def _back(ground: Ground) -> Probe | None:
    deadline = time.monotonic() + BACK_WITHIN_S
    while time.monotonic() < deadline:
        try:
            with ground.publisher():
                return ground.subscriber()
        except NoConnection:
            time.sleep(LOOK_AGAIN_S)
    return None


def _finding(grade: Grade, seen: str, meaning: str) -> Finding:
    return Finding(check="restart", grade=grade, seen=seen, meaning=meaning)
