"""The dashboards as committed, a server that keeps the API's promise, and the API's own fixtures."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.build import CONTENTS, JSON
from tests.api.conftest import api_server, app, plant, tokens
from tests.dashboards.contract import Contract, serving_contract

__all__ = ["api_server", "app", "plant", "tokens"]  # fixtures are found by name in the conftest of the folder


@pytest.fixture(params=sorted(CONTENTS))
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each committed dashboard in turn."""
    return committed(request.param)


@pytest.fixture
def contract() -> Iterator[Contract]:
    with serving_contract() as serving:
        yield serving


def committed(name: str) -> dict[str, Any]:
    """A committed dashboard by its file."""
    model: dict[str, Any] = json.loads((JSON / name).read_text(encoding="utf-8"))
    return model
