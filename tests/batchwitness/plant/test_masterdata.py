"""The master data says only what the vocabulary knows."""

import orjson
import pytest

from batchwitness.plant.masterdata import masterdata
from batchwitness.plant.quality import ASSAYS
from store.model.plant import CaptureMode, ReportingMode
from store.model.process import ProcessRole
from store.model.result import AttributeKind, LimitKind, Scale


def test_it_is_plain_json() -> None:
    assert orjson.loads(orjson.dumps(masterdata())) == masterdata()


def test_kinds_modes_roles_and_scales_are_words_of_the_vocabulary() -> None:
    data = masterdata()
    for tag in data["tags"]:
        ReportingMode(tag["reporting_mode"])
        CaptureMode(tag["capture_mode"])
    for attribute in data["attributes"]:
        AttributeKind(attribute["kind"])
        Scale(attribute["scale"])
    assert {ProcessRole(process["role"]) for process in data["processes"]} == set(ProcessRole)
    assert {LimitKind(limit["kind"]) for limit in data["limits"]} == {
        LimitKind.SPECIFICATION_LIMIT,
        LimitKind.PROVEN_ACCEPTABLE_RANGE,
    }


def test_everything_referred_to_is_there() -> None:
    data = masterdata()
    units = {(unit["site"], unit["area"], unit["name"]): unit["positions"] for unit in data["units"]}
    assert {(area["site"], area["name"]) for area in data["areas"]} == {(site, area) for site, area, _ in units}
    for tag in data["tags"]:
        positions = units[tag["site"], tag["area"], tag["unit"]]
        assert tag["position"] is None or tag["position"] in positions
    attributes = {attribute["name"] for attribute in data["attributes"]}
    processes = {process["name"] for process in data["processes"]}
    tags = {tag["name"] for tag in data["tags"]}
    assert attributes == set(ASSAYS)
    for limit in data["limits"]:
        assert limit["process"] in processes
        assert ("attribute" in limit and limit["attribute"] in attributes) or limit["tag"] in tags
    for plan in data["sampling_plan"]:
        assert plan["process"] in processes
        assert plan["attribute"] in attributes
        assert plan["at_h"] < plan["due_h"]
    for change in data["changes"]:
        assert {change["from"], change["to"]} == processes


def test_tags_are_named_once_a_place() -> None:
    places = [(tag["unit"], tag["position"], tag["name"]) for tag in masterdata()["tags"]]
    assert len(set(places)) == len(places) == 4 * 14 + 2 * 4 * 6


@pytest.mark.parametrize("tag", ["glucose", "lactate"])
def test_concentrations_correspond_only_while_both_cultures_stand_still(tag: str) -> None:
    phases = {match["phase"] for match in masterdata()["correspondences"] if match["tag_new"] == tag}
    assert phases == {"activation", "transduction"}
