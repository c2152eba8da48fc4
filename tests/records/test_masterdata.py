import copy
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.audit import trail, verify
from records.masterdata import MasterdataInvalid, load_masterdata, masterdata_check
from records.masterdata_shape import stored_rows
from tests.fix_postgres import Database

START = datetime(2025, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=100)

DOCUMENT: dict[str, Any] = {
    "sites": [{"name": "leiden", "timezone": "Europe/Amsterdam"}],
    "areas": [{"site": "leiden", "name": "hall"}],
    "units": [
        {
            "site": "leiden",
            "area": "hall",
            "name": "BR-01",
            "kind": "bioreactor",
            "commissioned": "2024-06-01T00:00:00Z",
            "positions": ["A"],
        },
        {
            "site": "leiden",
            "area": "hall",
            "name": "INC-1",
            "kind": "incubator",
            "commissioned": "2023-01-01T00:00:00+01:00",
            "positions": ["B", "A"],
        },
    ],
    "publishers": [{"name": "edge-1", "site": "leiden", "area": "hall", "unit": "BR-01"}],
    "tags": [
        {
            "site": "leiden",
            "area": "hall",
            "unit": "BR-01",
            "position": None,
            "name": "temperature",
            "measurand": "temperature",
            "unit_of_measure": "Cel",
            "physical_low": 0,
            "physical_high": 60,
            "reporting_mode": "periodic",
            "interval_s": 60,
            "capture_mode": "automatic",
        },
        {
            "site": "leiden",
            "area": "hall",
            "unit": "INC-1",
            "position": "A",
            "name": "glucose",
            "measurand": "glucose",
            "unit_of_measure": "mmol/L",
            "reporting_mode": "manual",
            "capture_mode": "manual",
        },
    ],
    "sparkplug": [
        {
            "group": "Suite3",
            "node": "EN-*",
            "metric": "Heater/*",
            "site": "leiden",
            "area": "hall",
            "unit": "INC-1",
            "position": "A",
            "tag": "glucose",
        }
    ],
    "products": [{"name": "CT-101", "modality": "autologous T cells"}],
    "processes": [
        {"product": "CT-101", "name": "MAN-1.0", "role": "pre_change", "description": "static culture"},
        {"product": "CT-101", "name": "AUTO-2.0", "role": "post_change"},
    ],
    "changes": [
        {
            "name": "CC-7",
            "product": "CT-101",
            "from": "MAN-1.0",
            "to": "AUTO-2.0",
            "context_of_use": "expansion of T cells",
            "amt_designation": None,
            "reporting_category": "PAS",
            "regulatory_status": "internal",
        }
    ],
    "attributes": [
        {
            "product": "CT-101",
            "name": "viability",
            "kind": "release_test",
            "criticality": "critical",
            "scale": "linear",
            "measurand": "viable cells",
            "unit_of_measure": "%",
        }
    ],
    "limits": [
        {
            "process": "AUTO-2.0",
            "attribute": "viability",
            "kind": "specification_limit",
            "low": 70,
            "unit_of_measure": "%",
            "source": "BLA 3.2.P.5.1",
        },
        {
            "process": "AUTO-2.0",
            "tag": "temperature",
            "kind": "proven_acceptable_range",
            "low": 36,
            "high": 38,
            "unit_of_measure": "Cel",
            "source": "PC-12",
        },
    ],
    "sampling_plan": [{"process": "AUTO-2.0", "attribute": "viability", "specimen": "S-9", "at_h": 216, "due_h": 240}],
    "correspondences": [
        {
            "change": "CC-7",
            "tag_new": "temperature",
            "tag_old": "temperature",
            "measurand": "temperature",
            "sensor_principle_new": "Pt100",
            "sensor_principle_old": "thermistor",
            "phase": None,
        }
    ],
}


