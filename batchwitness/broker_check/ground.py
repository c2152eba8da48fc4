"""Where the checks take place: a topic and client ids that nobody else uses, and how to leave nothing behind."""

import contextlib
import itertools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from batchwitness.broker_check.probe import NoConnection, Probe
from ingest.settings import IngestSettings
from ingest.topic import CHECK_LEVEL
from ingest.versions import Version

LEFT_BEHIND_S = 600  # how long a broker keeps our sessions, should the check itself be killed


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every check needs."""

    settings: IngestSettings  # as ingest connects
    publishing: IngestSettings  # as whoever publishes for the check connects
    version: Version
    messages: int  # for the queue of an absent session
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def topic(self) -> str:
        """Below the prefix, where ingest puts nothing on record."""
        return f"{self.settings.topic_prefix}/{CHECK_LEVEL}/{self.token}"

    def subscriber(
        self,
        *,
        receive_maximum: int = 65_535,
        expiry_s: int = LEFT_BEHIND_S,
        clean: bool = False,
        acknowledges: bool = True,
    ) -> Probe:
        """A client with ingest's credentials and a session that stays."""
        settings = self.settings.model_copy(update={"mqtt_session_expiry_s": expiry_s})
        return Probe(
            settings,
            self._client_id("s"),
            version=self.version,
            receive_maximum=receive_maximum,
            clean=clean,
            acknowledges=acknowledges,
        )

    def publisher(self) -> Probe:
        """A client that publishes."""
        settings = self.publishing.model_copy(update={"mqtt_session_expiry_s": 0})
        return Probe(settings, self._client_id("p"), version=self.version, clean=True)

    @contextlib.contextmanager
    def fresh_session(self) -> Iterator[None]:
        """A session that subscribes to the topic and is absent inside the block; afterwards it is gone."""
        self.forget()  # and then not clean: to 3.1.1 and to some brokers of 5 that means a session that is not kept
        with self.subscriber() as subscriber:
            subscriber.subscribe(self.topic)
        try:
            yield
        finally:
            self.forget()

    def forget(self) -> None:
        """End the session at the broker and take back a retained message."""
        with contextlib.suppress(NoConnection), self.subscriber(expiry_s=0, clean=True):
            pass

    def _client_id(self, role: str) -> str:
        return f"batchwitness-check-{self.token}-{role}"


def numbered(count: int) -> list[bytes]:
    """Payloads that say their place."""
    return [b"%d" % number for number in range(count)]


def in_order(payloads: list[bytes]) -> bool:
    """Whether numbered payloads ascend; a repeated one is no disorder, redelivery is allowed."""
    numbers = [int(payload) for payload in payloads]
    return all(later >= earlier for earlier, later in itertools.pairwise(numbers))
