"""The checks, one function each: what is tried, what was seen, what that means for the record."""

from batchwitness.broker_check.finding import Finding, Grade
from batchwitness.broker_check.ground import Ground, in_order, numbered
from batchwitness.broker_check.probe import NoConnection
from ingest.versions import Version
from store.payload import MOST_BYTES

WINDOW = 10
BEYOND_WINDOW = 50
UNACKNOWLEDGED = 10
HOUR_S = 3600
NOT_AUTHORISED = 0x87


def version(ground: Ground) -> Finding:
    """Which MQTT is spoken."""
    if ground.version is Version.V5:
        return _finding("version of MQTT", Grade.PASS, "5", "everything below can be asked for")
    return _finding(
        "version of MQTT",
        Grade.WARN,
        "3.1.1",
        "the broker's own settings decide how long it keeps a session and how many messages it sends unacknowledged",
    )


def subscription(ground: Ground) -> Finding:
    """QoS 1 is granted."""
    with ground.subscriber(clean=True) as subscriber:
        granted = subscriber.subscribe(ground.topic)
    if granted == [1]:
        return _finding("QoS 1", Grade.PASS, "granted", "a message is kept until it is acknowledged")
    seen = ", ".join(f"0x{code:02x}" for code in granted) or "no answer"
    return _finding("QoS 1", Grade.FAIL, seen, "ingest does not start without it: may its user read the prefix?")


def publishing(ground: Ground) -> Finding:
    """The check's own publisher is heard; without that nothing else can be tried."""
    with ground.subscriber(clean=True) as subscriber, ground.publisher() as publisher:
        subscriber.subscribe(ground.topic)
        answers = publisher.publish(ground.topic, [b"0"])
        heard = subscriber.await_messages(1)
    if heard:
        return _finding("publishing", Grade.PASS, "heard", "the check can publish what it needs")
    answered = "refused" if NOT_AUTHORISED in answers else "not delivered"
    return _finding(
        "publishing",
        Grade.FAIL,
        answered,
        f"who publishes for the check must be allowed to write to {ground.topic}: name another with --publish-user",
    )


def session_expiry(ground: Ground) -> Finding:
    """The session is kept as long as ingest asks."""
    asked_s = ground.settings.mqtt_session_expiry_s
    if ground.version is not Version.V5:
        return _finding(
            "session expiry", Grade.NOT_TESTED, "", "MQTT 3.1.1 cannot ask; look into the broker's settings"
        )
    with ground.subscriber(expiry_s=asked_s, clean=True) as subscriber:
        given_s = int(subscriber.properties.get("SessionExpiryInterval", asked_s))
    if given_s >= asked_s:
        return _finding("session expiry", Grade.PASS, f"{asked_s} s accepted", "an absent ingest is waited for so long")
    grade = Grade.FAIL if given_s < HOUR_S else Grade.WARN
    return _finding(
        "session expiry",
        grade,
        f"{given_s} s of {asked_s} s",
        "after so long without ingest everything waiting is lost",
    )


def persistent_session(ground: Ground) -> Finding:
    """The session is there again at the next connection."""
    with ground.fresh_session(), ground.subscriber() as subscriber:
        present = subscriber.session_present
    if present:
        return _finding("persistent session", Grade.PASS, "present again", "the subscription outlives a connection")
    return _finding("persistent session", Grade.FAIL, "gone", "whatever is published while ingest is away is lost")


def offline_queue(ground: Ground) -> Finding:
    """Everything published while the session is absent comes, in order."""
    with ground.fresh_session():
        with ground.publisher() as publisher:
            answers = publisher.publish(ground.topic, numbered(ground.messages))
        with ground.subscriber() as subscriber:
            payloads = subscriber.await_messages(ground.messages)
    confirmed = sum(answer < 0x80 for answer in answers)
    kept = len(set(payloads))
    seen = f"{kept:,} of {confirmed:,} confirmed kept"
    if not in_order(payloads):
        return _finding("offline queue", Grade.WARN, f"{seen}, out of order", "tell the broker to keep the order")
    if kept >= confirmed > 0:
        return _finding("offline queue", Grade.PASS, f"{seen}, in order", "no cap below that number")
    return _finding(
        "offline queue",
        Grade.WARN if kept else Grade.FAIL,
        seen,
        f"the queue is capped (mosquitto: max_queued_messages): beyond {kept:,} messages the broker tells publishers "
        "success and drops; size it for the longest outage",
    )


