"""Whose value a metric is: the table as people load it, before the rule; and what came before anybody said so."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from ingest.sparkplug.again import EdgeTaker, open_taker
from ingest.sparkplug.leads import MOST_NOWHERE, Leads
from ingest.sparkplug.mapping import Mapping, Rule, Target
from records.audit import trail
from records.masterdata import load_masterdata
from records.quarantine import request_alike
from store.edge_nodes import EdgeMetric, EdgeRows
from store.model.edge import LedBy
from store.model.ids import TagId
from tests.ingest.sparkplug.conftest import GROUP, Site
from tests.ingest.sparkplug.edge import T0_MS, metric
from tests.people import somebody
from tests.plant import VALID_FROM, document
from tests.support import eventually

MIA = somebody("msat", name="mia")
INCUBATOR = {"site": "leiden", "area": "hall", "unit": "INC-1"}
REACTOR = {"site": "leiden", "area": "hall", "unit": "BR-01"}


def describe(connection: psycopg.Connection, *lines: dict[str, Any]) -> None:
    """Load lines of the table as master data, as a person does."""
    with connection.transaction():
        load_masterdata(
            connection,
            document() | {"sparkplug": list(lines)},
            by="mia",
            reason="gateways as installed",
            effective_from=VALID_FROM,
        )


def mapping(connection: psycopg.Connection, rule: Rule = Rule.DEVICE) -> Mapping:
    made = Mapping(rule)
    made.read(connection)
    return made


def test_the_table_counts_before_the_rule_and_names_before_patterns(site: Site) -> None:
    assert mapping(site.owner).target(GROUP, "n", "BR-01", "Probe/pH") == Target(
        "leiden", "hall", "BR-01", None, "pH", LedBy.RULE
    )
    line = {"group": GROUP, "node": "n", "device": "BR-01"}
    describe(
        site.owner,
        line | INCUBATOR | {"metric": "*", "position": "A"},
        line | INCUBATOR | {"metric": "Probe/*", "position": "B"},
        line | REACTOR | {"metric": "Probe/pH", "tag": "temperature"},
        line | REACTOR | {"metric": "Probe/old", "in_force": False},
    )
    places = mapping(site.owner)
    assert places.target(GROUP, "n", "BR-01", "Probe/pH") == Target(
        "leiden", "hall", "BR-01", None, "temperature", LedBy.TABLE
    )
    assert places.target(GROUP, "n", "BR-01", "Probe/old") == Target("leiden", "hall", "INC-1", "B", "old", LedBy.TABLE)
    assert places.target(GROUP, "n", "BR-01", "Heater/glucose") == Target(
        "leiden", "hall", "INC-1", "A", "glucose", LedBy.TABLE
    )
    assert places.target(GROUP, "m", "BR-01", "Probe/pH") == Target("leiden", "hall", "BR-01", None, "pH", LedBy.RULE)
    assert mapping(site.owner, Rule.NONE).target(GROUP, "m", "BR-01", "Probe/pH") is None


def test_a_changed_line_is_audited_with_its_reason_from_what_to_what(site: Site) -> None:
    line = {"group": GROUP, "node": "*", "device": "PLC", "metric": "*/PV"}
    describe(site.owner, line | REACTOR | {"tag": "pH"})
    describe(site.owner, line | REACTOR | {"tag": "temperature"})
    made, changed = trail(site.owner, subject=f"sparkplug_mapping:{GROUP}/*/PLC/*/PV", limit=10)
    assert (made.action, changed.action) == ("sparkplug_mapping_created", "sparkplug_mapping_changed")
    assert (changed.actor, changed.reason) == ("mia", "gateways as installed")
    assert (changed.old, changed.new) == ({"tag": "pH"}, {"tag": "temperature"})
    assert mapping(site.owner).target(GROUP, "any", "PLC", "A/PV") == Target(
        "leiden", "hall", "BR-01", None, "temperature", LedBy.TABLE
    )


def take_all(site: Site) -> None:
    """As the host's own loop does it, without waiting until a change of the mapping has reached it."""
    taker = again(site)
    try:
        while taker.take():
            pass
    finally:
        taker.close()


def again(site: Site) -> EdgeTaker:
    taker = open_taker(site.settings(), holder="test", conninfo=site.database.dsn("ingest"))
    taker.settled_s = 0
    return taker


def ask(site: Site, code: str, items: int) -> None:
    with psycopg.connect(site.database.dsn("api")) as api:
        request_alike(api, code=code, topic=None, items=items, actor=MIA, reason="described by now")


