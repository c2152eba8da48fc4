"""A real MQTT broker for the whole session, and one that a test may kill and start again."""

import shutil
from collections.abc import Iterator

import pytest

from batchwitness.embedded import mosquitto
from batchwitness.embedded.broker import BrokerKind, EmbeddedBroker
from tests.fix_postgres import short_directory
from tests.support import missing


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    """The session's mosquitto: choose topics (a site of your own) and client ids that no other test uses."""
    yield from _mosquitto()


@pytest.fixture
def own_broker() -> Iterator[EmbeddedBroker]:
    """A mosquitto that belongs to one test, which may kill, stop and start it; the port stays the same."""
    yield from _mosquitto()


def _mosquitto() -> Iterator[EmbeddedBroker]:
    if mosquitto.find() is None:
        missing("mosquitto is not installed (apt-get install mosquitto)")
    directory = short_directory()
    with EmbeddedBroker(directory / "broker", 0, kind=BrokerKind.MOSQUITTO) as broker:
        yield broker
    shutil.rmtree(directory)
