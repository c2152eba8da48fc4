"""Somebody who may ask the API of a running stack."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import psycopg

from batchwitness.embedded.database import OWNER
from batchwitness.embedded.stack import Stack
from records.actors import add_machine, issue_token

BY = {"by": "bench", "reason": "to ask while it runs"}


@contextmanager
def reader(stack: Stack) -> Iterator[httpx.Client]:
    """A client with a token of a viewer."""
    with psycopg.connect(stack.dsn(OWNER), autocommit=True) as connection, connection.transaction():
        add_machine(connection, name="bench", printed_name="Bench", roles=["viewer"], **BY)
        expires = datetime.now(UTC) + timedelta(days=1)
        token = issue_token(connection, actor_name="bench", scope="review", expires=expires, **BY)
    with httpx.Client(base_url=stack.api_url, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client
