"""What is missing of a record is stored as gaps with one cause each, and the history of what was known stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from store.commit import commit
from store.draft import Draft
from store.edge_nodes import EdgeEvent, EdgeGap, EdgeSession
from store.model.edge import EdgeEventKind, EdgeGapCause, EdgeState
from store.model.times import to_us
from tests.analytics.conftest import Watched
from tests.fix_postgres import Database
from tests.store.record import Record, opened

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
EVERY = timedelta(minutes=10)
NAMES = ("pH", "temperature", "dissolved_oxygen", "glucose")
ALLOWANCE = timedelta(seconds=300)


@pytest.fixture
def plain(database: Database) -> Any:
    """A record with the small plant, nothing learned."""
    with opened(database) as record:
        yield Watched(record=record, database=database)


def event(kind: str, number: float, **body: object) -> tuple[str, object]:
    return "BR-01/events", {"event": kind, "time": at(number), "batch": "CT-1", "process": "AUTO-2.0"} | body


def at(number: float) -> str:
    """The time of a reading, in intervals after the start."""
    return (START + number * EVERY).isoformat()


def reading(number: float, names: tuple[str, ...] = NAMES, unit: str = "BR-01", **more: object) -> tuple[str, object]:
    return f"{unit}/readings", {"time": at(number), "values": dict.fromkeys(names, 7.0)} | more


def tick(record: Record, number: float) -> None:
    """Time passed: everything up to this interval can have arrived."""
    record.tick(to_us(START + number * EVERY + ALLOWANCE) + 1)


def gaps(watched: Watched, *, now: bool = True) -> list[tuple[Any, ...]]:
    """Tag, from and to in intervals, missing, cause."""
    rows = watched.record.ask(
        "SELECT tag.name, from_time, to_time, missing, cause FROM tag_gap JOIN tag USING (tag_id)"
        " WHERE (filled_time IS NULL) = %s ORDER BY tag.name, from_time, tag_gap_id",
        now,
    )
    return [(name, number(since), number(until), missing, cause) for name, since, until, missing, cause in rows]


def number(time: datetime | None) -> float | None:
    return None if time is None else (time - START) / EVERY


def test_ingest_4_a_complete_record_has_no_gaps(plain: Watched) -> None:
    plain.record.take(event("unit_procedure_started", 0))
    plain.record.take(*(reading(n) for n in range(20)))
    plain.record.take(event("batch_ended", 20))
    plain.analyse()
    assert gaps(plain) == []


def test_ingest_4_a_lost_reading_is_a_gap_of_its_tag(plain: Watched) -> None:
    plain.record.take(event("unit_procedure_started", 0))
    for n in range(10):
        plain.record.take(reading(n, NAMES if n not in {4, 5, 6} else NAMES[1:]))
        plain.analyse()
    assert gaps(plain) == [("pH", 3, 7, 3, "tag_silent")]


def test_ingest_4_a_tag_that_never_spoke_is_one_gap_from_the_start(plain: Watched) -> None:
    plain.record.take(event("unit_procedure_started", 0))
    plain.record.take(*(reading(n, NAMES[1:]) for n in range(10)))
    tick(plain.record, 10)
    plain.analyse()
    assert gaps(plain) == [("pH", 0, None, None, "tag_silent")]
    plain.record.take(event("batch_ended", 10))
    plain.analyse()
    assert gaps(plain) == [("pH", 0, 10, 10, "tag_silent")]
    assert gaps(plain, now=False) == [("pH", 0, None, None, "tag_silent")]


def test_ingest_4_backfill_splits_a_gap_and_closes_it_and_what_was_known_stays(plain: Watched) -> None:
    plain.record.take(event("unit_procedure_started", 0))
    plain.record.take(*(reading(n) for n in range(5)), *(reading(n) for n in range(12, 20)))
    plain.analyse()
    assert {gap[1:4] for gap in gaps(plain)} == {(4, 12, 7)}
    plain.record.take(reading(8))
    plain.analyse()
    assert [gap[1:4] for gap in gaps(plain) if gap[0] == "pH"] == [(4, 8, 3), (8, 12, 3)]
    plain.record.take(*(reading(n) for n in (5, 6, 7, 9, 10, 11)))
    plain.analyse()
    assert gaps(plain) == []
    assert [gap[1:4] for gap in gaps(plain, now=False) if gap[0] == "pH"] == [(4, 12, 7), (4, 8, 3), (8, 12, 3)]


def test_ingest_4_at_the_end_of_the_record_a_gap_lasts_until_the_tag_speaks(plain: Watched) -> None:
    plain.record.take(event("unit_procedure_started", 0), *(reading(n) for n in range(5)))
    tick(plain.record, 5.9)
    plain.analyse()
    assert gaps(plain) == []
    plain.record.take(*(reading(n, NAMES[1:]) for n in range(5, 9)))
    tick(plain.record, 8.5)
    plain.analyse()
    assert gaps(plain) == [("pH", 4, None, None, "tag_silent")]
    plain.record.take(*(reading(n) for n in range(9, 12)))
    plain.analyse()
    assert gaps(plain) == [("pH", 4, 9, 4, "tag_silent")]


def test_ingest_4_outside_unit_procedures_nothing_is_owed(plain: Watched) -> None:
    plain.record.take(event("unit_procedure_started", 0), *(reading(n) for n in range(4)), reading(30), reading(50))
    plain.record.take(event("batch_ended", 10))
    plain.analyse()
    assert {gap[1:4] for gap in gaps(plain)} == {(3, 10, 6)}


def test_ingest_4_a_corrected_interval_moves_its_gaps(plain: Watched) -> None:
    plain.record.take(event("unit_procedure_started", 0), *(reading(n) for n in range(4)), reading(12))
    plain.record.take(event("batch_ended", 10))
    plain.analyse()
    plain.record.owner.execute("UPDATE unit_procedure SET during = tstzrange(lower(during), %s)", [START + 6 * EVERY])
    plain.record.take(reading(40))
    plain.analyse()
    assert {gap[1:4] for gap in gaps(plain)} == {(3, 6, 2)}


def test_ingest_4_a_new_description_of_a_tag_changes_what_it_owes_from_then_on(plain: Watched) -> None:
    plain.record.take(event("unit_procedure_started", 0), *(reading(n) for n in (0, 1, 2, 3, 9, 12, 15, 18)))
    plain.record.take(event("batch_ended", 20))
    plain.analyse()
    assert next(gap[1:4] for gap in gaps(plain) if gap[0] == "pH") == (3, 9, 5)
    plain.record.owner.execute(
        "INSERT INTO tag_version (tag_id, effective_from, measurand, unit_of_measure, reporting_mode, interval_s,"
        " capture_mode, known_at) SELECT tag_id, %s, 'pH', '[pH]', 'periodic', 1800, 'automatic', now()"
        " FROM tag JOIN unit USING (unit_id) WHERE unit.name = 'BR-01' AND tag.name = 'pH'",
        [START + 9 * EVERY],
    )
    plain.record.take(reading(40))
    plain.analyse()
    assert [gap[1:4] for gap in gaps(plain) if gap[0] == "pH"] == [(3, 9, 5)]


@pytest.mark.parametrize("begins", ["out_of_service", "calibration"])
def test_ingest_4_while_a_tag_is_out_of_service_or_calibrated_nothing_is_owed(plain: Watched, begins: str) -> None:
    plain.record.take(event("unit_procedure_started", 0))
    plain.record.take(*(reading(n, NAMES if n not in range(4, 12) else NAMES[1:]) for n in range(16)))
    plain.analyse()
    assert gaps(plain) == [("pH", 3, 12, 8, "tag_silent")]
    plain.record.take(
        ("BR-01/events", {"event": begins, "time": at(4.5), "tag": "pH"}),
        ("BR-01/events", {"event": "in_service", "time": at(9.5), "tag": "pH"}),
    )
    plain.analyse()
    assert gaps(plain) == [
        ("pH", 3, 5, 1, "tag_silent"),
        ("pH", 5, 10, 5, begins),
        ("pH", 10, 12, 2, "tag_silent"),
    ]


def test_ingest_4_what_was_put_aside_is_named(plain: Watched) -> None:
    plain.record.take(event("unit_procedure_started", 0))
    for n in range(8):
        values: dict[str, object] = dict.fromkeys(NAMES, 7.0)
        if n in {3, 4}:
            values["pH"] = None
        plain.record.take(("BR-01/readings", {"time": at(n), "values": values}))
    plain.analyse()
    assert gaps(plain) == [("pH", 2, 5, 2, "quarantined")]
    named = plain.record.ask("SELECT evidence FROM tag_gap")[0][0]
    assert named["quarantine"] == [
        row[0] for row in plain.record.ask("SELECT quarantine_id FROM quarantine ORDER BY 1")
    ]


def test_ingest_4_a_message_nobody_could_read_explains_one_reading_of_each_tag(plain: Watched) -> None:
    plain.record.take(event("unit_procedure_started", 0))
    for n in range(8):
        message = reading(n) if n != 4 else ("BR-01/readings", b'{"time": broken')
        plain.record.take(message, received_us=to_us(START + n * EVERY) + 2_000_000)
    plain.record.tick(to_us(START + 8 * EVERY), host_us=to_us(START + 8 * EVERY))
    plain.analyse()
    assert gaps(plain) == [(name, 3, 5, 1, "quarantined") for name in sorted(NAMES)]


def test_ingest_4_what_came_in_while_nobody_listened_is_our_own_absence_once_that_is_known(plain: Watched) -> None:
    plain.record.take(event("unit_procedure_started", 0), *(reading(n) for n in range(4)))
    plain.record.listen(instant(0), instant(3.5))
    plain.record.take(*(reading(n) for n in range(8, 12)))
    plain.record.take(*(reading(n, NAMES if n != 13 else NAMES[1:]) for n in range(12, 16)))
    plain.record.tick(instant(16), host_us=instant(16))
    plain.analyse()
    silent = ("pH", 12, 14, 1, "tag_silent")
    assert gaps(plain) == sorted([*((name, 3, 8, 4, "edge_offline") for name in NAMES), silent])
    plain.record.listen(instant(5.5), instant(16))
    plain.analyse()
    away = [part for name in NAMES for part in ((name, 3, 6, 2, "host_offline"), (name, 6, 8, 2, "edge_offline"))]
    assert gaps(plain) == sorted([*away, silent])


def test_ingest_4_a_tag_that_fell_silent_before_all_others_was_alone_at_first(plain: Watched) -> None:
    plain.record.take(event("unit_procedure_started", 0), *(reading(n) for n in range(3)))
    plain.record.take(*(reading(n, NAMES[1:]) for n in range(3, 6)), *(reading(n) for n in range(10, 12)))
    plain.analyse()
    together = [(name, 5, 10, 4, "edge_offline") for name in NAMES[1:]]
    assert gaps(plain) == sorted([*together, ("pH", 2, 6, 3, "tag_silent"), ("pH", 6, 10, 4, "edge_offline")])


NODE = ("Suite3", "EN-07")


def edge(
    watched: Watched,
    *events: tuple[str, float, str | None],
    gap: EdgeGap | None = None,
    filled: tuple[int, ...] = (),
    speaks: tuple[str, ...] = (),
) -> None:
    """Commit what an edge node said of itself: (online or offline, when, device), and what was lost of it."""
    draft = Draft()
    rows = draft.edge
    rows.server = "broker:1883"
    rows.sessions[NODE] = EdgeSession(
        state=EdgeState.ONLINE, cause="nbirth", since_us=0, bd_seq=0, last_seq=0, born_us=0, heard_us=0
    )
    (unit_id,) = watched.record.ask("SELECT unit_id FROM unit WHERE name = 'BR-01'")[0]
    rows.units |= {((*NODE, device), unit_id) for device in speaks}
    for kind, when, device in events:
        what = EdgeEvent(node=NODE, device=device, kind=EdgeEventKind(kind), note="said", time_us=instant(when))
        rows.events.append(what)
    rows.gaps += [gap] if gap else []
    rows.filled += [(NODE, seq) for seq in filled]
    commit(watched.record.connection, watched.record.lease, draft)


def same_clock(watched: Watched, number: float) -> None:
    """The plant's clock and the host's agree."""
    watched.record.tick(instant(number), host_us=instant(number))


def test_ingest_4_what_an_edge_node_said_is_the_cause_for_all_tags_it_speaks_for(plain: Watched) -> None:
    same_clock(plain, 0)
    edge(plain, ("online", 0, None), ("online", 0, "BR-01"), speaks=("BR-01",))
    plain.record.take(event("unit_procedure_started", 0), *(reading(n) for n in range(4)))
    plain.record.take(*(reading(n, ("pH",)) for n in (6, 7)), *(reading(n) for n in range(8, 10)))
    same_clock(plain, 10)
    plain.analyse()
    assert {gap[-1] for gap in gaps(plain)} == {"edge_offline", "tag_silent"}
    assert plain.record.ask("SELECT DISTINCT evidence FROM tag_gap") == [({},)], "nobody said anything"
    edge(plain, ("offline", 3.5, "BR-01"), ("online", 5.5, "BR-01"))
    plain.analyse()
    assert gaps(plain) == sorted(
        [
            ("pH", 3, 6, 2, "edge_offline"),
            *(part for name in NAMES[1:] for part in ((name, 3, 6, 2, "edge_offline"), (name, 6, 8, 2, "tag_silent"))),
        ]
    )
    told = plain.record.ask("SELECT edge_node_event_id FROM edge_node_event WHERE kind = 'offline'")
    evidence = "SELECT DISTINCT evidence FROM tag_gap WHERE filled_time IS NULL AND cause = 'edge_offline'"
    assert plain.record.ask(evidence) == [({"edge_node_event": [told[0][0]]},)]


def test_ingest_4_one_dead_device_of_two_that_speak_for_a_unit_explains_nothing(plain: Watched) -> None:
    same_clock(plain, 0)
    edge(plain, ("online", 0, "BR-01"), ("online", 0, "PLC"), speaks=("BR-01", "PLC"))
    plain.record.take(event("unit_procedure_started", 0), *(reading(n) for n in range(4)))
    plain.record.take(*(reading(n, NAMES[1:]) for n in range(4, 8)), *(reading(n) for n in range(8, 10)))
    edge(plain, ("offline", 3.5, "BR-01"), ("online", 7.5, "BR-01"))
    same_clock(plain, 10)
    plain.analyse()
    assert gaps(plain) == [("pH", 3, 8, 4, "tag_silent")]
    edge(plain, ("offline", 4.5, "PLC"))
    plain.analyse()
    assert gaps(plain) == [("pH", 3, 5, 1, "tag_silent"), ("pH", 5, 8, 3, "edge_offline")]


def test_ingest_4_numbers_that_an_edge_node_left_out_are_lost_and_a_host_away_is_our_own_absence(
    plain: Watched,
) -> None:
    same_clock(plain, 0)
    edge(plain, ("online", 0, "BR-01"), speaks=("BR-01",))
    plain.record.take(event("unit_procedure_started", 0), *(reading(n) for n in range(4)))
    plain.record.take(*(reading(n, NAMES[1:]) for n in range(4, 12)), reading(12))
    same_clock(plain, 13)
    plain.analyse()
    assert gaps(plain) == [("pH", 3, 12, 8, "tag_silent")]
    between = {"from_us": instant(3.2), "until_us": instant(7.8)}
    lost = EdgeGap(node=NODE, cause=EdgeGapCause.SEQUENCE, first_seq=5, last_seq=7, messages=3, **between)
    edge(plain, gap=lost, filled=(6,))
    plain.analyse()
    assert gaps(plain) == [("pH", 3, 6, 2, "broker_loss"), ("pH", 6, 12, 6, "tag_silent")]
    away = EdgeGap(node=NODE, cause=EdgeGapCause.HOST_AWAY, messages=None, from_us=instant(7.5), until_us=instant(9.5))
    edge(plain, gap=away)
    plain.analyse()
    assert gaps(plain) == [
        ("pH", 3, 6, 2, "broker_loss"),
        ("pH", 6, 8, 2, "tag_silent"),
        ("pH", 8, 10, 2, "host_offline"),
        ("pH", 10, 12, 2, "tag_silent"),
    ]
    named = plain.record.ask("SELECT evidence FROM tag_gap WHERE filled_time IS NULL ORDER BY from_time")
    ids = plain.record.ask("SELECT edge_gap_id FROM edge_gap ORDER BY edge_gap_id")
    assert [one.get("edge_gap") for (one,) in named] == [[ids[0][0]], None, [ids[1][0]], None]


def test_ingest_4_a_unit_that_falls_silent_as_a_whole_is_offline_though_its_publisher_speaks_for_others(
    plain: Watched,
) -> None:
    other = {"batch": "CT-2", "unit": "BR-02"}
    plain.record.take(
        event("unit_procedure_started", 0), ("BR-02/events", event("unit_procedure_started", 0, **other)[1])
    )
    spoken = [(n, unit) for n in range(10) for unit in ("BR-01", "BR-02") if unit == "BR-02" or n not in {4, 5}]
    for seq, (n, unit) in enumerate(spoken, start=1):
        plain.record.take(reading(n, unit=unit, publisher="edge-1", boot=1, seq=seq))
    plain.analyse()
    assert gaps(plain) == sorted((name, 3, 6, 2, "edge_offline") for name in NAMES)


@pytest.mark.parametrize(
    ("mode", "spoke", "short"),
    [
        ("on_change", (0, 1.09, 1.2, 2.2), []),
        ("on_change", (0, 1.2, 1.3, 4.0), [(0, 1.2, 1), (1.3, 4.0, 2)]),
        ("manual", (1, 2.4, 2.6, 4), []),
        ("manual", (1, 2.6, 3, 6), [(1, 2.6, 1), (3, 6, 2)]),
    ],
)
def test_ingest_4_what_is_missing_follows_from_how_a_tag_reports(
    plain: Watched, mode: str, spoke: tuple[float, ...], short: list[tuple[float, float, int]]
) -> None:
    plain.record.owner.execute(
        "UPDATE tag_version SET reporting_mode = %s FROM tag WHERE tag.tag_id = tag_version.tag_id AND tag.name = 'pH'",
        [mode],
    )
    plain.record.take(event("unit_procedure_started", 0))
    plain.record.take(*(reading(n, NAMES[:1]) for n in spoke), event("batch_ended", max(spoke) + 0.5))
    plain.analyse()
    found = [gap for gap in gaps(plain) if gap[0] == "pH"]
    assert [(since, until, missing) for _, since, until, missing, _ in found] == short


def instant(number: float) -> int:
    """The time of a reading in microseconds."""
    return to_us(START + number * EVERY)
