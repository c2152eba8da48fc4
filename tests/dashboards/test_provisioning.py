"""What the provisioning files bring is what the dashboards and the compose file name."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.check import provisioned_sources
from dashboards.command import PACKAGE
from dashboards.common import FLOOR, REVIEW
from dashboards.infinity import PLUGIN
from tests.dashboards.contract import FLOOR_TOKEN, T0_MS, UNITS, Contract
from tests.dashboards.infinity import Infinity

PROVISIONING = PACKAGE / "provisioning"
SERVICES = {"floor": FLOOR.uid, "review": REVIEW.uid}


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize(("service", "uid"), SERVICES.items())
def test_each_grafana_has_one_data_source_with_a_token_from_a_file_of_its_own(service: str, uid: str) -> None:
    [source] = read(PROVISIONING / service / "datasources" / "batchwitness.yaml")["datasources"]
    assert (source["uid"], source["type"]) == (uid, PLUGIN)
    assert provisioned_sources(PACKAGE, service=service) == {uid}
    assert source["editable"] is False
    assert source["jsonData"]["auth_method"] == "bearerToken"
    assert source["jsonData"]["allowedHosts"] == [source["url"]] == ["${BATCHWITNESS_API_URL}"]
    assert source["secureJsonData"] == {"bearerToken": f"$__file{{/run/secrets/grafana_{service}_token}}"}


@pytest.mark.parametrize("service", SERVICES)
def test_dashboards_cannot_be_changed_or_deleted_in_the_browser(service: str) -> None:
    [provider] = read(PROVISIONING / service / "dashboards" / "batchwitness.yaml")["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True


def no_data_rule() -> dict[str, Any]:
    [group] = read(PROVISIONING / "floor" / "alerting" / "no_data.yaml")["groups"]
    [rule] = group["rules"]
    found: dict[str, Any] = rule
    return found


def test_the_alert_rule_fires_for_units_without_data_only(contract: Contract) -> None:
    rule = no_data_rule()
    query, threshold = rule["data"]
    assert query["datasourceUid"] == FLOOR.uid
    assert threshold["model"]["expression"] == query["refId"]
    assert rule["condition"] == threshold["refId"]
    [above] = threshold["model"]["conditions"][0]["evaluator"]["params"]
    source = Infinity(base_url=contract.url, token=FLOOR_TOKEN, from_ms=0, to_ms=T0_MS)
    frame = source.run(query["model"], {})
    firing = [
        unit for unit, silent in zip(frame.columns["unit"], frame.columns["silent"], strict=True) if silent > above
    ]
    assert firing == [unit["unit"] for unit in UNITS if unit["state"] == "no_data"] == ["BR-4"]


def test_the_alert_rule_has_one_number_so_that_grafana_reads_the_words_as_labels() -> None:
    model = no_data_rule()["data"][0]["model"]
    types = [column["type"] for column in [*model["columns"], *model["computed_columns"]]]
    assert types.count("number") == 1
    assert set(types) == {"string", "number"}


def test_an_api_that_does_not_answer_fires_too() -> None:
    rule = no_data_rule()
    assert (rule["noDataState"], rule["execErrState"]) == ("Alerting", "Alerting")
