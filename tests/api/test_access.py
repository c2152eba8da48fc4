"""Nothing is open but what says so here."""

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount

from tests.api.seed import Plant

OPEN = {("GET", "/health"), ("GET", "/login"), ("POST", "/login"), ("POST", "/logout")}


def all_routes(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path of the application, with parameters filled in."""
    found = []
    for route in app.routes:
        if isinstance(route, APIRoute):
            path = route.path
            for parameter in route.dependant.path_params:
                path = path.replace(f"{{{parameter.name}}}", "1")
            found += [(method, path) for method in sorted(route.methods or ())]
    return found


def test_every_route_but_health_and_login_refuses_somebody_unknown(
    app: FastAPI, anonymous: TestClient, plant: Plant
) -> None:
    for method, path in all_routes(app):
        if (method, path) in OPEN:
            continue
        answer = anonymous.request(method, path)
        to_login = answer.status_code == 303 and answer.headers["location"].startswith("/login")
        assert answer.status_code == 401 or to_login, f"{method} {path} answered {answer.status_code} to nobody"
        assert "BR-01" not in answer.text


def test_the_only_mounted_folder_is_static(app: FastAPI) -> None:
    assert [route.path for route in app.routes if isinstance(route, Mount)] == ["/static"]
