"""Analytics as a test runs it, until nothing is left to do, and a reference as people put it to use."""

from typing import Any

import psycopg

from analytics.runner import Runner
from analytics.settings import AnalyticsSettings
from records.references import approve, put_to_use
from store.model.ids import ReferenceId
from tests.people import somebody


def work_off(dsn: str, **settings: Any) -> None:
    """Run a fresh worker with that connection string until it has nothing to do, as after a restart."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        runner = Runner(
            connect=lambda: connection,
            settings=AnalyticsSettings(**settings),
            stopping=lambda: False,
            wait=lambda _within_s: None,
        )
        while runner.step(connection):
            pass


def use_reference(connection: psycopg.Connection, reference_id: ReferenceId) -> None:
    """QA approves a draft and puts it to use."""
    asked = "SELECT encode(digest, 'hex') FROM reference WHERE reference_id = %s"
    found = connection.execute(asked, [reference_id]).fetchone()
    assert found is not None
    quinn = somebody("qa", name="quinn")
    approve(connection, reference_id, digest=found[0], actor=quinn, reason="reviewed")
    put_to_use(connection, reference_id, actor=quinn, reason="begin")
