from collections.abc import Iterator

import pytest

from tests.fix_postgres import Database
from tests.store.record import Record, opened


@pytest.fixture
def record(database: Database) -> Iterator[Record]:
    with opened(database) as one:
        yield one
