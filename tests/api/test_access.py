"""Nothing is open but what says so here, and nobody does what their role does not say."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from starlette.routing import Mount

from api.attempts import AT_ONCE, Attempts
from api.problems import TooManyAttempts
from tests.api.conftest import PASSWORD, PEOPLE, Tokens, sign_in
from tests.api.seed import Plant, add_alert, add_batch, add_event

OPEN = {("GET", "/health"), ("GET", "/login"), ("POST", "/login"), ("POST", "/logout")}
FLOOR = {("GET", f"/grafana/floor/{what}") for what in ("units", "alerts", "samples")} | {("GET", "/ready")}
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
        json={"comment": "seen at the reactor", "version": 0},
        headers={"Origin": "http://plant.example"},
    )
    assert answer.status_code == (200 if name in MAY_ACKNOWLEDGE else 403), f"{name} acknowledging"


def test_no_token_of_any_scope_acknowledges_because_decisions_are_peoples(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=40))
    alert = add_alert(plant, "CT-1")
    assert review.post(f"/v1/alerts/{alert}/acknowledge", json={"comment": "robot", "version": 0}).status_code == 403
    assert review.get(f"/v1/alerts/{alert}").json()["state"] == "raised"


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://plant.example.evil"])
def test_a_change_sent_by_the_page_of_another_site_is_refused(
    anonymous: TestClient, people: None, plant: Plant, origin: str | None
) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=40))
    alert = add_alert(plant, "CT-1")
    sign_in(anonymous, "mia")
    headers = {} if origin is None else {"Origin": origin}
    sent = anonymous.post(f"/v1/alerts/{alert}/acknowledge", json={"comment": "x", "version": 0}, headers=headers)
    assert sent.status_code == 403
    assert (
        anonymous.post(f"/alerts/{alert}/acknowledge", data={"comment": "x", "version": 0}, headers=headers).status_code
        == 403
    )
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


def test_a_name_tried_too_often_has_to_wait_while_others_at_the_address_sign_in(
    anonymous: TestClient, people: None
) -> None:
    for _ in range(10):
        assert sign_in(anonymous, "vera", "wrong password").status_code == 403
    answer = sign_in(anonymous, "vera", PASSWORD)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert sign_in(anonymous, "otto", PASSWORD).status_code == 303


def test_who_comes_while_all_places_are_taken_is_refused_at_once_and_holds_no_thread() -> None:
    attempts = Attempts()
    with ExitStack() as places:
        for number in range(AT_ONCE):
            places.enter_context(attempts.one("192.0.2.1", f"guess{number}"))
        before = time.monotonic()
        with pytest.raises(TooManyAttempts) as refused, attempts.one("192.0.2.2", "vera"):
            pass
        assert time.monotonic() - before < 1
        assert refused.value.retry_after_s > 0
    with attempts.one("192.0.2.2", "vera") as attempt:
        assert not attempt.has_failed


def test_an_address_that_a_client_claims_in_a_header_is_not_believed(api_server: str, people: None) -> None:
    with httpx.Client(base_url=api_server, headers={"Origin": api_server}) as client:
        statuses = [
            client.post(
                "/login",
                data={"name": "nobody-known", "password": "wrong password"},
                headers={"X-Forwarded-For": f"192.0.2.{number}"},
            ).status_code
            for number in range(11)
        ]
    assert statuses == [403] * 10 + [429]


@pytest.mark.parametrize("path", ["/login", "/alerts/1/acknowledge", "/v1/alerts/1/acknowledge"])
def test_a_request_that_carries_too_much_is_cut_off_whatever_length_it_declares(
    anonymous: TestClient, plant: Plant, path: str
) -> None:
    def flood() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * 16 * 1024

    for content in (flood(), b"comment=" + b"x" * 70_000):
        answer = anonymous.post(
            path,
            content=content,
            headers={"Origin": "http://plant.example", "Content-Type": "application/x-www-form-urlencoded"},
        )
        assert answer.status_code == 413, "before anybody was asked who they are"
    assert "65536" in answer.text


def test_a_request_without_end_is_cut_off_while_it_still_arrives(api_server: str) -> None:
    host, port = api_server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        for _ in range(5):
            connection.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "then", ["https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example", "javascript:alert(1)"]
)
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


@pytest.mark.parametrize("name", ["vera", "quinn"])
def test_no_text_of_an_event_tells_a_pseudonym_to_somebody_without_the_identity_role(
    anonymous: TestClient, people: None, plant: Plant, name: str
) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=40), ended=plant.now, status="terminated")
    plant.do("UPDATE batch SET donor = 'D-17', chain_of_identity = 'COI-88', end_reason = 'donor d-17 was withdrawn'")
    body = {"donor": "D-17", "chain_of_identity": "COI-88", "patient": "D-17", "comment": "bag of D-17 (COI-88), 2 L"}
    add_event(plant, "CT-1", "material_used", hour=1, **body)
    sign_in(anonymous, name)
    (event,) = anonymous.get("/v1/batches/CT-1/events").json()["items"]
    assert event["body"] == {"event": "material_used", "comment": "bag of [hidden] ([hidden]), 2 L"}
    for path in ("/v1/batches", "/v1/batches/CT-1", "/v1/batches/CT-1/events", "/batches", "/batches/CT-1"):
        text = anonymous.get(path).text
        assert "withdrawn" in text or path.endswith("events")
        assert "17" not in re.findall(r"(?i)d-(\d+)", text), path
        assert "COI-88" not in text, path
    sign_in(anonymous, "ida")
    assert anonymous.get("/v1/batches/CT-1/events").json()["items"][0]["body"]["patient"] == "D-17"
    assert anonymous.get("/v1/batches/CT-1").json()["end_reason"] == "donor d-17 was withdrawn"


def test_refused_events_in_quarantine_tell_no_pseudonym_without_the_identity_role(
    anonymous: TestClient, people: None, plant: Plant
) -> None:
    for number, (topic, reason, excerpt) in enumerate(
        (
            ("batchwitness/v1/Lyon/hall/BR-01/events", "donor must be text, not ['D-99']", '{"donor": ["D-99"]}'),
            ("batchwitness/v1/Lyon/hall/BR-01/events/all", "the topic is not one of the three", '{"donor": "D-99"}'),
            ("batchwitness/v1/Lyon/hall/BR-01/readings", "values is missing", '{"donor": "D-99"}'),
            ("batchwitness/v1/Lyon/hall/BR-01/readings", "values.pH is null", '{"values": {"pH": null}}'),
        )
    ):
        plant.insert(
            "quarantine",
            chain_id=plant.chain,
            block_seq=1,
            entry=number,
            topic=topic,
            item="",
            code="bad",
            reason=reason,
            excerpt=excerpt,
            received_time=plant.now,
            digest=plant.fresh_digest(),
        )
    sign_in(anonymous, "quinn")
    assert "D-99" not in anonymous.get("/quarantine").text
    answer = anonymous.get("/v1/quarantine")
    assert "D-99" not in answer.text
    shown = answer.json()["page"]["items"]
    assert [item["excerpt"] for item in shown] == ['{"values": {"pH": null}}', "[hidden]", "[hidden]", "[hidden]"]
    assert shown[-1]["reason"] == "donor must be text [hidden]"
    sign_in(anonymous, "ida")
    assert anonymous.get("/v1/quarantine").text.count("D-99") == 4


def test_the_only_mounted_folder_is_static(app: FastAPI) -> None:
    assert [route.path for route in app.routes if isinstance(route, Mount)] == ["/static"]
