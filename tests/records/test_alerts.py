from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from records.actors import Actor, ActorKind
from records.alerts import acknowledge, assess
from records.audit import trail, verify
from store.errors import Conflict, InputInvalid, NotAllowed, NotFound
from store.model.alert import AlertCause, AlertImpact
from store.model.ids import ActorId
from tests.fix_postgres import Database

ONE_ALERT = """
WITH place AS (
    INSERT INTO site (name) VALUES ('leiden') RETURNING site_id
), hall AS (
    INSERT INTO area (site_id, name) SELECT site_id, 'hall' FROM place RETURNING area_id
), reactor AS (
    INSERT INTO unit (area_id, name, kind, commissioned)
    SELECT area_id, 'BR-01', 'bioreactor', '2024-01-01Z' FROM hall RETURNING unit_id
)
INSERT INTO alert (unit_id, ordinal, kind, detector, tags, raised_time, onset_time, phase_time_h, score, limit_value,
    sentence, contributions, cells, software, intake_ordinal)
SELECT unit_id, 1, 'drift', 'ewma', '{pH}', now(), now(), 1, 4, 3, 'pH drifts', '[]', '[]', '1', 1 FROM reactor
RETURNING alert_id
"""


NOTHING: dict[str, Any] = {"impact": AlertImpact.NONE, "cause": AlertCause.SENSOR}


def somebody(*roles: str) -> Actor:
    return Actor(
        actor_id=ActorId(1),
        name="mara",
        printed_name="Mara Ott",
        kind=ActorKind.PERSON,
        roles=frozenset(roles),
        scope=None,
    )