def test_INGEST_3_what_nobody_had_mapped_is_stored_whole_after_somebody_did(site: Site) -> None:
    node = site.node()
    states = "SELECT code, state, decided_why FROM quarantine_now ORDER BY quarantine_id"
    with site.host():
        node.born(
            metric("Line 2/PV", 5.0, alias=7, at_ms=T0_MS),
            metric("Line 3/PV", 1.0, at_ms=T0_MS),
            metric("pH", 7.0, at_ms=T0_MS),
            device="PLC",
        )
        for second in range(1, 31):  # one row in quarantine stands for all of them
            node.say("DDATA", [metric(value=5.0 + second, alias=7, bare=True, at_ms=T0_MS + second * 1000)], "PLC")
        node.say("DDATA", [metric("pH", 7.1, at_ms=T0_MS)], "BR-01")
        eventually(lambda: site.ask("SELECT last_seq FROM edge_node") == 32, what="all has been heard")
    assert site.ask("SELECT count(*) FROM reading") == 0
    unmapped = "SELECT item FROM quarantine WHERE code = 'unmapped_metric' ORDER BY item"
    assert site.rows(unmapped) == [("Line 2/PV",), ("Line 3/PV",), ("pH",)]
    line = {"group": GROUP, "node": node.name, "device": "PLC"}
    describe(site.owner, line | REACTOR | {"metric": "Line 2/PV", "tag": "dissolved_oxygen"})
    ask(site, "unmapped_metric", 3)
    take_all(site)
    values = "SELECT array_agg(value ORDER BY source_time) FROM reading JOIN tag USING (tag_id) WHERE name = %s"
    stored = site.owner.execute(values, ["dissolved_oxygen"]).fetchone()
    assert stored == ([5.0 + second for second in range(31)],)
    assert site.ask("SELECT count(*) FROM reading") == 31
    assert [state for _, state, _ in site.rows(states)] == ["stored", "open", "open", "open"]
    assert site.rows(states)[1][2].startswith("taken again: refused as unmapped_metric: Line 3/PV")
    describe(site.owner, line | REACTOR | {"metric": "pH"})
    ask(site, "unmapped_metric", 2)
    ask(site, "device_not_born", 1)
    take_all(site)
    assert site.ask("SELECT count(*) FROM reading") == 32
    assert [(code, state) for code, state, _ in site.rows(states)] == [
        ("unmapped_metric", "stored"),
        ("unmapped_metric", "open"),
        ("unmapped_metric", "stored"),
        ("device_not_born", "open"),
    ]
    assert site.ask("SELECT count(*) FROM quarantine") == 4
    assert site.ask("SELECT count(*) FROM reading_conflict") == 0


def test_INGEST_3_the_running_command_takes_again_what_somebody_has_mapped_meanwhile(
    site: Site, tmp_path: Path
) -> None:
    states, node = site.states(), site.node()
    process = site.process(tmp_path / "ready", "batchwitness", "sparkplug")
    try:
        states.state(online=True)
        node.born(metric("Line 2/PV", 5.0, at_ms=T0_MS), device="PLC")
        for second in (1, 2):
            node.say("DDATA", [metric("Line 2/PV", 5.0 + second, at_ms=T0_MS + second * 1000)], "PLC")
        waiting = "SELECT count(*) FROM quarantine WHERE code = 'unmapped_metric'"
        eventually(lambda: site.ask(waiting) == 1, within_s=20, what="it waits for somebody")
        eventually(lambda: site.ask("SELECT last_seq FROM edge_node") == 3, what="all has been heard")
        line = {"group": GROUP, "node": node.name, "device": "PLC", "metric": "Line 2/PV"}
        describe(site.owner, line | REACTOR | {"tag": "dissolved_oxygen"})
        ask(site, "unmapped_metric", 1)
        eventually(lambda: site.ask("SELECT count(*) FROM reading") == 3, within_s=40, what="all three are stored")
        decided = "SELECT state FROM quarantine_now"
        eventually(lambda: site.ask(decided) == "stored", what="the row says so, a transaction later")
        # By now the mapping has reached the host as well, whose own loop stores what comes next.
        node.say("DDATA", [metric("Line 2/PV", 8.0, at_ms=T0_MS + 3000)], "PLC")
        eventually(lambda: site.ask("SELECT count(*) FROM reading") == 4, what="what comes later is stored at once")
        assert site.ask("SELECT count(*) FROM chain WHERE name LIKE 'reprocess %%' AND seq > 0") == 1
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait(10)


def test_aliases_of_a_birth_mean_nothing_after_an_interruption_also_when_taken_again(site: Site) -> None:
    node = site.node()
    with site.host():
        node.born(metric("Line 2/PV", 5.0, alias=7, at_ms=T0_MS), device="PLC")
        eventually(lambda: site.ask("SELECT last_seq FROM edge_node") == 1, what="the birth has been heard")
    with site.host():
        node.say("DDATA", [metric(value=9.0, alias=7, bare=True, at_ms=T0_MS + 1000)], "PLC")
        eventually(lambda: site.ask("SELECT count(*) FROM quarantine") == 2, what="it is put aside")
    describe(
        site.owner, REACTOR | {"group": "*", "node": "*", "device": "PLC", "metric": "*/PV", "tag": "dissolved_oxygen"}
    )
    ask(site, "unmapped_metric", 1)
    ask(site, "no_session", 1)
    take_all(site)
    assert site.rows("SELECT value FROM reading") == [(5.0,)]
    assert site.rows("SELECT code, state FROM quarantine_now ORDER BY quarantine_id") == [
        ("unmapped_metric", "stored"),
        ("no_session", "open"),
    ]