def redelivery(ground: Ground) -> Finding:
    """What was delivered and not acknowledged comes again after a lost connection."""
    with ground.fresh_session():
        with ground.subscriber(acknowledges=False) as subscriber, ground.publisher() as publisher:
            publisher.publish(ground.topic, numbered(UNACKNOWLEDGED))
            subscriber.await_messages(UNACKNOWLEDGED)
            subscriber.vanish()
        with ground.subscriber() as subscriber:
            again = subscriber.await_messages(UNACKNOWLEDGED)
    seen = f"{len(set(again))} of {UNACKNOWLEDGED} came again"
    if set(again) == set(numbered(UNACKNOWLEDGED)):
        if in_order(again):
            return _finding("redelivery", Grade.PASS, f"{seen}, in order", "what ingest had not stored comes again")
        return _finding("redelivery", Grade.WARN, f"{seen}, out of order", "events may be taken in another order")
    return _finding(
        "redelivery", Grade.FAIL, seen, "what ingest had not stored when it died is lost: use another broker"
    )


def receive_maximum(ground: Ground) -> Finding:
    """No more messages are under way unacknowledged than were asked for."""
    with ground.fresh_session():
        with ground.publisher() as publisher:
            publisher.publish(ground.topic, numbered(BEYOND_WINDOW))
        with ground.subscriber(receive_maximum=WINDOW, acknowledges=False) as subscriber:
            sent = len(subscriber.await_messages(BEYOND_WINDOW))
    if ground.version is not Version.V5:
        return _finding(
            "receive maximum", Grade.NOT_TESTED, f"{sent} sent at once", "MQTT 3.1.1 cannot ask; our inbox is the bound"
        )
    if sent <= WINDOW:
        return _finding("receive maximum", Grade.PASS, f"{sent} of {WINDOW} asked for", "the broker waits for ingest")
    return _finding(
        "receive maximum", Grade.WARN, f"{sent} where {WINDOW} were asked for", "ignored; our inbox is the bound"
    )


def largest_message(ground: Ground) -> Finding:
    """A message of the size that ingest takes passes."""
    stated: int | None = None
    arrived = False
    try:
        with ground.subscriber(clean=True) as subscriber, ground.publisher() as publisher:
            stated = publisher.properties.get("MaximumPacketSize")
            subscriber.subscribe(ground.topic)
            publisher.publish(ground.topic, [bytes(MOST_BYTES)])
            arrived = bool(subscriber.await_messages(1))
    except NoConnection:
        pass  # it hung up, and hangs up still
    limit = "no limit stated" if stated is None else f"limit {stated:,} bytes"
    if arrived:
        return _finding("message size", Grade.PASS, f"{MOST_BYTES:,} bytes passed; {limit}", "as large as ingest takes")
    return _finding(
        "message size", Grade.WARN, f"{MOST_BYTES:,} bytes refused; {limit}", "publishers must send smaller messages"
    )


def retained(ground: Ground) -> Finding:
    """Old retained messages do not come, or are marked as such."""
    with ground.publisher() as publisher:
        if publisher.properties.get("RetainAvailable", 1) == 0:
            return _finding("retained messages", Grade.PASS, "not supported", "none can be mistaken for a new reading")
        publisher.publish(ground.topic, [b"0"], retain=True)
        try:
            with ground.subscriber(clean=True) as subscriber:
                subscriber.subscribe(ground.topic)
                publisher.publish(ground.topic, [b"1"])
                subscriber.wait(lambda: any(message.payload == b"1" for message in subscriber.received))
                old = [message for message in subscriber.received if message.payload == b"0"]
        finally:
            publisher.publish(ground.topic, [b""], retain=True)
    if not old:
        return _finding("retained messages", Grade.PASS, "not sent", "none can be mistaken for a new reading")
    if all(message.retained for message in old):
        return _finding("retained messages", Grade.PASS, "sent, marked", "ingest ignores them by their mark")
    return _finding(
        "retained messages", Grade.WARN, "sent without a mark", "old messages are taken again at every subscription"
    )


def _finding(check: str, grade: Grade, seen: str, meaning: str) -> Finding:
    return Finding(check=check, grade=grade, seen=seen, meaning=meaning)