@pytest.fixture
def conn(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect("api", autocommit=False) as connection:
        yield connection


def load(
    conn: psycopg.Connection, document: dict[str, Any], effective_from: datetime = START
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    changes = load_masterdata(conn, document, by="mara", reason="as built", effective_from=effective_from)
    return changes.created, changes.changed


def edited(section: str, index: int, **fields: object) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    document[section][index].update(fields)
    return document


def test_a_document_becomes_the_record_with_one_audit_event_for_each_thing(conn: psycopg.Connection) -> None:
    created, changed = load(conn, DOCUMENT)

    assert changed == ()
    assert len(created) == sum(len(rows) for rows in DOCUMENT.values())
    assert {
        "unit:leiden/hall/INC-1",
        "tag:leiden/hall/INC-1/A/glucose",
        "limit:AUTO-2.0/viability/specification_limit",
    } < {*created}
    events = trail(conn, limit=100)
    assert [event.subject for event in events] == list(created)
    assert {(event.actor, event.reason, event.old) for event in events} == {("mara", "as built", None)}
    assert verify(conn) == []
    assert conn.execute(
        "SELECT unit.name, array_agg(position.name ORDER BY position.name)"
        " FROM unit JOIN position USING (unit_id) GROUP BY 1 ORDER BY 1"
    ).fetchall() == [("BR-01", ["A"]), ("INC-1", ["A", "B"])]
    assert conn.execute("SELECT name, mapped, interval_s FROM tag_now ORDER BY name").fetchall() == [
        ("glucose", True, None),
        ("temperature", True, 60.0),
    ]


def test_loading_the_same_document_again_changes_nothing_and_audits_nothing(conn: psycopg.Connection) -> None:
    load(conn, DOCUMENT)
    events = len(trail(conn, limit=100))

    assert load(conn, DOCUMENT) == ((), ())
    assert load(conn, DOCUMENT, effective_from=LATER) == ((), ())
    assert len(trail(conn, limit=100)) == events


@pytest.mark.parametrize(
    ("document", "subject", "old", "new"),
    [
        (edited("sites", 0, timezone="Europe/Berlin"), "site:leiden", "Europe/Amsterdam", "Europe/Berlin"),
        (edited("units", 1, kind="warm room"), "unit:leiden/hall/INC-1", "incubator", "warm room"),
        (edited("units", 1, positions=["C"]), "unit:leiden/hall/INC-1", ["A", "B"], ["A", "B", "C"]),
        (edited("publishers", 0, allowed=False), "publisher:edge-1/leiden/hall/BR-01", True, False),
        (edited("sparkplug", 0, position="B"), "sparkplug_mapping:Suite3/EN-*//Heater/*", "A", "B"),
        (edited("sparkplug", 0, in_force=False), "sparkplug_mapping:Suite3/EN-*//Heater/*", True, False),
        (edited("products", 0, modality="CAR-T"), "product:CT-101", "autologous T cells", "CAR-T"),
        (edited("processes", 1, description="closed"), "process:CT-101/AUTO-2.0", "", "closed"),
        (edited("changes", 0, amt_designation="AMT-3"), "change:CC-7", None, "AMT-3"),
        (edited("attributes", 0, criticality="key"), "attribute:CT-101/viability", "critical", "key"),
        (edited("sampling_plan", 0, due_h=300), "sampling:AUTO-2.0/viability/S-9", 240.0, 300.0),
        (
            edited("correspondences", 0, sensor_principle_old="glass"),
            "correspondence:CC-7/temperature",
            "thermistor",
            "glass",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and ":" in value else "",
)
def test_what_describes_a_thing_is_changed_and_the_audit_event_says_from_what_to_what(
    conn: psycopg.Connection, document: dict[str, Any], subject: str, old: object, new: object
) -> None:
    load(conn, DOCUMENT)

    # a position that the document does not mention any more stays
    document["units"][1]["positions"] += ["A", "B"] if document["units"][1]["positions"] == ["C"] else []
    assert load(conn, document) == ((), (subject,))

    event = trail(conn, subject=subject, limit=10)[-1]
    assert event.old is not None
    assert event.new is not None
    assert list(event.old.values()) == [old]
    assert list(event.new.values()) == [new]
    assert load(conn, document) == ((), ())


def test_a_changed_tag_or_limit_becomes_a_new_version_beside_the_old_one(conn: psycopg.Connection) -> None:
    load(conn, DOCUMENT)
    document = edited("tags", 0, interval_s=30)
    document["limits"][0]["low"] = 80

    created, changed = load(conn, document, effective_from=LATER)

    assert created == ()
    assert changed == ("tag:leiden/hall/BR-01/temperature", "limit:AUTO-2.0/viability/specification_limit")
    assert conn.execute(
        "SELECT effective_from, interval_s FROM tag_version JOIN tag USING (tag_id) WHERE name = 'temperature'"
        " ORDER BY known_at"
    ).fetchall() == [(START, 60.0), (LATER, 30.0)]
    assert conn.execute(
        "SELECT effective_from, low FROM limit_version WHERE attribute = 'viability' ORDER BY known_at"
    ).fetchall() == [(START, 70.0), (LATER, 80.0)]
    assert load(conn, document, effective_from=LATER) == ((), ())
    assert load(conn, DOCUMENT, effective_from=START) == ((), ()), "the older versions are still what held then"


def test_a_tag_that_ingest_met_before_keeps_its_number_and_becomes_mapped(
    conn: psycopg.Connection, database: Database
) -> None:
    without_tags = copy.deepcopy(DOCUMENT)
    without_tags.update(tags=[], sparkplug=[], limits=DOCUMENT["limits"][:1], correspondences=[])
    load(conn, without_tags)
    conn.commit()
    with database.connect("ingest") as ingest:
        row = ingest.execute(
            "INSERT INTO tag (unit_id, name) SELECT unit_id, 'temperature' FROM unit WHERE name = 'BR-01'"
            " RETURNING tag_id"
        ).fetchone()

    load(conn, DOCUMENT)

    assert conn.execute("SELECT tag_id, mapped FROM tag_now WHERE name = 'temperature'").fetchall() == [
        (row and row[0], True)
    ]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (
            edited("processes", 1, role="pre_change"),
            "processes[1].role: 'pre_change', but the record says 'post_change'",
        ),
        (edited("attributes", 0, scale="log"), "attributes[0].scale: 'log', but the record says 'linear'"),
    ],
    ids=["role of a process", "scale of an attribute"],
)
def test_what_a_thing_is_can_not_be_changed_and_nothing_else_of_the_document_is_applied(
    conn: psycopg.Connection, document: dict[str, Any], problem: str
) -> None:
    load(conn, {**DOCUMENT, "changes": [], "correspondences": []})
    events = len(trail(conn, limit=100))
    document["sites"][0]["timezone"] = "UTC"
    document["changes"] = document["correspondences"] = []

    with pytest.raises(MasterdataInvalid) as refused:
        load(conn, document)

    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith(problem)
    assert len(trail(conn, limit=100)) == events
    assert conn.execute("SELECT timezone FROM site").fetchall() == [("Europe/Amsterdam",)]


def without(section: str, index: int, field: str) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    del document[section][index][field]
    return document


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "the document: [] is not an object"),
        ({**DOCUMENT, "colours": []}, "colours: there is no such section; there are sites, areas, "),
        ({**DOCUMENT, "sites": {}}, "sites: {} is not a list"),
        ({**DOCUMENT, "sites": [3]}, "sites[0]: 3 is not an object"),
        (edited("sites", 0, colour="red"), "sites[0].colour: there is no such field; there are name, timezone"),
        (without("units", 0, "kind"), "units[0].kind: is missing"),
        (edited("sites", 0, timezone="Mars/Olympus"), "sites[0].timezone: 'Mars/Olympus' is not a time zone"),
        (edited("sites", 0, timezone="../../etc/passwd"), "sites[0].timezone: '../../etc/passwd' is not a time zone"),
        (edited("areas", 0, name="hall/1"), "areas[0].name: 'hall/1' holds /, # or +"),
        (edited("areas", 0, name=""), "areas[0].name: '' is empty"),
        (edited("areas", 0, name="a\0b"), "areas[0].name: 'a\\x00b' holds a character that cannot be printed"),
        (edited("areas", 0, name="x" * 5000), "areas[0].name: 'xxxx"),
        (
            edited("units", 0, commissioned="2024-06-01T00:00:00"),
            "units[0].commissioned: '2024-06-01T00:00:00' is a time without offset",
        ),
        (edited("units", 0, commissioned="soon"), "units[0].commissioned: 'soon' is not an RFC 3339 time"),
        (edited("units", 0, positions=[]), "units[0].positions: [] is not a list of at least one name"),
        (edited("units", 0, positions=["A", "A"]), "units[0].positions: ['A', 'A'] holds a name twice"),
        (edited("tags", 0, interval_s=0), "tags[0].interval_s: 0 is not above 0"),
        (edited("tags", 0, interval_s=None), "tags[0].interval_s: is missing for a periodic tag"),
        (edited("tags", 0, deadband=-1), "tags[0].deadband: -1 is below 0"),
        (edited("tags", 0, physical_low=True), "tags[0].physical_low: True is not a number"),
        (edited("tags", 0, physical_low=float("nan")), "tags[0].physical_low: nan is not a finite number"),
        (edited("tags", 0, physical_low=10**400), "tags[0].physical_low: 1000"),
        (edited("tags", 0, physical_low="37"), "tags[0].physical_low: '37' is not a number"),
        (edited("units", 0, commissioned="0001-01-01T00:00:00+14:00"), "units[0].commissioned: '0001-01-01T"),
        (edited("tags", 0, physical_low=60), "tags[0].physical_high: 60.0 is not above physical_low 60.0"),
        (edited("tags", 0, position="Z"), "tags[0].position: 'Z' is not a position of BR-01"),
        (edited("tags", 0, unit="BR-99"), "tags[0].unit: 'leiden/hall/BR-99' is not in units"),
        (edited("tags", 0, unit_of_measure="mmol / L"), "tags[0].unit_of_measure: 'mmol / L' is not a UCUM unit"),
        (
            edited("tags", 0, reporting_mode="sometimes"),
            "tags[0].reporting_mode: 'sometimes' is not one of periodic, on_change, manual",
        ),
        (edited("sparkplug", 0, group="a/b"), "sparkplug[0].group: 'a/b' holds /, # or +"),
        (edited("sparkplug", 0, device=None), "sparkplug[0].device: None is not text"),
        (edited("sparkplug", 0, unit="BR-99"), "sparkplug[0].unit: 'leiden/hall/BR-99' is not in units"),
        (edited("sparkplug", 0, position="Z"), "sparkplug[0].position: 'Z' is not a position of INC-1"),
        (edited("sparkplug", 0, tag="x"), "sparkplug[0].tag: 'x' is not a tag of INC-1"),
        (edited("processes", 0, product="CT-9"), "processes[0].product: 'CT-9' is not in products"),
        (edited("processes", 1, name="MAN-1.0"), "processes[1]: is the same process as processes[0]"),
        (edited("changes", 0, **{"from": "AUTO-2.0"}), "changes[0].from: 'AUTO-2.0' is post_change, not pre_change"),
        (edited("changes", 0, to="AUTO-3"), "changes[0].to: 'CT-101/AUTO-3' is not in processes"),
        (edited("changes", 0, regulatory_status="hoped"), "changes[0].regulatory_status: 'hoped' is not one of"),
        (edited("limits", 0, attribute="colour"), "limits[0].attribute: 'colour' is not an attribute of CT-101"),
        (edited("limits", 0, tag="temperature"), "limits[0]: needs attribute or tag, and not both"),
        (edited("limits", 0, low=None), "limits[0]: needs low, high or both"),
        (edited("limits", 1, high=35), "limits[1].high: 35.0 is below low 36.0"),
        (edited("limits", 1, tag="colour"), "limits[1].tag: 'colour' is not in tags"),
        (edited("limits", 1, unit_of_measure="K"), "limits[1].unit_of_measure: 'K' is not what it is measured in: Cel"),
        (edited("limits", 0, unit_of_measure="1"), "limits[0].unit_of_measure: '1' is not what it is measured in: %"),
        (edited("limits", 0, kind="hard_limit"), "limits[0].kind: 'hard_limit' is not one of setpoint,"),
        (edited("sampling_plan", 0, due_h=1), "sampling_plan[0].due_h: 1.0 is before at_h 216.0"),
        (edited("sampling_plan", 0, attribute="x"), "sampling_plan[0].attribute: 'x' is not an attribute of CT-101"),
        (edited("correspondences", 0, tag_old="x"), "correspondences[0].tag_old: 'x' is not in tags"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_value_is_named_with_its_path(document: object, problem: str) -> None:
    problems = masterdata_check(document)

    assert any(found.startswith(problem) for found in problems), problems


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


@given(document=JSON)
def test_any_json_is_checked_without_a_crash(document: object) -> None:
    assert all(isinstance(problem, str) for problem in masterdata_check(document))


@given(data=st.data(), section=st.sampled_from(sorted(DOCUMENT)))
def test_any_value_in_any_field_is_either_named_or_can_be_stored(data: st.DataObject, section: str) -> None:
    index = data.draw(st.integers(0, len(DOCUMENT[section]) - 1))
    field = data.draw(st.sampled_from(sorted(DOCUMENT[section][index])))
    document = edited(section, index, **{field: data.draw(JSON)})

    problems = masterdata_check(document)

    assert all(re.match(r"[a-z_]+(\[\d+\])?(\.[a-z_0-9]+)?: ", problem) for problem in problems), problems
    if not problems:
        assert set(stored_rows(document)) >= set(DOCUMENT)


def test_a_wrong_document_is_refused_with_all_its_problems_and_applied_not_at_all(
    conn: psycopg.Connection,
) -> None:
    document = edited("sites", 0, timezone="Mars/Olympus")
    document["tags"][0]["interval_s"] = -1
    with pytest.raises(MasterdataInvalid) as refused:
        load(conn, document)
    assert len(refused.value.problems) == 2
    assert trail(conn, limit=1) == []
    assert conn.execute("SELECT count(*) FROM site").fetchone() == (0,)


def test_a_load_outside_a_transaction_is_refused(database: Database) -> None:
    with database.connect("api") as conn, pytest.raises(ValueError, match="transaction"):
        load(conn, DOCUMENT)
    with database.connect() as owner:
        assert owner.execute("SELECT count(*) FROM site").fetchone() == (0,)


def test_the_example_document_has_no_problems() -> None:
    assert masterdata_check(DOCUMENT) == []
