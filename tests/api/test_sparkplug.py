"""Where metrics of edge nodes lead: listed for those who describe the plant, and for nobody else."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect

from records.descriptions import Metrics, Place, map_metrics
from tests.api.conftest import sign_in
from tests.api.seed import Plant
from tests.people import somebody

GROUP = "Lyon:Bioreactor hall"
LINE = {"group": "Suite3", "node": "EN-*", "device": "PLC", "metric": "Line 2/PV"}


@pytest.fixture
def node(plant: Plant) -> int:
    """An edge node with a metric by the rule, one by the table and one that leads nowhere."""
    edge_node = plant.insert(
        "edge_node",
        server="broker:1883",
        edge_group=GROUP,
        node="EN-1",
        state="online",
        cause="NBIRTH",
        since=plant.now,
        heard_time=plant.now,
    )
    see(plant, edge_node, "BR-01", "Probe/pH", tag="pH", led_by="rule")
    see(plant, edge_node, "PLC", "Line 2/PV", tag="glucose", led_by="table")
    see(plant, edge_node, "", "Uptime", why="Uptime of EN-1 leads to no known unit")
    tag_id, newest = plant.tags["BR-01", "pH"], plant.now - timedelta(minutes=1)
    plant.insert("tag_latest", tag_id=tag_id, source_time=newest, value=7.0123, quality=192)
    return edge_node


def see(
    plant: Plant,
    edge_node: int,
    device: str,
    metric: str,
    *,
    tag: str | None = None,
    led_by: str | None = None,
    why: str | None = None,
) -> None:
    plant.do(
        "INSERT INTO edge_metric (edge_node_id, device, metric, tag_id, led_by, why, since)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        edge_node,
        device,
        metric,
        None if tag is None else plant.tags["BR-01", tag],
        led_by,
        why,
        plant.now - timedelta(hours=3),
    )


def describe(plant: Plant, tag: str) -> None:
    """A line of the mapping, as somebody says it on the page of what was put aside."""
    with plant.connection.transaction():
        map_metrics(
            plant.connection,
            Metrics(**LINE),
            Place.of_path("Lyon/Bioreactor hall/BR-01"),
            position=None,
            tag=tag,
            actor=somebody("msat", name="mia"),
            reason="as wired",
        )


def test_each_metric_says_where_it_leads_by_what_and_since_when(
    anonymous: TestClient, people: None, plant: Plant, node: int
) -> None:
    sign_in(anonymous, "mia")
    acid, glucose, nowhere = anonymous.get("/v1/sparkplug/metrics").json()["items"]
    assert (acid["node"], acid["device"], acid["metric"]) == ("EN-1", "BR-01", "Probe/pH")
    assert (acid["site"], acid["unit"], acid["tag"], acid["led_by"]) == ("Lyon", "BR-01", "pH", "rule")
    assert (acid["value"], acid["unit_of_measure"], acid["described"]) == (7.0123, "1", True)
    assert acid["since"] is not None
    assert (glucose["led_by"], glucose["tag"], glucose["value"]) == ("table", "glucose", None)
    assert (nowhere["led_by"], nowhere["tag"], nowhere["device"]) == (None, None, "")
    assert nowhere["why"] == "Uptime of EN-1 leads to no known unit"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("leads=table", ["Line 2/PV"]),
        ("leads=rule", ["Probe/pH"]),
        ("leads=nowhere", ["Uptime"]),
        ("search=plc/line", ["Line 2/PV"]),
        ("search=br-01/ph", ["Probe/pH"]),
        ("search=hall/EN-1", ["Probe/pH", "Line 2/PV", "Uptime"]),
        ("search=%25", []),
        ("search=uptime&leads=rule", []),
    ],
)
def test_metrics_are_searched_by_their_names_and_by_what_leads_them(
    anonymous: TestClient, people: None, node: int, asked: str, found: list[str]
) -> None:
    sign_in(anonymous, "mia")
    items = anonymous.get(f"/v1/sparkplug/metrics?{asked}").json()["items"]
    assert [one["metric"] for one in items] == found


def test_metrics_come_in_pages(anonymous: TestClient, people: None, node: int) -> None:
    sign_in(anonymous, "ada")
    first = anonymous.get("/v1/sparkplug/metrics?limit=2").json()
    assert [one["metric"] for one in first["items"]] == ["Probe/pH", "Line 2/PV"]
    second = anonymous.get(f"/v1/sparkplug/metrics?limit=2&cursor={first['next_cursor']}").json()
    assert ([one["metric"] for one in second["items"]], second["next_cursor"]) == (["Uptime"], None)


def test_a_line_says_who_wrote_it_when_and_why_and_whether_it_counts(
    anonymous: TestClient, people: None, plant: Plant
) -> None:
    describe(plant, "glucose")
    describe(plant, "lactate")
    plant.do("UPDATE sparkplug_mapping SET in_force = false")
    sign_in(anonymous, "mia")
    (line,) = anonymous.get("/v1/sparkplug/lines").json()["items"]
    assert {name: line[name] for name in LINE} == LINE
    assert (line["unit"], line["tag"], line["in_force"]) == ("BR-01", "lactate", False)
    assert (line["actor"], line["reason"]) == ("mia", "as wired")
    assert line["since"] is not None
    assert anonymous.get("/v1/sparkplug/lines?search=EN-7").json()["items"] == []


def test_a_wrong_question_is_refused_by_its_name_and_value(anonymous: TestClient, people: None, plant: Plant) -> None:
    sign_in(anonymous, "mia")
    refused = anonymous.get("/v1/sparkplug/metrics?leads=somewhere")
    assert refused.status_code == 422
    assert (refused.json()["errors"][0]["field"], refused.json()["errors"][0]["value"]) == ("leads", "somewhere")


@pytest.mark.parametrize("name", ["vera", "otto", "quinn", "nobody"])
def test_who_does_not_describe_the_plant_sees_neither_page_nor_json_nor_a_link(
    anonymous: TestClient, people: None, node: int, name: str
) -> None:
    sign_in(anonymous, name)
    for path in ("/sparkplug", "/v1/sparkplug/metrics", "/v1/sparkplug/lines"):
        assert anonymous.get(path).status_code == 403, path
    assert "/sparkplug" not in anonymous.get("/quarantine").text


def test_a_review_token_of_a_viewer_does_not_open_it(review: TestClient, node: int) -> None:
    assert review.get("/v1/sparkplug/metrics").status_code == 403


@pytest.mark.parametrize("name", ["mia", "ada"])
def test_msat_and_admin_find_the_page_from_the_quarantine(
    anonymous: TestClient, people: None, node: int, name: str
) -> None:
    sign_in(anonymous, name)
    assert 'href="/sparkplug"' in anonymous.get("/quarantine").text
    assert anonymous.get("/sparkplug").status_code == 200


def test_the_page_lists_metrics_and_lines_and_leads_to_what_was_put_aside(plant: Plant, node: int, page: Page) -> None:
    describe(plant, "glucose")
    page.goto("/quarantine")
    page.click("text=where metrics of edge nodes lead")
    expect(page.locator("#metrics tbody tr")).to_have_count(3)
    expect(page.locator("#metrics tbody tr").first).to_contain_text("7.0123")
    page.click("text=nowhere 1")
    expect(page.locator("#metrics tbody tr")).to_have_count(1)
    expect(page.locator("#metrics")).to_contain_text("leads to no known unit")
    page.click("text=put aside")
    expect(page.locator("[name=topic]")).to_have_value("/EN-1")
    page.goto("/sparkplug?show=lines")
    expect(page.locator("#lines tbody tr")).to_contain_text("by mia: as wired")
    page.fill("[name=search]", "no such")
    page.click("text=Search")
    expect(page.locator("#lines")).to_contain_text("None of that name.")
