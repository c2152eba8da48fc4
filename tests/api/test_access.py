"""Nothing is open but what says so here, and nobody does what their role does not say."""

import re
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from starlette.routing import Mount

from tests.api.conftest import PASSWORD, PEOPLE, Tokens, sign_in
from tests.api.seed import Plant, add_alert, add_batch

OPEN = {("GET", "/health"), ("GET", "/login"), ("POST", "/login"), ("POST", "/logout")}
FLOOR = {("GET", "/grafana/floor/units"), ("GET", "/grafana/floor/alerts"), ("GET", "/ready")}
MAY_ACKNOWLEDGE = {"otto", "mia", "quinn"}


def all_routes(app: FastAPI) -> set[tuple[str, str]]:
    """Every method and path of the application, with parameters filled in."""
    return {
        (method, re.sub(r"{[^}]*}", "1", route.path or ""))
        for route in iter_route_contexts(app.routes)
        for method in getattr(route, "methods", None) or ()
    }


def test_the_list_of_open_routes_names_routes_that_exist(app: FastAPI) -> None:
    assert all_routes(app) >= OPEN | FLOOR
    assert len(all_routes(app)) > 35


def test_every_route_but_health_and_login_refuses_somebody_unknown(
    app: FastAPI, anonymous: TestClient, plant: Plant
) -> None:
    for method, path in sorted(all_routes(app) - OPEN):
        answer = anonymous.request(method, path)
        to_login = answer.status_code == 303 and answer.headers["location"].startswith("/login")
        assert answer.status_code == 401 or to_login, f"{method} {path} answered {answer.status_code} to nobody"
        assert "BR-01" not in answer.text


@pytest.mark.parametrize("which", ["expired", "made up", ""])
def test_a_token_that_is_no_longer_or_never_was_valid_opens_nothing(
    app: FastAPI, anonymous: TestClient, tokens: Tokens, which: str
) -> None:
    token = tokens.expired if which == "expired" else which
    anonymous.headers["Authorization"] = f"Bearer {token}"
    for method, path in sorted(all_routes(app) - OPEN):
        assert anonymous.request(method, path).status_code in {401, 303}, f"{method} {path}"


def test_a_floor_token_opens_the_floor_routes_and_no_other(app: FastAPI, floor: TestClient, plant: Plant) -> None:
    for method, path in sorted(FLOOR):
        assert floor.request(method, path).status_code in {200, 503}, path
    for method, path in sorted(all_routes(app) - OPEN - FLOOR):
        assert floor.request(method, path).status_code == 403, f"{method} {path} is open to a wall board"


def test_a_review_token_of_a_machine_without_the_role_opens_no_review_route(
    app: FastAPI, anonymous: TestClient, tokens: Tokens
) -> None:
    anonymous.headers["Authorization"] = f"Bearer {tokens.roleless}"
    for method, path in sorted(all_routes(app) - OPEN - FLOOR):
        assert anonymous.request(method, path).status_code == 403, f"{method} {path}"


@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_each_person_gets_exactly_what_their_roles_say(
    anonymous: TestClient, people: None, plant: Plant, name: str
) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=40))
    alert = add_alert(plant, "CT-1")
    assert sign_in(anonymous, name).status_code == 303
    reads = 403 if name == "nobody" else 200
    for path in ("/", "/batches", "/batches/CT-1", f"/alerts/{alert}", "/v1/batches", "/v1/units", "/metrics"):
        assert anonymous.get(path).status_code == reads, f"{name} reading {path}"
    answer = anonymous.post(
        f"/v1/alerts/{alert}/acknowledge",
        json={"comment": "seen at the reactor"},
        headers={"Origin": "http://plant.example"},
    )
    assert answer.status_code == (200 if name in MAY_ACKNOWLEDGE else 403), f"{name} acknowledging"


def test_no_token_of_any_scope_acknowledges_because_decisions_are_peoples(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=40))
    alert = add_alert(plant, "CT-1")
    assert review.post(f"/v1/alerts/{alert}/acknowledge", json={"comment": "robot"}).status_code == 403
    assert review.get(f"/v1/alerts/{alert}").json()["state"] == "raised"


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://plant.example.evil"])
def test_a_change_sent_by_the_page_of_another_site_is_refused(
    anonymous: TestClient, people: None, plant: Plant, origin: str | None
) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=40))
    alert = add_alert(plant, "CT-1")
    sign_in(anonymous, "mia")
    headers = {} if origin is None else {"Origin": origin}
    sent = anonymous.post(f"/v1/alerts/{alert}/acknowledge", json={"comment": "x"}, headers=headers)
    assert sent.status_code == 403
    assert anonymous.post(f"/alerts/{alert}/acknowledge", data={"comment": "x"}, headers=headers).status_code == 403
    assert anonymous.get(f"/v1/alerts/{alert}").json()["decisions"] == []


def test_the_session_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(
    anonymous: TestClient, people: None
) -> None:
    cookie = sign_in(anonymous, "vera").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(anonymous: TestClient, people: None) -> None:
    sign_in(anonymous, "vera")
    cookie = anonymous.cookies["batchwitness_session"]
    assert anonymous.get("/v1/whoami").json()["name"] == "vera"
    anonymous.post("/logout", headers={"Origin": "http://plant.example"})
    anonymous.cookies.set("batchwitness_session", cookie)
    assert anonymous.get("/v1/whoami").status_code == 401


def test_a_wrong_password_says_no_more_than_an_unknown_name(anonymous: TestClient, people: None) -> None:
    wrong, unknown = sign_in(anonymous, "vera", "wrong password"), sign_in(anonymous, "wera", "wrong password")
    assert (wrong.status_code, unknown.status_code) == (403, 403)
    assert wrong.text.replace("vera", "") == unknown.text.replace("wera", "")
    assert "set-cookie" not in wrong.headers


def test_an_address_that_tries_too_often_has_to_wait_even_with_the_right_password(
    anonymous: TestClient, people: None
) -> None:
    for number in range(10):
        assert sign_in(anonymous, f"guess{number}", "wrong password").status_code == 403
    answer = sign_in(anonymous, "vera", PASSWORD)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("then", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_never_sends_anybody_to_another_site(anonymous: TestClient, people: None, then: str) -> None:
    form = {"name": "vera", "password": PASSWORD, "then": then}
    answer = anonymous.post("/login", data=form, headers={"Origin": "http://plant.example"})
    assert answer.headers["location"] == "/"


def test_pseudonyms_are_shown_to_the_identity_role_alone(anonymous: TestClient, people: None, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=40))
    sign_in(anonymous, "quinn")
    hidden = anonymous.get("/v1/batches/CT-1").json()
    assert (hidden["donor"], hidden["chain_of_identity"], hidden["identity_hidden"]) == (None, None, True)
    assert "D-CT-1" not in anonymous.get("/batches/CT-1").text
    sign_in(anonymous, "ida")
    assert anonymous.get("/v1/batches/CT-1").json()["donor"] == "D-CT-1"


def test_the_only_mounted_folder_is_static(app: FastAPI) -> None:
    assert [route.path for route in app.routes if isinstance(route, Mount)] == ["/static"]
