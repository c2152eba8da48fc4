"""Accounts from the command line, on the record."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from batchwitness.accounts import run_laboratory, run_shut_out
from tests.api.seed import Plant, add_batch
from tests.batchwitness.conftest import name_database
from tests.fix_postgres import Database
from tests.store.test_results import result

VAR = Path("nowhere")
BY = {"by": "test", "reason": "a laboratory joins"}


@pytest.fixture(autouse=True)
def named(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    name_database(database, "api", monkeypatch)


def state(api: str, token: str, number: int) -> int:
    """State a result with a token; the status of the answer."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{api}/v1/results", json=result(f"LIMS-{number}"), headers=headers).status_code


def test_a_laboratorys_token_states_results_and_opens_nothing_else_until_it_is_shut_out(
    api_server: str, plant: Plant, capsys: pytest.CaptureFixture[str]
) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=30))
    assert run_laboratory(VAR, name="lims", days=30, **BY) == 0
    token = capsys.readouterr().out.strip()
    assert state(api_server, token, 1) == 201
    assert httpx.get(f"{api_server}/v1/batches", headers={"Authorization": f"Bearer {token}"}).status_code == 403
    assert run_laboratory(VAR, name="lims", days=30, **BY) == 0
    again = capsys.readouterr()
    assert "earlier tokens stay valid" in again.err
    assert state(api_server, again.out.strip(), 2) == 201
    assert run_shut_out(VAR, name="lims", **BY) == 0
    assert [state(api_server, one, 3) for one in (token, again.out.strip())] == [401, 401]


def test_nobody_is_shut_out_who_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_shut_out(VAR, name="nobody", **BY) == 1
    assert "nobody" in capsys.readouterr().err