@pytest.fixture
def conn(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect("api") as connection:
        yield connection


@pytest.fixture
def alert_id(database: Database) -> int:
    with database.connect() as owner:
        row = owner.execute(ONE_ALERT).fetchone()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def state(conn: psycopg.Connection, alert_id: int) -> object:
    return conn.execute("SELECT state, decided_by, comment FROM alert_now WHERE alert_id = %s", [alert_id]).fetchone()


def test_an_alert_is_acknowledged_then_assessed_and_each_step_is_audited(
    conn: psycopg.Connection, alert_id: int
) -> None:
    assert state(conn, alert_id) == ("raised", None, None)

    seen_at = acknowledge(conn, alert_id=alert_id, version=0, actor=somebody("operator"), comment=" probe fouled? ")
    assert state(conn, alert_id) == ("acknowledged", "mara", "probe fouled?")
    judged_at = assess(conn, alert_id=alert_id, version=0, actor=somebody("qa"), comment="no impact", **NOTHING)
    assert state(conn, alert_id) == ("assessed", "mara", "no impact")

    events = trail(conn, subject=f"alert:{alert_id}", limit=10)
    assert [(event.known_at, event.action, event.reason) for event in events] == [
        (seen_at, "alert_acknowledged", "probe fouled?"),
        (judged_at, "alert_assessed", "no impact"),
    ]
    assert [(event.old, event.new) for event in events] == [
        ({"state": "raised"}, {"state": "acknowledged", "version": 0}),
        (
            {"state": "acknowledged"},
            {"state": "assessed", "version": 0, "impact": "none", "cause": "sensor"},
        ),
    ]
    assert verify(conn) == []


@pytest.mark.parametrize("role", ["viewer", "admin", "identity", "floor"])
def test_who_only_looks_or_only_administers_decides_nothing(conn: psycopg.Connection, alert_id: int, role: str) -> None:
    with pytest.raises(NotAllowed, match="msat, operator, qa"):
        acknowledge(conn, alert_id=alert_id, version=0, actor=somebody(role), comment="seen")
    assert state(conn, alert_id) == ("raised", None, None)


def test_an_operator_does_not_assess(conn: psycopg.Connection, alert_id: int) -> None:
    acknowledge(conn, alert_id=alert_id, version=0, actor=somebody("operator"), comment="seen")
    with pytest.raises(NotAllowed):
        assess(conn, alert_id=alert_id, version=0, actor=somebody("operator"), comment="no impact", **NOTHING)


def test_steps_are_taken_once_and_in_order(conn: psycopg.Connection, alert_id: int) -> None:
    qa = somebody("qa")
    with pytest.raises(Conflict, match="is raised; only what is acknowledged"):
        assess(conn, alert_id=alert_id, version=0, actor=qa, comment="no impact", **NOTHING)
    acknowledge(conn, alert_id=alert_id, version=0, actor=qa, comment="seen")
    with pytest.raises(Conflict, match="is acknowledged; only what is raised"):
        acknowledge(conn, alert_id=alert_id, version=0, actor=qa, comment="seen")
    with pytest.raises(NotFound):
        acknowledge(conn, alert_id=alert_id + 1, version=0, actor=qa, comment="seen")
    with pytest.raises(InputInvalid, match="comment"):
        assess(conn, alert_id=alert_id, version=0, actor=qa, comment="  ", **NOTHING)
    assert len(trail(conn, limit=10)) == 1


def go_on(database: Database, alert_id: int, version: int, *tags: str) -> None:
    """The alert has a later version, with these tags."""
    with database.connect() as owner:
        owner.execute(
            "INSERT INTO alert_update (alert_id, version, detector, tags, score, limit_value, sentence, contributions,"
            " cells, intake_ordinal) VALUES (%s, %s, 'ewma', %s, 5, 3, 'drifts', '[]', '[]', 2)",
            [alert_id, version, list(tags)],
        )


def test_nobody_decides_about_a_version_they_have_not_seen(
    conn: psycopg.Connection, database: Database, alert_id: int
) -> None:
    go_on(database, alert_id, 1, "pH")
    for version in (0, 2):
        with pytest.raises(Conflict, match="has changed since you saw it"):
            acknowledge(conn, alert_id=alert_id, version=version, actor=somebody("qa"), comment="seen")
    acknowledge(conn, alert_id=alert_id, version=1, actor=somebody("qa"), comment="seen")
    assert conn.execute("SELECT version FROM alert_decision").fetchall() == [(1,)]


def test_an_alert_that_spreads_after_its_acknowledgement_is_raised_again_and_one_that_only_goes_on_is_not(
    conn: psycopg.Connection, database: Database, alert_id: int
) -> None:
    def stands() -> object:
        return conn.execute(
            "SELECT state, spread_to, version FROM alert_now WHERE alert_id = %s", [alert_id]
        ).fetchone()

    acknowledge(conn, alert_id=alert_id, version=0, actor=somebody("qa"), comment="seen")
    go_on(database, alert_id, 1, "pH")
    assert stands() == ("acknowledged", [], 1)
    go_on(database, alert_id, 2, "pH", "temperature", "lactate")
    assert stands() == ("raised", ["lactate", "temperature"], 2)
    with pytest.raises(Conflict, match="is raised"):
        assess(conn, alert_id=alert_id, version=2, actor=somebody("qa"), comment="no impact", **NOTHING)
    acknowledge(conn, alert_id=alert_id, version=2, actor=somebody("qa"), comment="seen again")
    assert stands() == ("acknowledged", [], 2)
    go_on(database, alert_id, 3, "pH", "temperature", "lactate")
    assess(conn, alert_id=alert_id, version=3, actor=somebody("qa"), comment="no impact", **NOTHING)
    assert stands() == ("assessed", [], 3)


def test_of_people_who_acknowledge_at_once_one_does_and_the_others_are_told(database: Database, alert_id: int) -> None:
    def attempt(number: int) -> bool:
        with database.connect("api", autocommit=False) as conn:
            try:
                acknowledge(conn, alert_id=alert_id, version=0, actor=somebody("qa"), comment=f"seen by {number}")
            except Conflict:
                return False
            return True

    with ThreadPoolExecutor(8) as people:
        done = list(people.map(attempt, range(8)))

    assert sum(done) == 1
    with database.connect() as owner:
        assert owner.execute("SELECT count(*) FROM alert_decision").fetchone() == (1,)
