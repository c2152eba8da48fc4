"""Working off the quarantine through the API and its pages: who may, what is shown, and that ingest takes it again."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect

from ingest.pipeline import StoreSession
from ingest.reprocess import CHAIN, take_again
from store.journal import claim_chain
from store.model.times import from_us
from tests.api.conftest import PEOPLE, sign_in
from tests.fix_postgres import Database
from tests.store.record import START_S, Record, at, opened

ORIGIN = {"Origin": "http://plant.example"}
MAY_WORK_OFF = {"mia", "quinn"}
FLOOD_US = 1_900_000_000_000_000 - 1_900_000_000_000_000 % 60_000_000  # a whole minute
UNIT = {"kind": "bioreactor", "commissioned": "2020-01-01T00:00:00Z", "positions": ["A"]}


@pytest.fixture
def record(database: Database) -> Iterator[Record]:
    """Ten messages for a unit that nobody described, and a value that is none."""
    with opened(database) as one:
        one.take(
            *(("BR-77/readings", {"time": at(minute), "values": {"pH": 7.0}}) for minute in range(10)),
            ("BR-01/readings", {"time": at(0), "values": {"pH": None, "temperature": 37.0}}),
        )
        yield one


def again(record: Record) -> None:
    """Ingest takes what it is asked for."""
    lease = claim_chain(record.connection, name=CHAIN, kind="live", holder="test")
    while take_again(StoreSession(lease=lease, decoder=record.decoder)):
        pass


def items(client: TestClient, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/quarantine", params=asked)
    assert answer.status_code == 200, answer.text
    found = answer.json()["page"]["items"]
    assert isinstance(found, list)
    return found


def test_the_list_is_filtered_and_counted_and_an_item_shows_the_bytes_it_came_as(
    anonymous: TestClient, people: None, record: Record
) -> None:
    sign_in(anonymous, "vera")
    counts = {one["code"]: one for one in anonymous.get("/v1/quarantine").json()["counts"]}
    assert (counts["unknown_unit"]["open"], counts["null_value"]["open"]) == (10, 1)
    assert len(items(anonymous, code="unknown_unit")) == 10
    assert len(items(anonymous, topic="BR-01/")) == 1
    assert items(anonymous, state="stored") == []
    (item,) = items(anonymous, code="null_value")
    found = anonymous.get(f"/v1/quarantine/{item['quarantine_id']}").json()
    assert found["message"] == '{"time": "2026-01-05T08:00:00+00:00", "values": {"pH": null, "temperature": 37.0}}'
    message = anonymous.get(f"/v1/quarantine/{item['quarantine_id']}/message")
    assert (message.content.decode(), message.headers["content-type"]) == (
        found["message"],
        "application/octet-stream",
    )
    assert (found["item"], found["chain"], found["entry"], found["alike"]) == ("values.pH", "test", 10, 1)


def test_a_message_that_may_hold_a_pseudonym_is_for_the_identity_role_alone(
    anonymous: TestClient, people: None, record: Record
) -> None:
    record.take(("BR-77/events", {"event": "unit_procedure_started", "time": at(0), "batch": "C", "donor": "D-99"}))
    sign_in(anonymous, "quinn")
    (item,) = items(anonymous, topic="/events")
    address = f"/v1/quarantine/{item['quarantine_id']}"
    assert "D-99" not in anonymous.get(address).text
    assert anonymous.get(f"{address}/message").status_code == 403
    assert "D-99" not in anonymous.get(f"/quarantine/{item['quarantine_id']}").text
    sign_in(anonymous, "ida")
    assert "D-99" in anonymous.get(address).text
    assert b"D-99" in anonymous.get(f"{address}/message").content


def test_a_missing_unit_is_described_and_everything_alike_taken_again_in_one_act(
    anonymous: TestClient, people: None, record: Record
) -> None:
    sign_in(anonymous, "mia")
    first = items(anonymous, code="unknown_unit")[-1]["quarantine_id"]
    body = {"unit": UNIT, "reason": "it was forgotten"}
    described = anonymous.post(f"/v1/quarantine/{first}/describe", json=body, headers=ORIGIN)
    assert described.json()["created"] == ["unit:leiden/hall/BR-77"], described.text
    assert anonymous.post(f"/v1/quarantine/{first}/describe", json=body, headers=ORIGIN).status_code == 409
    asked = {"code": "unknown_unit", "items": 9, "reason": "described by now"}
    assert anonymous.post("/v1/quarantine/reprocess", json=asked, headers=ORIGIN).status_code == 409
    made = anonymous.post("/v1/quarantine/reprocess", json=asked | {"items": 10}, headers=ORIGIN)
    assert made.status_code == 200, made.text
    again(record)
    assert len(items(anonymous, state="stored")) == 10
    assert record.ask(
        "SELECT count(*) FROM reading JOIN tag USING (tag_id) JOIN unit USING (unit_id) WHERE unit.name = 'BR-77'"
    ) == [(10,)]
    detail = anonymous.get(f"/v1/quarantine/{first}").json()
    assert [(one["state"], one["actor"]) for one in detail["decisions"]] == [("requested", "mia"), ("stored", "ingest")]


def test_a_position_and_a_publisher_are_described_too(anonymous: TestClient, people: None, record: Record) -> None:
    record.take(("INC-1/readings", {"time": at(0), "position": "C", "values": {"glucose": 9.0}}))
    sign_in(anonymous, "quinn")
    (item,) = items(anonymous, code="unknown_position")
    address = f"/v1/quarantine/{item['quarantine_id']}"
    said = {"position": "C", "publisher": "edge-7", "reason": "a third shelf"}
    described = anonymous.post(f"{address}/describe", json=said, headers=ORIGIN)
    assert described.status_code == 200, described.text
    assert described.json() == {
        "created": ["publisher:edge-7/leiden/hall/INC-1"],
        "changed": ["unit:leiden/hall/INC-1"],
    }
    decision = {"state": "requested", "version": 0, "reason": "described"}
    assert anonymous.post(f"{address}/decide", json=decision, headers=ORIGIN).status_code == 200
    again(record)
    stands = anonymous.get(address).json()
    assert (stands["state"], "publisher" in stands["decided_why"]) == ("replaced", True)


@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_each_person_may_work_off_exactly_what_their_roles_say(
    anonymous: TestClient, people: None, record: Record, name: str
) -> None:
    ((item,), *_) = record.ask("SELECT quarantine_id FROM quarantine ORDER BY 1")
    sign_in(anonymous, name)
    address = f"/v1/quarantine/{item}"
    pages = f"/quarantine/{item}"
    form = {"reason": "x", "version": "0", "items": "10", "name": "C", "kind": "b", "positions": "A"}
    form |= {"commissioned": "2020-01-01"}
    answers = [
        anonymous.post(f"{address}/describe", json={"unit": UNIT, "reason": "x"}, headers=ORIGIN),
        anonymous.post(f"{address}/decide", json={"state": "set_aside", "version": 0, "reason": "x"}, headers=ORIGIN),
        anonymous.post(
            "/v1/quarantine/reprocess", json={"code": "unknown_unit", "items": 9, "reason": "x"}, headers=ORIGIN
        ),
        anonymous.post(f"{pages}/decide", data=form | {"state": "open", "version": "1"}, headers=ORIGIN),
        anonymous.post(f"{pages}/alike", data=form, headers=ORIGIN),
        anonymous.post(f"{pages}/unit", data=form, headers=ORIGIN),
        anonymous.post(f"{pages}/position", data=form, headers=ORIGIN),
        anonymous.post(f"{pages}/publisher", data=form, headers=ORIGIN),
        anonymous.post(f"{pages}/metric", data=form | {"unit": "leiden/hall/BR-01"}, headers=ORIGIN),
    ]
    if name in MAY_WORK_OFF:
        assert [answer.status_code for answer in answers] == [200, 200, 200, 303, 409, 409, 303, 303, 422]
    else:
        assert [answer.status_code for answer in answers] == [403] * 9
        assert record.ask("SELECT count(*) FROM quarantine_decision") == [(0,)]


def test_what_cannot_be_is_refused_on_the_page_in_words(anonymous: TestClient, people: None, record: Record) -> None:
    ((item,), *_) = record.ask("SELECT quarantine_id FROM quarantine ORDER BY 1")
    sign_in(anonymous, "mia")
    cases: list[tuple[str, dict[str, str], int, str]] = [
        ("decide", {"state": "requested", "version": "0", "reason": " "}, 422, "reason: a decision needs one"),
        ("decide", {"state": "open", "version": "0", "reason": "x"}, 409, "only what is set_aside"),
        ("unit", {"kind": "b", "commissioned": "soon", "positions": "A", "reason": "x"}, 422, "commissioned must be"),
        ("unit", {"kind": "b", "commissioned": "2020-01-01", "positions": "", "reason": "x"}, 422, "positions"),
        ("position", {"name": "B", "reason": "x"}, 422, "there is no unit"),
        ("metric", {"unit": "leiden/hall", "reason": "x"}, 422, "site/area/unit, not"),
    ]
    for action, form, status, said in cases:
        answer = anonymous.post(f"/quarantine/{item}/{action}", data=form, headers=ORIGIN)
        assert (answer.status_code, said in answer.text) == (status, True), (action, answer.text[:400])
    assert record.ask("SELECT count(*) FROM unit WHERE name = 'BR-77'") == [(0,)]


def test_a_reviewer_describes_a_unit_and_sees_what_was_asked_for_stored_in_the_browser(
    record: Record, page: Page
) -> None:
    page.goto("/quarantine")
    page.click("text=unknown unit")
    page.locator("table a", has_text="whole message").first.click()
    expect(page.locator("#message")).to_contain_text('"pH": 7.0')
    page.fill("#describe [name=kind]", "bioreactor")
    page.fill("#describe [name=commissioned]", "2020-01-01 00:00")
    page.fill("#describe [name=reason]", "it was forgotten")
    page.click("text=Describe the unit")
    page.fill("form[action$=alike] [name=reason]", "described by now")
    page.click("text=Take all 10 again")
    expect(page.locator("#stands")).to_contain_text("requested")
    again(record)
    expect(page.locator("#stands .quarantine-state").first).to_have_text("stored")
    page.goto("/quarantine?state=stored")
    expect(page.locator("tbody tr").first).to_contain_text("stored")
    assert record.ask(
        "SELECT count(*) FROM reading WHERE tag_id IN (SELECT tag_id FROM tag JOIN unit USING (unit_id)"
        " WHERE unit.name = 'BR-77')"
    ) == [(10,)]


METRIC_TOPIC = "spBv1.0/Suite3/DDATA/EN-1/PLC"


@pytest.fixture
def metric(record: Record) -> int:
    """A value of a metric that nobody has said where it leads; what the host does with it is tested with the host."""
    number: int
    [(number,)] = record.ask(
        "INSERT INTO quarantine (chain_id, block_seq, entry, topic, item, code, reason, excerpt, received_time, digest)"
        " SELECT chain_id, block_seq, 0, %s, 'Line 2/PV', 'unmapped_metric',"
        " 'Line 2/PV of the device PLC of Suite3/EN-1 leads to no known unit', '5.0', received_time, 'one'"
        " FROM quarantine LIMIT 1 RETURNING quarantine_id",
        METRIC_TOPIC,
    )
    return number


def lines(record: Record) -> list[tuple[Any, ...]]:
    return record.ask(
        "SELECT line.edge_group, line.node, line.device, line.metric, unit.name, line.tag, line.in_force"
        " FROM sparkplug_mapping AS line JOIN unit USING (unit_id) ORDER BY line.metric"
    )


def test_where_a_metric_leads_is_said_with_its_tag(
    anonymous: TestClient, people: None, record: Record, metric: int
) -> None:
    sign_in(anonymous, "mia")
    address = f"/v1/quarantine/{metric}/describe"
    leads = {"site": "leiden", "area": "hall", "unit": "BR-01", "tag": "stirrer"}
    said = {"metric": leads, "reason": "as wired"}
    refused = anonymous.post(address, json=said, headers=ORIGIN)
    assert (refused.status_code, "no tag stirrer" in refused.json()["detail"]) == (404, True)
    tag = {"name": "stirrer", "measurand": "agitation", "unit_of_measure": "/min", "reporting_mode": "on_change"}
    done = anonymous.post(address, json=said | {"tag": tag | {"interval_s": 600}}, headers=ORIGIN)
    assert done.json()["created"] == [
        "tag:leiden/hall/BR-01/stirrer",
        "sparkplug_mapping:Suite3/EN-1/PLC/Line 2/PV",
    ], done.text
    assert lines(record) == [("Suite3", "EN-1", "PLC", "Line 2/PV", "BR-01", "stirrer", True)]
    plain = record.ask("SELECT quarantine_id FROM quarantine WHERE code = 'null_value'")[0][0]
    answer = anonymous.post(f"/v1/quarantine/{plain}/describe", json=said, headers=ORIGIN)
    assert (answer.status_code, "no metric of an edge node" in answer.json()["detail"]) == (422, True)


def test_a_reviewer_says_in_the_browser_where_the_metrics_of_all_gateways_lead(
    record: Record, metric: int, page: Page
) -> None:
    page.goto(f"/quarantine/{metric}")
    page.fill("#describe [name=node]", "EN-*")
    page.fill("#describe [name=unit]", "leiden/hall/BR-01")
    page.fill("#describe [name=tag]", "stirrer")
    page.click("text=The tag is new")
    page.fill("#describe [name=measurand]", "agitation")
    page.fill("#describe [name=unit_of_measure]", "/min")
    page.fill("#describe [name=interval_s]", "60")
    page.fill("#describe [name=reason]", "as wired")
    page.click("text=Say where it leads")
    expect(page.locator("#stands")).to_be_visible()
    assert lines(record) == [("Suite3", "EN-*", "PLC", "Line 2/PV", "BR-01", "stirrer", True)]


def test_a_reviewer_corrects_readings_and_intervals_in_the_browser(record: Record, page: Page) -> None:
    start = {"event": "unit_procedure_started", "time": at(0), "batch": "CT-1", "process": "AUTO-2.0"}
    record.take(
        ("BR-01/events", start),
        *(("BR-01/readings", {"time": at(minute), "values": {"pH": 7.0 + minute / 100}}) for minute in range(1, 40)),
        ("BR-01/readings", {"time": at(5), "values": {"pH": 6.5}}),
    )
    began = from_us(int(START_S) * 1_000_000)
    page.goto("/batches/CT-1")
    page.click("text=corrections")
    page.select_option("[name=tag]", "pH")
    page.fill("[name=since]", (began + timedelta(minutes=10)).strftime("%Y-%m-%d %H:%M:%S"))
    page.fill("[name=until]", (began + timedelta(minutes=12)).strftime("%Y-%m-%d %H:%M:%S"))
    page.click("#readings form.row button")
    expect(page.locator("#selection")).to_contain_text("2 readings of pH")
    page.select_option("#selection [name=kind]", "corrected")
    page.fill("#selection [name=add]", "-0,1")
    page.fill("#selection [name=reason]", "the probe was two tenths off")
    page.click("text=Correct 2 readings")
    expect(page.locator("#acts")).to_contain_text("the probe was two tenths off")
    assert record.ask("SELECT round(value::numeric, 2) FROM reading_now WHERE revised = 'corrected' ORDER BY 1") == [
        (7,),
        (record.ask("SELECT 7.01::numeric")[0][0],),
    ]
    page.select_option("#conflicts [name=keep]", "other")
    page.fill("#conflicts [name=reason]", "the second probe was calibrated")
    page.click("text=Settle")
    expect(page.locator("#conflicts")).to_contain_text("settled: 6.5 holds")
    page.fill("#intervals [aria-label='started BR-01/A']", (began + timedelta(minutes=3)).strftime("%Y-%m-%d %H:%M"))
    page.fill("#intervals [name=reason]", "the log book says so")
    page.click("text=Correct the intervals")
    expect(page.locator("#intervals")).to_contain_text("by mia")
    assert record.ask("SELECT lower(during) FROM unit_procedure") == [(began + timedelta(minutes=3),)]
    page.goto("/batches/CT-1")
    expect(page.locator("[data-tag=pH]")).to_have_attribute("data-corrected", "3")
    page.goto("/batches/CT-1/completeness")
    expect(page.locator("#statement")).to_contain_text("People corrected 3 readings and invalidated 0")


def test_what_is_in_view_of_a_chart_is_selected_to_be_corrected(record: Record, page: Page) -> None:
    start = {"event": "unit_procedure_started", "time": at(0), "batch": "CT-1", "process": "AUTO-2.0"}
    readings = [("BR-01/readings", {"time": at(minute), "values": {"pH": 7.0}}) for minute in range(1, 60)]
    record.take(("BR-01/events", start), *readings)
    page.goto("/batches/CT-1")
    chart = page.locator("[data-tag=pH]")
    expect(chart).to_have_attribute("data-points", "59")
    expect(chart.locator(".in-view")).to_be_hidden()
    box = chart.locator(".u-over").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, middle, steps=5)
    page.mouse.up()
    chart.locator(".in-view").click()
    expect(page.locator("#selection")).to_contain_text("12 readings of pH")
    page.select_option("#selection [name=kind]", "invalidated")
    page.fill("#selection [name=reason]", "the probe was out of the medium")
    page.click("text=Correct 12 readings")
    expect(page.locator("#acts")).to_contain_text("12 readings")
    assert record.ask("SELECT count(*) FROM reading_now WHERE revised = 'invalidated'") == [(12,)]


def test_ingest_3_what_was_held_back_of_a_flood_is_taken_again_and_stored_exactly_once(
    anonymous: TestClient, people: None, record: Record
) -> None:
    flood = [("BR-78/readings", {"time": at(minute), "values": {"pH": 7.0}}) for minute in range(30)]
    for start in range(0, 30, 10):
        record.take(*flood[start : start + 10], ("BR-79/readings", b"{"), most_refused=20, host_us=FLOOD_US)
    sign_in(anonymous, "mia")
    found = anonymous.get("/v1/quarantine").json()
    ((held_back,),) = record.ask("SELECT sum(held_back)::integer FROM quarantine_minute")
    assert (found["held_back"]["items"], found["held_back"]["minutes"]) == (held_back, 1)
    assert held_back >= 28
    assert f"{held_back} more have no row here" in anonymous.get("/quarantine").text
    item = items(anonymous, code="too_many_refused", topic="BR-78")[0]
    address = f"quarantine/{item['quarantine_id']}"
    assert "Take it again" in anonymous.get(f"/{address}").text
    alike = {"code": "too_many_refused", "items": 1, "reason": "x"}
    assert anonymous.post("/v1/quarantine/reprocess", json=alike, headers=ORIGIN).status_code == 422
    body = {"unit": UNIT, "reason": "it was forgotten"}
    assert anonymous.post(f"/v1/{address}/describe", json=body, headers=ORIGIN).status_code == 200
    for version in (0, 2):
        asked = {"state": "requested", "version": version, "reason": "described by now"}
        answer = anonymous.post(f"/v1/{address}/decide", json=asked, headers=ORIGIN)
        assert answer.status_code == (200 if version == 0 else 409), answer.text
        again(record)
    stored = (
        "SELECT count(*), count(DISTINCT source_time) FROM reading JOIN tag USING (tag_id) JOIN unit USING (unit_id)"
    )
    assert record.ask(f"{stored} WHERE unit.name = 'BR-78'") == [(30, 30)]
    stands = anonymous.get(f"/v1/{address}").json()
    assert (stands["state"], "messages were taken again" in stands["decided_why"]) == ("stored", True)


def test_ingest_3_of_a_flood_over_all_topics_what_fits_is_stored_and_what_does_not_gets_rows(
    anonymous: TestClient, people: None, record: Record
) -> None:
    rubbish = [(f"X-{number}/readings", b"{") for number in range(23)]
    good = [("BR-78/readings", {"time": at(minute), "values": {"pH": 7.0}}) for minute in range(5)]
    record.take(*rubbish[:20], *good, *rubbish[20:], most_refused=20, host_us=FLOOD_US)
    sign_in(anonymous, "mia")
    (item,) = items(anonymous, code="too_many_refused")
    address = f"/v1/quarantine/{item['quarantine_id']}"
    body = {"unit": UNIT, "reason": "it was forgotten"}
    assert anonymous.post(f"{address}/describe", json=body, headers=ORIGIN).status_code == 200
    asked = {"state": "requested", "version": 0, "reason": "described by now"}
    assert anonymous.post(f"{address}/decide", json=asked, headers=ORIGIN).status_code == 200
    again(record)
    assert record.ask("SELECT count(*) FROM reading") == [(6,)]  # with the one that was there before
    assert len(items(anonymous, topic="/X-")) == 23
    stands = anonymous.get(address).json()
    assert (stands["state"], "28 messages were taken again: 23 items" in stands["decided_why"]) == ("replaced", True)


def test_a_flood_over_sparkplug_cannot_be_taken_again_and_the_page_says_why(
    anonymous: TestClient, people: None, record: Record
) -> None:
    record.take(*(("spBv1.0/g/NDATA/n", b"x%d" % number) for number in range(30)), most_refused=20)
    sign_in(anonymous, "mia")
    item = items(anonymous, code="too_many_refused")[0]
    address = f"quarantine/{item['quarantine_id']}"
    page = anonymous.get(f"/{address}").text
    assert ("It cannot be taken again: it stands for items" in page, "Take it again" in page) == (True, False)
    asked = {"state": "requested", "version": 0, "reason": "x"}
    assert anonymous.post(f"/v1/{address}/decide", json=asked, headers=ORIGIN).status_code == 422
    aside = asked | {"state": "set_aside"}
    assert anonymous.post(f"/v1/{address}/decide", json=aside, headers=ORIGIN).status_code == 200


def test_a_correction_that_cannot_be_is_refused_on_the_page_in_words_and_leaves_nothing(
    anonymous: TestClient, people: None, record: Record
) -> None:
    start = {"event": "unit_procedure_started", "time": at(0), "batch": "CT-1", "process": "AUTO-2.0"}
    record.take(("BR-01/events", start), ("BR-01/readings", {"time": at(1), "values": {"pH": 7.0}}))
    ((procedure,),) = record.ask("SELECT unit_procedure_id FROM unit_procedure")
    sign_in(anonymous, "quinn")
    readings = {"tag": "pH", "since": at(0), "until": at(2), "seen": "1", "version": "0", "kind": "invalidated"}
    interval = {"interval": f"u{procedure}", "started": at(0)[:19], "ended": "", "of": "CT-1", "version": "1"}
    cases: list[tuple[str, dict[str, str], int, str]] = [
        ("readings", readings | {"reason": ""}, 422, "reason: a correction needs one"),
        ("readings", readings | {"seen": "2", "reason": "x"}, 409, "look again"),
        ("readings", readings | {"since": "noon", "reason": "x"}, 422, "from must be a time"),
        ("readings", readings | {"tag": "nothing", "reason": "x"}, 422, "no tag named"),
        ("readings", readings | {"kind": "corrected", "value": "hot", "reason": "x"}, 422, "value must be a number"),
        ("intervals", interval | {"reason": "x"}, 422, "nothing changes"),
        ("intervals", interval | {"ended": at(-5)[:19], "reason": "x"}, 422, "does not lie after"),
        ("intervals", interval | {"of": "CT-9", "reason": "x"}, 422, "there is no batch named"),
        ("intervals", interval | {"started": at(1)[:19], "version": "0", "reason": "x"}, 409, "look again"),
        ("starting-material", {"starting_material": "patient", "reason": ""}, 422, "reason: a correction needs one"),
        ("starting-material", {"starting_material": "patient", "seen": "cell_bank", "reason": "x"}, 409, "look again"),
        ("conflicts/1", {"keep": "stored", "version": "0", "reason": "x"}, 422, "there is no conflict 1"),
    ]
    for action, form, status, said in cases:
        answer = anonymous.post(f"/batches/CT-1/corrections/{action}", data=form, headers=ORIGIN)
        assert (answer.status_code, said in answer.text) == (status, True), (action, form, answer.text[:2000])
    beside = anonymous.get("/batches/CT-1/corrections?beside=CT-9")
    assert (beside.status_code, "CT-9" in beside.text, "BR-01/A" in beside.text) == (422, True, True)
    assert record.ask("SELECT count(*) FROM correction") == [(0,)]
    sign_in(anonymous, "vera")
    for action, form, _, _ in cases:
        refused = anonymous.post(f"/batches/CT-1/corrections/{action}", data=form, headers=ORIGIN)
        assert refused.status_code == 403, action
    page = anonymous.get("/batches/CT-1/corrections").text
    assert ("MSAT and QA may correct" in page, "Correct the intervals" in page) == (True, False)
