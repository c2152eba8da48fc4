"""Every refusal is problem details that name the field and the value; no failure takes the process with it."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.database import make_pool
from api.settings import ApiSettings
from tests.api.conftest import Tokens
from tests.api.seed import Plant, add_batch
from tests.fix_postgres import Database


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("/v1/batches?limit=0", "limit", "0"),
        ("/v1/batches?cursor=99999999999999999999", "cursor", "99999999999999999999"),
        ("/v1/batches?role=middle", "role", "middle"),
        ("/v1/batches/CT-1/readings?step_s=-1", "step_s", "-1"),
        ("/v1/batches/CT-1/readings?from_h=nan", "from_h", "nan"),
        ("/v1/batches/CT-1/overlay", "tag", "None"),
        ("/v1/alerts/0", "alert", "0"),
        ("/grafana/readings?batch=CT-1&from=yesterday", "from", "yesterday"),
        ("/grafana/readings?batch=CT-1&to=99999999999999", "to", "99999999999999"),
    ],
)
def test_a_value_out_of_range_is_refused_by_field_and_value(
    review: TestClient, path: str, field: str, value: str
) -> None:
    answer = review.get(path)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["errors"][0]["field"], problem["errors"][0]["value"]) == (field, value)
    assert problem["detail"].startswith(f"{field} = {value!r}: ")


@pytest.mark.parametrize(
    "path", ["/v1/batches/CT-99", "/v1/alerts/99", "/v1/batches/CT-1/overlay?tag=nothing", "/v1/nowhere"]
)
def test_what_is_not_there_is_a_problem_too(review: TestClient, plant: Plant, path: str) -> None:
    add_batch(plant, "CT-1", started=plant.now)
    answer = review.get(path)
    assert answer.status_code == 404
    assert answer.json()["title"] == "Not Found"


def test_a_password_that_is_refused_for_its_length_is_not_repeated(anonymous: TestClient) -> None:
    form = {"name": "vera", "password": "correct horse " * 30}
    answer = anonymous.post("/login", data=form, headers={"Origin": "http://plant.example"})
    assert answer.status_code == 422
    assert "password" in answer.text
    assert "correct horse" not in answer.text


def test_names_with_control_characters_never_reach_the_database(review: TestClient) -> None:
    assert review.get("/v1/batches/a%00b").status_code == 422
    assert review.get("/grafana/tags?batch=a%00b").status_code == 422


def test_without_a_database_the_process_lives_and_says_503_without_the_databases_words(
    database: Database, tokens: Tokens
) -> None:
    app: FastAPI = create_app(make_pool("host=/nowhere user=secret_user connect_timeout=1"), ApiSettings())
    with TestClient(app, headers={"Authorization": f"Bearer {tokens.review}"}) as client:
        answer = client.get("/v1/batches")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert "secret_user" not in answer.text
        assert client.get("/health").json() == {"status": "ok"}


def test_a_cookie_is_marked_secure_unless_the_api_listens_on_loopback() -> None:
    assert not ApiSettings(api_host="127.0.0.1").secure_cookies
    assert ApiSettings(api_host="0.0.0.0").secure_cookies  # noqa: S104 - a value, nothing listens
    assert not ApiSettings(api_host="0.0.0.0", cookie_secure="no").secure_cookies  # noqa: S104 - see above
