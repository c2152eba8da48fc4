"""The OpenAPI description, tested by requests nobody thought of."""

from datetime import timedelta
from typing import Any

import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from tests.api.conftest import Tokens
from tests.api.seed import Plant, add_alert, add_batch, add_quarantine, add_readings, add_result

EXAMPLES = 12
CHECKED = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
NOT_PROBED = "/ready"  # 503 is its way of saying that a plant has no analytics


def test_no_request_that_the_description_allows_or_forbids_breaks_the_server_or_its_promises(
    app: FastAPI, anonymous: TestClient, plant: Plant, tokens: Tokens
) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=30))
    add_readings(plant, "CT-1", until_h=30)
    add_alert(plant, "CT-1")
    add_result(plant, "CT-1", "LIMS-1")
    add_quarantine(plant)
    load_all_checks()
    checks: list[Any] = [CHECKS.get_one(name) for name in CHECKED]
    headers = {"Authorization": f"Bearer {tokens.review}"}
    probed = []
    for result in schemathesis.openapi.from_dict(app.openapi()).get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if operation.path == NOT_PROBED:
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def probe(case: schemathesis.Case[Any]) -> None:
            request = case.as_transport_kwargs(base_url="http://plant.example", headers=headers)
            request.pop("cookies", None)
            case.validate_response(anonymous.request(**request), checks=checks)

        probe()
        probed.append(operation.path)
    assert len(probed) > 25
