"""The Sparkplug host between a real broker and a real database."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from ingest.sparkplug.datatypes import Datatype
from ingest.sparkplug.host import Patience
from ingest.sparkplug.link import LOOK_EVERY_S
from ingest.sparkplug.payload import REBIRTH, decode_payload
from tests.fix_proxy import Proxy
from tests.ingest.sparkplug.conftest import GROUP, Site
from tests.ingest.sparkplug.edge import T0_MS, metric
from tests.ingest.sparkplug.impatient import SOON
from tests.support import eventually

READINGS = "SELECT count(*) FROM reading"


def stored(site: Site, number: int) -> None:
    eventually(lambda: site.ask(READINGS) == number, within_s=20, what=f"{number} readings are stored")


@pytest.mark.tck(
    "tck-id-intro-sparkplug-host-state",
    "tck-id-components-ph-state",
    "tck-id-conformance-primary-host",
    "tck-id-host-topic-phid-birth-message",
    "tck-id-host-topic-phid-birth-topic",
    "tck-id-host-topic-phid-birth-qos",
    "tck-id-host-topic-phid-birth-retain",
    "tck-id-host-topic-phid-birth-payload",
    "tck-id-host-topic-phid-death-payload-disconnect-clean",
    "tck-id-operational-behavior-host-application-termination",
    "tck-id-operational-behavior-host-application-death-topic",
    "tck-id-operational-behavior-host-application-death-payload",
    "tck-id-operational-behavior-host-application-death-qos",
    "tck-id-operational-behavior-host-application-death-retained",
)
def test_a_host_says_online_when_it_begins_and_offline_when_it_leaves_both_retained(site: Site) -> None:
    states = site.states()
    before_ms = time.time_ns() // 1_000_000
    with site.host():
        birth = states.until()
        assert (birth.qos, birth.topic) == (1, f"spBv1.0/STATE/{site.host_id}")
        said = json.loads(birth.payload)
        assert said.keys() == {"online", "timestamp"}
        assert said["online"] is True
        assert before_ms <= said["timestamp"] <= time.time_ns() // 1_000_000
        kept = site.states().until()
        assert (kept.retain, kept.payload) == (True, birth.payload)
    death = states.until()
    assert death.qos == 1
    assert json.loads(death.payload)["online"] is False
    assert json.loads(death.payload)["timestamp"] >= said["timestamp"]
    kept = site.states().until()
    assert (kept.retain, kept.payload) == (True, death.payload)


@pytest.mark.tck("tck-id-message-flow-hid-sparkplug-state-message-delivered")
def test_a_host_answers_a_foreign_offline_with_its_birth_and_the_same_timestamp(site: Site) -> None:
    states = site.states()
    with site.host():
        timestamp = states.state(online=True)
        foreign = json.dumps({"online": False, "timestamp": timestamp - 1000})
        site.client().publish(f"spBv1.0/STATE/{site.host_id}", foreign, qos=1, retain=True)
        assert states.state(online=False) == timestamp - 1000
        assert states.state(online=True) == timestamp


def test_a_newer_timestamp_under_our_name_is_answered_by_a_newer_connect(site: Site) -> None:
    states = site.states()
    with site.host():
        timestamp = states.state(online=True)
        foreign = json.dumps({"online": False, "timestamp": timestamp + 60_000})
        site.client().publish(f"spBv1.0/STATE/{site.host_id}", foreign, qos=1, retain=True)
        states.state(online=False)
        assert states.state(online=True) > timestamp + 60_000


def test_INGEST_4_births_data_and_deaths_become_readings_and_states(site: Site) -> None:
    node = site.node()
    with site.host():
        node.born(metric("Probe/pH", 7.0, alias=3, at_ms=T0_MS), metric("temperature", 37.0, alias=4, at_ms=T0_MS))
        for second in range(1, 11):
            alias = metric(value=7.0 + second / 100, alias=3, bare=True, at_ms=T0_MS + second * 1000)
            node.say("DDATA", [alias], "BR-01")
        stored(site, 12)
        assert site.rows("SELECT edge_group, node, state, last_seq, bd_seq FROM edge_node") == [
            (GROUP, node.name, "online", 11, 0)
        ]
        assert site.rows("SELECT unit.name, state FROM unit_edge_state JOIN unit USING (unit_id)") == [
            ("BR-01", "online")
        ]
        node.say("DDEATH", device="BR-01")
        eventually(lambda: site.ask("SELECT state FROM unit_edge_state") == "offline", what="the device is offline")
        node.dead()
        eventually(lambda: site.ask("SELECT state FROM edge_node") == "offline", what="the node is offline")
    kinds = "SELECT device, kind FROM edge_node_event WHERE kind IN ('online', 'offline') ORDER BY edge_node_event_id"
    assert site.rows(kinds)[:3] == [(None, "online"), ("BR-01", "online"), ("BR-01", "offline")]
    assert site.ask("SELECT count(*) FROM edge_gap") == 0
    assert site.ask("SELECT count(*) FROM quarantine") == 0
    assert site.ask("SELECT array_agg(value ORDER BY source_time) FROM reading WHERE value < 8") == [
        7.0 + second / 100 for second in range(11)
    ]


@pytest.mark.tck("tck-id-operational-behavior-host-reordering-rebirth")
@pytest.mark.tck(
    "tck-id-topics-ncmd-topic",
    "tck-id-topics-ncmd-mqtt",
    "tck-id-topics-ncmd-timestamp",
    "tck-id-topics-ncmd-payload",
    "tck-id-payloads-ncmd-timestamp",
    "tck-id-payloads-ncmd-seq",
    "tck-id-payloads-ncmd-qos",
    "tck-id-payloads-ncmd-retain",
    "tck-id-operational-behavior-data-commands-ncmd-verb",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-verb",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-name",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-value",
)
def test_INGEST_4_a_hole_in_the_sequence_is_a_gap_and_a_rebirth_is_asked_for(site: Site) -> None:
    node = site.node()
    with site.host():
        node.born(metric("pH", 7.0, at_ms=T0_MS))
        stored(site, 1)
        commands = site.ear(f"spBv1.0/{GROUP}/NCMD/{node.name}")
        node.say("DDATA", [metric("pH", 7.1, at_ms=T0_MS + 1000)], "BR-01", skip=2)
        command = commands.until()
        assert (command.qos, command.retain) == (0, False)
        request = decode_payload(bytes(command.payload))
        assert request.seq is None
        assert [(one.name, one.alias, one.value) for one in request.metrics] == [(REBIRTH, None, True)]
        stored(site, 2)
        gap = "SELECT cause, first_seq, last_seq, messages FROM edge_gap"
        eventually(lambda: site.rows(gap) == [("sequence", 2, 3, 2)], what="the gap is stored")


def test_messages_in_another_order_and_twice_are_stored_once_and_leave_no_gap(site: Site) -> None:
    node = site.node()
    with site.host():
        node.born(metric("pH", 7.0, at_ms=T0_MS))
        for seq in (3, 2, 2, 4, 3):
            node.seq = seq - 1
            node.say("DDATA", [metric("pH", 7 + seq / 10, at_ms=T0_MS + seq * 1000)], "BR-01")
        stored(site, 4)
    assert site.ask("SELECT count(*) FROM edge_gap") == 0
    assert site.ask("SELECT last_seq FROM edge_node") == 4


@pytest.mark.tck("tck-id-operational-behavior-data-publish-dbirth-values")
def test_what_is_null_transient_unmapped_or_no_number_is_no_reading_and_noted_once(site: Site) -> None:
    node = site.node()
    with site.host():
        node.born(
            metric("pH", 7.0, at_ms=T0_MS),
            metric("temperature", at_ms=T0_MS),
            metric("glucose", 5.0, at_ms=T0_MS, transient=True),
            metric("pressure", 1.0, at_ms=T0_MS),
            metric("dissolved_oxygen", "much", datatype=Datatype.String, at_ms=T0_MS),
        )
        for second in range(1, 6):
            node.say("DDATA", [metric("pressure", float(second), at_ms=T0_MS + second * 1000)], "BR-01")
        node.say("DDATA", [metric("pH", 7.1, at_ms=T0_MS + 9000)], "BR-01")
        stored(site, 2)
    assert site.rows("SELECT item, code FROM quarantine ORDER BY item") == [
        ("dissolved_oxygen", "wrong_type"),
        ("pressure", "unmapped_metric"),
        ("temperature", "null_value"),
    ]


def test_a_counter_beyond_what_a_reading_holds_exactly_is_put_aside_with_its_value(site: Site) -> None:
    node = site.node()
    with site.host():
        node.born(
            metric("pH", 2**53 + 1, datatype=Datatype.UInt64, at_ms=T0_MS),
            metric("temperature", -(2**53) - 1, datatype=Datatype.Int64, at_ms=T0_MS),
            metric("glucose", 2**53 + 2, datatype=Datatype.UInt64, at_ms=T0_MS),
        )
        stored(site, 1)
    assert int(site.ask("SELECT value FROM reading")) == 2**53 + 2
    assert site.rows("SELECT item, code, position('9007199254740993' in reason) > 0 FROM quarantine ORDER BY item") == [
        ("pH", "not_exact", True),
        ("temperature", "not_exact", True),
    ]


def test_historical_values_are_stored_with_their_own_time_and_quality_is_kept(site: Site) -> None:
    node = site.node()
    with site.host():
        node.born(metric("pH", 7.0, at_ms=T0_MS + 60_000))
        old = metric("pH", 6.5, at_ms=T0_MS, historical=True)
        poor = metric("pH", 7.2, at_ms=T0_MS + 61_000, quality=0)
        node.say("DDATA", [old, poor], "BR-01")
        stored(site, 3)
    assert site.rows("SELECT value, quality FROM reading ORDER BY source_time") == [(6.5, 192), (7.0, 192), (7.2, 0)]


def test_events_and_results_travel_as_metrics(site: Site) -> None:
    node = site.node()
    started = {
        "event": "unit_procedure_started",
        "time": "2026-02-01T08:00:00Z",
        "batch": "CT-1",
        "process": "AUTO-2.0",
        "position": "A",
    }
    result = {
        "result": "L-1",
        "batch": "CT-1",
        "attribute": "viability",
        "method": "m",
        "value": "92",
        "unit_of_measure": "%",
        "measured_at": "2026-02-01T09:00:00Z",
        "status": "final",
        "stated_by": "k",
    }
    with site.host():
        node.born(
            metric("Batchwitness/Event", datatype=Datatype.String),
            metric("Batchwitness/Result", datatype=Datatype.String),
        )
        for _ in range(2):
            node.say("DDATA", [metric("Batchwitness/Event", json.dumps(started), datatype=Datatype.String)], "BR-01")
        node.say("DDATA", [metric("Batchwitness/Result", json.dumps([result]), datatype=Datatype.String)], "BR-01")
        node.say("DDATA", [metric("Batchwitness/Result", "{}", datatype=Datatype.String)], "BR-01")
        eventually(lambda: site.ask("SELECT count(*) FROM quarantine") == 1, what="the empty result is put aside")
    assert site.rows("SELECT kind FROM event") == [("unit_procedure_started",)]
    assert site.rows("SELECT result, batch_id IS NOT NULL FROM qc_result") == [("L-1", True)]


@pytest.mark.tck("tck-id-topics-dbirth-mqtt", "tck-id-payloads-nbirth-retain")
def test_retained_births_make_nobody_online(site: Site) -> None:
    node = site.node()
    topic = f"spBv1.0/{GROUP}/NBIRTH/{node.name}"
    node.client.publish(topic, b"\x18\x00", qos=1, retain=True).wait_for_publish(10)
    try:
        with site.host():
            eventually(lambda: site.ask("SELECT state FROM edge_node") == "unknown", what="the node is known of")
    finally:
        node.client.publish(topic, b"", qos=1, retain=True).wait_for_publish(10)
    assert site.ask("SELECT count(*) FROM edge_node_event WHERE kind = 'online'") == 0


def test_INGEST_3_rubbish_is_put_aside_and_stops_nothing(site: Site) -> None:
    node = site.node()
    with site.host():
        for topic in ("spBv1.0/x", f"spBv1.0/{GROUP}/NBIRTH", f"spBv1.0/{GROUP}/XDATA/n", f"spBv1.0/{GROUP}/NDATA/n/d"):
            node.client.publish(topic, b"\xff\x00rubbish", qos=1).wait_for_publish(10)
        node.client.publish(f"spBv1.0/{GROUP}/NBIRTH/{node.name}", b"{}", qos=1).wait_for_publish(10)
        node.born(metric("pH", 7.0, at_ms=T0_MS))
        stored(site, 1)
    assert site.ask("SELECT count(*) FROM quarantine") == 5


@pytest.mark.tck("tck-id-operational-behavior-data-commands-rebirth-action-3")
def test_a_host_that_comes_back_asks_for_births_and_records_that_nobody_listened(site: Site) -> None:
    node = site.node()
    commands = site.ear(f"spBv1.0/{GROUP}/NCMD/{node.name}")
    with site.host():
        node.born(metric("pH", 7.0, at_ms=T0_MS))
        stored(site, 1)
    node.say("DDATA", [metric("pH", 7.1, at_ms=T0_MS + 1000)], "BR-01")
    with site.host():
        assert site.ask("SELECT state FROM edge_node") == "unknown"
        commands.until()
        node.born(metric("pH", 7.2, at_ms=T0_MS + 2000))
        stored(site, 2)
    assert site.rows("SELECT cause, messages FROM edge_gap") == [("host_away", None)]


@pytest.mark.tck("tck-id-topics-dcmd-topic")
def test_a_host_that_may_not_ask_publishes_nothing_but_state(site: Site) -> None:
    commands = [site.ear(f"spBv1.0/+/{verb}/#") for verb in ("NCMD", "DCMD")]
    states, node = site.states(), site.node()
    with site.host(sparkplug_rebirth=False, patience=replace(SOON, quiet_us=0)):
        began = time.monotonic()
        node.say("DDATA", [metric("pH", 7.0)], "BR-01")
        eventually(lambda: site.ask("SELECT count(*) FROM quarantine") == 1, what="data before a birth is put aside")
        asked_by = began + 1.5
        eventually(lambda: time.monotonic() > asked_by, what="a host that may ask would have asked")
    states.state(online=False)
    assert [ear.heard.empty() for ear in commands] == [True, True]


def test_the_command_is_a_host_that_leaves_in_order_when_it_is_told_to_end(site: Site, tmp_path: Path) -> None:
    states = site.states()
    process = site.process(tmp_path / "ready", "batchwitness", "sparkplug")
    try:
        timestamp = states.state(online=True)
        eventually((tmp_path / "ready").exists, what="it says that it is ready")
        process.terminate()
        assert states.state(online=False) >= timestamp
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait(10)


def test_killed_a_host_is_offline_by_its_will_and_a_standby_takes_over_without_losing_what_comes_then(
    site: Site, tmp_path: Path
) -> None:
    states = site.states()
    node = site.node()
    first = site.process(tmp_path / "first")
    try:
        timestamp = states.state(online=True)
        node.born(metric("pH", 7.0, at_ms=T0_MS))
        stored(site, 1)
        second = site.process(tmp_path / "second")
        try:
            first.kill()
            assert states.state(online=False) == timestamp
            node.say("DDATA", [metric("pH", 7.1, at_ms=T0_MS + 1000)], "BR-01")  # nobody listens
            assert states.state(online=True, within_s=40) > timestamp
            node.born(metric("pH", 7.2, at_ms=T0_MS + 2000))
            for second_s in range(3, 23):
                node.say("DDATA", [metric("pH", 7.3, at_ms=T0_MS + second_s * 1000)], "BR-01")
            stored(site, 22)
            assert site.rows("SELECT cause, messages FROM edge_gap") == [("host_away", None)]
        finally:
            second.terminate()
            assert second.wait(20) == 0
        assert states.state(online=False) > timestamp
    finally:
        first.kill()
        first.wait(10)


def test_while_the_store_is_away_a_host_is_offline_and_comes_back_by_a_new_connect(
    site: Site, database_proxy: Proxy
) -> None:
    states = site.states()
    node = site.node()
    conninfo = site.database.dsn("ingest", host=database_proxy.directory)
    with site.host(conninfo=conninfo):
        timestamp = states.state(online=True)
        node.born(metric("pH", 7.0, at_ms=T0_MS))
        stored(site, 1)
        database_proxy.cut()
        cut_at = time.monotonic()
        left = states.state(online=False)
        assert time.monotonic() - cut_at <= SOON.offline_after_s + 2
        assert left > timestamp
        node.say("DDATA", [metric("pH", 7.1, at_ms=T0_MS + 1000)], "BR-01")  # waits in the spool
        database_proxy.restore()
        assert states.state(online=True) > left
        stored(site, 2)


def test_a_host_says_offline_within_12_s_and_before_another_can_take_over() -> None:
    patience = Patience()
    assert patience.renew_every_s < patience.offline_after_s <= 10
    assert patience.offline_after_s + LOOK_EVERY_S + 1 < patience.lease_s


def test_INGEST_4_what_the_spool_cannot_keep_is_a_gap_and_the_node_must_be_born_again(
    site: Site, database_proxy: Proxy
) -> None:
    node = site.node()
    conninfo = site.database.dsn("ingest", host=database_proxy.directory)
    with site.host(conninfo=conninfo, sparkplug_spool=100):
        node.born(metric("pH", 7.0, at_ms=T0_MS))
        stored(site, 1)
        database_proxy.cut()
        eventually(_refused(conninfo), what="the database is away")
        for number in range(1, 301):
            node.say("DDATA", [metric("pH", 7.1, at_ms=T0_MS + number * 1000)], "BR-01")
        database_proxy.restore()
        lost = "SELECT sum(messages)::integer FROM edge_gap WHERE cause = 'spool_full'"
        # Of a node that is not born again what comes after the loss is refused.
        refused = "SELECT sum(refused)::integer FROM quarantine_minute"
        eventually(
            lambda: (site.ask(lost) or 0) + (site.ask(refused) or 0) + site.ask(READINGS) == 301,
            within_s=20,
            what="all are accounted for",
        )
        assert site.ask(lost) > 0
        assert site.ask("SELECT state FROM edge_node") == "unknown"


def _refused(conninfo: str) -> Callable[[], bool]:
    def check() -> bool:
        try:
            psycopg.connect(conninfo, connect_timeout=2).close()
        except psycopg.OperationalError:
            return True
        return False

    return check
