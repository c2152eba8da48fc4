"""A Grafana's token opens what its dashboards ask, and is issued on the record."""

import httpx
import pytest

from dashboards.command import run_token
from records.actors import actor_of_token
from tests.fix_postgres import Database


def issue(database: Database, capsys: pytest.CaptureFixture[str], service: str, *, days: int = 365) -> str:
    capsys.readouterr()
    assert run_token(database.dsn("api"), service=service, days=days, by="test", reason="first start") == 0
    return capsys.readouterr().out.strip()


def test_the_token_of_the_wall_board_opens_the_floor_and_nothing_else(
    database: Database, api_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    token = issue(database, capsys, "floor")
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{api_server}/grafana/floor/units", headers=headers).status_code == 200
    assert httpx.get(f"{api_server}/v1/batches", headers=headers).status_code == 403


def test_a_second_token_leaves_the_first_one_valid(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = issue(database, capsys, "review"), issue(database, capsys, "review")
    assert first != second
    with database.connect("api", autocommit=False) as connection:
        actors = [actor_of_token(connection, token) for token in (first, second)]
    assert [actor and (actor.name, actor.scope) for actor in actors] == [("grafana-review", "review")] * 2


def test_a_token_that_has_ended_is_nobodys(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    token = issue(database, capsys, "floor", days=-1)
    with database.connect("api", autocommit=False) as connection:
        assert actor_of_token(connection, token) is None


def test_there_is_no_token_for_a_service_that_does_not_exist(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_token(database.dsn("api"), service="cellar", days=1, by="test", reason="test") == 1
    assert "cellar" in capsys.readouterr().err
