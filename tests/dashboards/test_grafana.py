"""What we say to a running Grafana, heard by a loopback server. No Grafana runs in these tests."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from grafana_client.client import GrafanaException

from batchwitness.embedded import ports
from dashboards.command import PACKAGE, run_check, run_push
from dashboards.grafana import Annotation, Pushed, check_running, push_annotations
from tests.dashboards.conftest import committed
from tests.dashboards.contract import REVIEW_TOKEN, T0_MS, Contract
from tests.dashboards.grafana_stub import TOKEN, GrafanaStub, serving_grafana

SOURCE = "batchwitness-review"
BOARD, CHARTS = "batchwitness-batch-over-reference", "batchwitness-between-batches"
BOARDS = {BOARD: "review/batch_over_reference.json", CHARTS: "review/between_batches.json"}
DRIFT = Annotation(
    alert="17", batch="CT-2042", kind="drift", text="dissolved_oxygen is low", time_ms=T0_MS, time_end_ms=None
)


@pytest.fixture
def grafana() -> Iterator[GrafanaStub]:
    """A Grafana that shows the review boards as committed."""
    with serving_grafana() as stub:
        stub.sources[SOURCE] = {"status": "OK", "message": "200 OK"}
        for uid, file in BOARDS.items():
            model = {**committed(file), "id": 5, "version": 3}
            stub.dashboards[uid] = {"dashboard": model, "meta": {"provisioned": True}}
        yield stub


def faults(grafana: GrafanaStub) -> list[str]:
    return check_running(grafana.url, TOKEN, service="review", directory=PACKAGE)


def test_a_grafana_that_shows_the_committed_files_has_no_fault(grafana: GrafanaStub) -> None:
    assert faults(grafana) == []
    assert [(request.method, request.path) for request in grafana.asked] == [
        ("GET", "/api/health"),
        ("GET", f"/api/datasources/uid/{SOURCE}/health"),
        ("GET", f"/api/dashboards/uid/{BOARD}"),
        ("GET", f"/api/dashboards/uid/{CHARTS}"),
    ]
    assert grafana.asked[0].authorization is None  # its health is asked without a login


def test_the_command_answers_with_its_exit_status(grafana: GrafanaStub) -> None:
    assert run_check(grafana.url, token=TOKEN, service="review") == 0
    grafana.sources.clear()
    assert run_check(grafana.url, token=TOKEN, service="review") == 1


def test_a_dashboard_changed_in_the_browser_is_named_with_what_changed(grafana: GrafanaStub) -> None:
    grafana.dashboards[BOARD]["dashboard"]["panels"] = []
    grafana.dashboards[BOARD]["meta"] = {"provisioned": False}
    assert faults(grafana) == [
        f"dashboard {BOARD}: panels differs from the file",
        f"dashboard {BOARD}: was not brought by a file, so anybody may have changed it",
    ]


def test_what_is_missing_is_named(grafana: GrafanaStub) -> None:
    grafana.dashboards.clear()
    grafana.sources.clear()
    found = faults(grafana)
    assert [fault.split(":")[0] for fault in found] == [
        f"data source {SOURCE}",
        f"dashboard {BOARD}",
        f"dashboard {CHARTS}",
    ]
    assert all("404" in fault for fault in found)


def test_a_data_source_that_cannot_reach_the_api_is_a_fault(grafana: GrafanaStub) -> None:
    grafana.sources[SOURCE] = {"status": "ERROR", "message": "connection refused"}
    assert faults(grafana) == [f"data source {SOURCE} is not well: connection refused"]


def test_a_wrong_token_is_a_fault_and_not_an_exception(grafana: GrafanaStub) -> None:
    found = check_running(grafana.url, "wrong", service="review", directory=PACKAGE)
    assert len(found) == 3
    assert all("Unauthorized" in fault for fault in found)


def test_a_grafana_without_its_database_is_a_fault(grafana: GrafanaStub) -> None:
    grafana.health = {"database": "failing"}
    assert faults(grafana) == [f"{grafana.url} says its database is 'failing'"]


def test_an_address_where_nothing_listens_is_a_fault() -> None:
    [fault] = check_running(f"http://127.0.0.1:{ports.free()}", TOKEN, service="floor", directory=PACKAGE)
    assert "does not answer as a Grafana" in fault


def test_an_alert_is_pushed_once_and_updated_when_it_ends(grafana: GrafanaStub) -> None:
    assert push_annotations(grafana.url, TOKEN, [DRIFT]) == Pushed(added=1, updated=0, unchanged=0)
    assert push_annotations(grafana.url, TOKEN, [DRIFT]) == Pushed(added=0, updated=0, unchanged=1)
    ended = replace(DRIFT, time_end_ms=T0_MS + 60_000)
    assert push_annotations(grafana.url, TOKEN, [ended]) == Pushed(added=0, updated=1, unchanged=0)
    [kept] = grafana.annotations
    assert kept["timeEnd"] == T0_MS + 60_000
    assert kept["tags"] == ["batchwitness", "alert-17", "batch-CT-2042", "drift"]


def test_another_alert_of_the_batch_is_another_annotation(grafana: GrafanaStub) -> None:
    pushed = push_annotations(grafana.url, TOKEN, [DRIFT, replace(DRIFT, alert="18")])
    assert pushed == Pushed(added=2, updated=0, unchanged=0)


def test_a_grafana_that_gives_an_unended_annotation_its_beginning_as_end_is_not_updated_for_ever(
    grafana: GrafanaStub,
) -> None:
    push_annotations(grafana.url, TOKEN, [DRIFT])
    grafana.annotations[0]["timeEnd"] = T0_MS
    assert push_annotations(grafana.url, TOKEN, [DRIFT]) == Pushed(added=0, updated=0, unchanged=1)


def test_a_refused_push_raises(grafana: GrafanaStub) -> None:
    with pytest.raises(GrafanaException):
        push_annotations(grafana.url, "wrong", [DRIFT])


def test_push_takes_the_alerts_of_the_batch_from_the_api(grafana: GrafanaStub, contract: Contract) -> None:
    status = run_push(grafana.url, token=TOKEN, api_url=contract.url, api_token=REVIEW_TOKEN, batch="CT-2042")
    assert status == 0
    assert contract.asked[0][1]["batch"] == ["CT-2042"]
    [kept] = grafana.annotations
    assert kept["text"] == "drift of dissolved_oxygen: low since hour 80"
    assert kept["time"] == T0_MS


def test_push_says_so_when_the_api_or_grafana_does_not_answer(grafana: GrafanaStub, contract: Contract) -> None:
    nowhere = f"http://127.0.0.1:{ports.free()}"
    assert run_push(grafana.url, token=TOKEN, api_url=nowhere, api_token=REVIEW_TOKEN, batch="CT-1") == 1
    assert run_push(nowhere, token=TOKEN, api_url=contract.url, api_token=REVIEW_TOKEN, batch="CT-1") == 1