@pytest.mark.parametrize("rule", [Rule.DEVICE, Rule.NODE])
def test_a_rule_needs_a_group_of_site_and_area(site: Site, rule: Rule) -> None:
    places = mapping(site.owner, rule)
    assert [places.target(group, "n", "d", "m") for group in ("leiden", ":hall", "leiden:", "")] == [None] * 4


LED = (
    "SELECT metric, tag.name, led_by, why FROM edge_metric JOIN edge_node USING (edge_node_id)"
    " LEFT JOIN tag USING (tag_id) ORDER BY metric"
)


def test_where_each_metric_leads_is_kept_with_what_says_so_and_since_when(site: Site) -> None:
    node = site.node()
    line = {"group": GROUP, "node": node.name, "device": "BR-01"}
    describe(site.owner, line | REACTOR | {"metric": "Heater/*", "tag": "temperature"})
    with site.host():
        node.born(
            metric("Heater/PV", 37.0, at_ms=T0_MS),
            metric("Probe/pH", 7.0, at_ms=T0_MS),
            metric("odd", 1.0, at_ms=T0_MS),
        )
        eventually(lambda: site.ask("SELECT count(*) FROM edge_metric") == 3, what="each is known")
        assert site.rows(LED) == [
            ("Heater/PV", "temperature", "table", None),
            ("Probe/pH", "pH", "rule", None),
            ("odd", None, None, f"odd of {GROUP}/{node.name}/BR-01 leads to no known tag of BR-01"),
        ]
        since = site.ask("SELECT max(since) FROM edge_metric")
        node.say("DDATA", [metric("Probe/pH", 7.1, at_ms=T0_MS + 1000)], "BR-01")
        eventually(lambda: site.ask("SELECT last_seq FROM edge_node") == 2, what="all has been heard")
        assert site.ask("SELECT max(since) FROM edge_metric") == since, "nothing is new"


def test_a_metric_that_begins_to_lead_elsewhere_is_said_to_do_so_from_that_value_on(site: Site) -> None:
    node = site.node()
    with site.host():
        node.born(metric("odd", 1.0, at_ms=T0_MS), metric("Probe/pH", 7.0, at_ms=T0_MS))
        eventually(lambda: site.ask("SELECT count(*) FROM edge_metric") == 2, what="both are known")
    rule_since = site.ask("SELECT since FROM edge_metric WHERE metric = 'Probe/pH'")
    odd_since = site.ask("SELECT since FROM edge_metric WHERE metric = 'odd'")
    describe(site.owner, REACTOR | {"group": GROUP, "node": node.name, "device": "BR-01", "metric": "odd", "tag": "pH"})
    with site.host():
        node.born(metric("odd", 1.0, at_ms=T0_MS + 1000), metric("Probe/pH", 7.0, at_ms=T0_MS + 1000))
        led = "SELECT led_by FROM edge_metric WHERE metric = 'odd'"
        eventually(lambda: site.ask(led) == "table", what="the line leads it")
    assert site.ask("SELECT since FROM edge_metric WHERE metric = 'odd'") > odd_since
    assert site.ask("SELECT since FROM edge_metric WHERE metric = 'Probe/pH'") == rule_since, (
        "a restart changes nothing"
    )
    assert site.ask("SELECT count(*) FROM edge_metric") == 2


def test_INGEST_3_metrics_of_ever_new_names_that_lead_nowhere_are_written_down_up_to_a_bound() -> None:
    leads, rows, device = Leads(), EdgeRows(), (GROUP, "n", "PLC")
    nowhere = EdgeMetric(tag_id=None, led_by=None, why="no tag")
    for number in range(MOST_NOWHERE + 50):
        leads.tell(rows, device, f"m{number}", nowhere, message=1, since_us=1)
    assert len(rows.metrics) == len(leads.told) == MOST_NOWHERE
    found = EdgeMetric(tag_id=TagId(7), led_by=LedBy.TABLE, why=None)
    leads.tell(rows, device, f"m{MOST_NOWHERE}", found, message=2, since_us=2)
    assert rows.metrics[device, f"m{MOST_NOWHERE}"] == (found, 2), "one that leads somewhere has its row"
    leads.tell(rows, (GROUP, "other", "PLC"), "m0", nowhere, message=3, since_us=3)
    assert ((GROUP, "other", "PLC"), "m0") in rows.metrics, "each edge node has its own bound"


def test_a_draft_made_again_names_what_its_first_message_told_and_no_later_one_does() -> None:
    leads, device = Leads(), (GROUP, "n", "PLC")
    found = EdgeMetric(tag_id=TagId(7), led_by=LedBy.RULE, why=None)
    first, again, later = EdgeRows(), EdgeRows(), EdgeRows()
    leads.tell(first, device, "pH", found, message=1, since_us=1)
    leads.tell(again, device, "pH", found, message=1, since_us=1)
    leads.tell(later, device, "pH", found, message=2, since_us=2)
    assert (len(first.metrics), len(again.metrics), len(later.metrics)) == (1, 1, 0)
