"""The API over a real database: without a network for its JSON, behind a real socket for its pages."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.database import make_pool
from api.main import make_server
from api.settings import ApiSettings
from records.actors import add_machine, add_person, issue_token
from tests.analytics.conftest import history, watched
from tests.analytics.test_revisions import short_rounds
from tests.api.seed import Plant, lay_out, tick
from tests.fix_postgres import Database
from tests.support import eventually

__all__ = ["history", "short_rounds", "watched"]  # fixtures are found by name in the folder's conftest
PASSWORD = "correct horse battery"
PEOPLE = {
    "vera": ("Vera Viewer", ["viewer"]),
    "otto": ("Otto Operator", ["operator"]),
    "mia": ("Mia Engineer", ["msat"]),
    "quinn": ("Quinn Reviewer", ["qa"]),
    "ada": ("Ada Admin", ["admin"]),
    "ida": ("Ida Identity", ["viewer", "identity"]),
    "nobody": ("No Roles", []),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens of the machines every test has."""

    floor: str
    review: str
    expired: str
    roleless: str  # scope review, but the machine has only the role of a wall board


@pytest.fixture
def people(database: Database) -> None:
    """The people of PEOPLE, who all have the same password."""
    with database.connect("api", autocommit=False) as connection:
        for name, (printed_name, roles) in PEOPLE.items():
            add_person(
                connection,
                name=name,
                printed_name=printed_name,
                roles=roles,
                password=PASSWORD,
                by="test",
                reason="test",
            )


@pytest.fixture
def tokens(database: Database) -> Tokens:
    """Machines with their tokens."""
    later, earlier = datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) - timedelta(days=1)
    made = {}
    with database.connect("api", autocommit=False) as connection:
        for name, roles in (("wall", ["floor"]), ("grafana", ["viewer"])):
            add_machine(connection, name=name, printed_name=name, roles=roles, by="test", reason="test")
        for key, name, scope, expires in (
            ("floor", "wall", "floor", later),
            ("review", "grafana", "review", later),
            ("expired", "grafana", "review", earlier),
            ("roleless", "wall", "review", later),
        ):
            made[key] = issue_token(connection, actor_name=name, scope=scope, expires=expires, by="test", reason="test")
    return Tokens(**made)


@pytest.fixture
def plant(database: Database) -> Iterator[Plant]:
    """A plant without batches, whose clock ticks once."""
    with database.connect() as connection:
        laid_out = lay_out(connection)
        tick(laid_out)
        yield laid_out


@pytest.fixture
def app(database: Database) -> FastAPI:
    return create_app(make_pool(database.dsn("api")), ApiSettings())


@pytest.fixture
def anonymous(app: FastAPI) -> Iterator[TestClient]:
    """Nobody in particular."""
    with TestClient(app, base_url="http://plant.example", follow_redirects=False) as client:
        yield client


@pytest.fixture
def review(anonymous: TestClient, tokens: Tokens) -> TestClient:
    """The review machine."""
    anonymous.headers["Authorization"] = f"Bearer {tokens.review}"
    return anonymous


@pytest.fixture
def floor(anonymous: TestClient, tokens: Tokens) -> TestClient:
    """The wall board."""
    anonymous.headers["Authorization"] = f"Bearer {tokens.floor}"
    return anonymous


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> httpx.Response:
    """Sign in as a person of PEOPLE; the cookie stays with the client."""
    form = {"name": name, "password": password}
    return cast("httpx.Response", client.post("/login", data=form, headers={"Origin": "http://plant.example"}))


@pytest.fixture
def api_server(app: FastAPI) -> Iterator[str]:
    """The API behind a real socket, in a thread, which starts faster than a process; its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = make_server(app, ApiSettings())
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="api")
        serving.start()
        try:
            eventually(lambda: server.started, within_s=30, what="the API answers")
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            serving.join(15)
