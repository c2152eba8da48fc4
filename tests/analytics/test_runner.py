"""The runner over a real journal: one order, nothing twice, nothing left out, the same alerts whatever happens."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from analytics.reference import ReferenceModel
from store.journal import decode_entries, verify_chain
from store.model.times import to_us
from tests.analytics.conftest import LIVE_START, Watched, batch_messages
from tests.fix_postgres import Database
from tests.store.record import opened


def blocks(messages: list[tuple[str, object]], size: int) -> list[list[tuple[str, object]]]:
    return [messages[first : first + size] for first in range(0, len(messages), size)]


def drifting() -> list[tuple[str, object]]:
    return batch_messages("CT-DRIFT", LIVE_START, seed=101, fault_h=12.0)


def test_a_batch_that_drifts_raises_an_alert_and_one_that_does_not_raises_none(watched: Watched) -> None:
    watched.record.take(*drifting())
    watched.record.take(*batch_messages("CT-GOOD", LIVE_START, seed=102, unit="BR-02"))
    watched.analyse()
    drifts = [(row[0], row[4]) for row in watched.alerts() if row[2] == "drift"]
    assert drifts
    assert {batch for batch, _ in drifts} == {"CT-DRIFT"}
    assert all("glucose" in tags for _, tags in drifts)


def test_detect_3_an_alert_carries_what_is_needed_to_question_it(watched: Watched) -> None:
    watched.record.take(*drifting())
    watched.analyse()
    row = watched.record.ask(
        "SELECT phase_time_h BETWEEN 12 AND 18, abs(score) >= abs(limit_value), length(sentence) > 20,"
        " jsonb_array_length(contributions) > 0, jsonb_array_length(cells) > 0,"
        " reference_digest = (SELECT encode(digest, 'hex') FROM reference), software LIKE 'batchwitness %%',"
        " raised_time BETWEEN %s AND %s FROM alert WHERE kind = 'drift' ORDER BY ordinal LIMIT 1",
        LIVE_START + timedelta(hours=12),
        LIVE_START + timedelta(hours=18),
    )
    assert row == [(True,) * 8]


def test_imported_history_is_not_watched(watched: Watched) -> None:
    watched.analyse()
    assert watched.record.ask("SELECT count(*) FROM monitor") == [(0,)]


def test_detect_1_restarts_and_grouping_into_blocks_change_nothing(watched: Watched) -> None:
    seen: list[tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]] = []
    scores = (
        "SELECT cell, ended_time, tags, ratio, layer, further_tag, further_ratio, further_layer"
        " FROM monitor_score ORDER BY cell"
    )
    messages = drifting()
    for block in blocks(messages, 7):
        watched.record.take(*block)
        watched.analyse(analytics_blocks=1)  # a fresh worker every time
    seen.append((watched.alerts(), watched.record.ask(scores)))
    assert any(row[2] == "drift" for row in seen[0][0])
    assert max(max(row[3]) for row in seen[0][1]) >= 1.0, "what the alert came from"
    assert any(row[5] for row in seen[0][1]), "another layer saw it too"
    watched.record.owner.execute("TRUNCATE monitor, alert, alert_update, intake CASCADE")
    watched.record.owner.execute("UPDATE consumer SET position = 0")
    watched.analyse()  # everything at once
    seen.append((watched.alerts(), watched.record.ask(scores)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "alter",
    [
        lambda model: replace(ReferenceModel.from_bytes(model), alpha=0.5).to_bytes(),
        lambda model: model[: len(model) // 2],
    ],
    ids=["another budget", "cut in half"],
)
def test_a_reference_whose_bytes_were_altered_after_its_approval_judges_nothing_and_an_alert_says_so(
    watched: Watched, alter: Callable[[bytes], bytes]
) -> None:
    watched.analyse()  # the history, which is not watched
    ((reference, model, digest),) = watched.record.ask(
        "SELECT reference_id, model, encode(digest, 'hex') FROM reference"
    )
    watched.record.owner.execute("UPDATE reference SET model = %s WHERE reference_id = %s", [alter(model), reference])
    watched.record.take(*drifting())
    watched.analyse()
    assert watched.record.ask("SELECT DISTINCT kind, detector FROM alert") == [("silence", "monitor_failed")]
    ((sentence,),) = watched.record.ask("SELECT sentence FROM alert")
    assert f"not those of the hash {digest}" in sentence


def test_two_workers_share_the_monitors_and_do_nothing_twice(watched: Watched) -> None:
    for number in range(4):
        unit = f"BR-0{number % 2 + 1}"
        started = LIVE_START + timedelta(days=2 * (number // 2))
        watched.record.take(*batch_messages(f"CT-L{number}", started, seed=200 + number, unit=unit))
    import threading

    workers = [threading.Thread(target=watched.analyse, kwargs={"analytics_blocks": 1}) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    watched.analyse()
    head = watched.record.ask("SELECT max(ordinal) FROM intake")
    assert watched.record.ask("SELECT count(*), count(DISTINCT ordinal), max(ordinal) FROM intake") == [
        (head[0][0],) * 3
    ]
    assert watched.record.ask("SELECT count(*), bool_and(closed) FROM monitor") == [(4, True)]
    assert watched.record.ask("SELECT DISTINCT position FROM consumer") == head


def test_no_alert_is_seen_before_the_overviews_of_what_it_rests_on(watched: Watched) -> None:
    watched.analyse()  # the history, which is not watched
    watched.record.take(*drifting())
    with psycopg.connect(watched.database.dsn("analytics")) as other:
        other.execute("SELECT FROM consumer WHERE name = 'overviews' FOR UPDATE")
        watched.analyse()
        assert watched.alerts() == []
    watched.analyse()
    assert any(row[2] == "drift" for row in watched.alerts())


def test_what_a_round_did_is_in_the_record_as_a_whole_or_not_at_all(watched: Watched) -> None:
    watched.analyse()
    before = watched.record.ask("SELECT count(*), max(bucket) FROM overview")
    watched.record.take(*drifting())
    watched.record.owner.execute(
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'the connection is gone' USING ERRCODE = '08006'; END$$;"
        " CREATE TRIGGER broken BEFORE INSERT ON alert FOR EACH ROW EXECUTE FUNCTION broken()"
    )
    with pytest.raises(psycopg.OperationalError):
        watched.analyse()
    assert watched.record.ask("SELECT count(*), max(bucket) FROM overview") == before
    assert watched.record.ask("SELECT bool_and(position < (SELECT max(ordinal) FROM intake)) FROM monitor") == [(True,)]
    watched.record.owner.execute("DROP TRIGGER broken ON alert")
    watched.analyse()
    assert any(row[2] == "drift" for row in watched.alerts())


def test_overviews_equal_the_readings_they_summarise_also_after_late_data(watched: Watched) -> None:
    messages = drifting()
    late, on_time = messages[40:60], messages[:40] + messages[60:]
    watched.record.take(*on_time)
    watched.analyse()
    watched.record.take(*late)
    watched.analyse()
    wrong = watched.record.ask(
        "SELECT count(*) FROM overview JOIN LATERAL ("
        "  SELECT count(*) AS n, min(value) AS low, avg(value) AS mean, max(value) AS high,"
        "    (array_agg(value ORDER BY source_time DESC))[1] AS last FROM reading"
        "  WHERE reading.tag_id = overview.tag_id AND source_time >= bucket"
        "    AND source_time < bucket + make_interval(secs => resolution_s)) AS direct ON true"
        " WHERE (overview.count, minimum, maximum, overview.last) IS DISTINCT FROM (n::integer, low, high, direct.last)"
        "    OR abs(overview.mean - direct.mean) > 1e-9"
    )
    assert wrong == [(0,)]
    assert watched.record.ask("SELECT sum(count) FROM overview WHERE resolution_s = 600") == watched.record.ask(
        "SELECT count(*) FROM reading"
    )
    assert watched.record.ask("SELECT value FROM tag_latest JOIN tag USING (tag_id) WHERE name = 'pH' LIMIT 1")


def test_late_readings_change_no_alert_that_was_raised(watched: Watched) -> None:
    messages = drifting()
    watched.record.take(*messages[:100])
    watched.analyse()
    before = watched.alerts()
    assert before
    value = {"time": (LIVE_START + timedelta(hours=12, minutes=5)).isoformat(), "values": {"glucose": 15.0}}
    watched.record.take(("BR-01/readings", value))
    watched.analyse()
    assert watched.alerts() == before


def test_a_start_at_an_occupied_position_raises_that_an_end_is_missing(watched: Watched) -> None:
    watched.record.take(*drifting()[:30])
    watched.record.take(*batch_messages("CT-NEXT", LIVE_START + timedelta(hours=6), seed=103)[:3])
    watched.analyse()
    rows = watched.record.ask(
        "SELECT kind, detector, sentence LIKE '%%CT-DRIFT%%' FROM alert_now WHERE detector = 'missing_end'"
    )
    assert rows == [("silence", "missing_end", True)]
    assert watched.record.ask(
        "SELECT closed FROM monitor JOIN batch USING (batch_id) WHERE batch.name = 'CT-DRIFT'"
    ) == [(True,)]


def test_ingest_5_a_unit_that_falls_silent_raises_one_alert_when_time_passes(watched: Watched) -> None:
    watched.record.take(*drifting()[:30])
    watched.analyse()
    assert not [row for row in watched.alerts() if row[2] == "silence"]
    watched.record.tick(to_us(LIVE_START + timedelta(hours=20)))
    watched.analyse()
    silences = [row for row in watched.alerts() if row[2] == "silence"]
    assert len(silences) == 1
    assert set(silences[0][4]) == {"glucose", "pH", "temperature", "dissolved_oxygen"}


def test_a_batch_without_any_reference_is_watched_for_silence_and_ranges_alone(database: Database) -> None:
    with opened(database) as record:
        watched = Watched(record=record, database=database)
        record.take(*drifting())
        watched.analyse()
        assert record.ask("SELECT reference_new_id, reference_old_id FROM monitor") == [(None, None)]
        assert {row[2] for row in watched.alerts()} <= {"silence", "range"}


def test_putting_a_reference_to_use_is_an_entry_in_the_journal(watched: Watched) -> None:
    watched.analyse()
    rows = watched.record.ask(
        "SELECT chain.chain_id, block.seq, raw FROM block JOIN chain USING (chain_id)"
        " JOIN block_body ON block_body.chain_id = block.chain_id AND block_body.seq = block.seq"
        " JOIN intake ON intake.chain_id = block.chain_id AND intake.seq = block.seq WHERE chain.kind = 'control'"
    )
    assert [entry.topic for _, _, raw in rows for entry in decode_entries(raw)] == ["reference put to use"]
    assert verify_chain(watched.record.owner, rows[0][0]) == []


def test_two_batches_vacated_at_the_same_instant_raise_an_alert_each(watched: Watched) -> None:
    def start(batch: str, position: str, hours: float) -> tuple[str, object]:
        time = (LIVE_START + timedelta(hours=hours)).isoformat()
        return "INC-1/events", {
            "event": "unit_procedure_started",
            "time": time,
            "batch": batch,
            "position": position,
            "process": "MAN-1.0",
        }

    watched.record.take(start("M-1", "A", 0), start("M-2", "B", 0), start("M-3", "A", 5), start("M-4", "B", 5))
    watched.analyse()
    rows = watched.record.ask(
        "SELECT batch.name FROM alert JOIN batch USING (batch_id) WHERE detector = 'missing_end' ORDER BY 1"
    )
    assert rows == [("M-1",), ("M-2",)]


def test_a_unit_without_described_tags_and_the_largest_float_stop_nothing(watched: Watched) -> None:
    watched.record.owner.execute(
        "DELETE FROM tag_version USING tag WHERE tag.tag_id = tag_version.tag_id AND unit_id = 2"
    )
    watched.record.take(*batch_messages("CT-BARE", LIVE_START, seed=7, unit="BR-02")[:5])
    for value in (1.0, 1.7976931348623157e308, 1.7976931348623157e308):
        message = {"time": (LIVE_START + timedelta(minutes=value % 7)).isoformat(), "values": {"mystery": value}}
        watched.record.take(("BR-02/readings", message))
        watched.analyse()
    watched.record.take(*drifting())
    watched.analyse()
    assert watched.record.ask("SELECT count(*) FROM monitor WHERE failure IS NOT NULL") == [(0,)]
    assert any(row[0] == "CT-DRIFT" and row[2] == "drift" for row in watched.alerts())


def test_a_monitor_that_fails_says_so_and_the_others_go_on(watched: Watched) -> None:
    watched.record.take(*batch_messages("CT-BROKEN", LIVE_START, seed=8, unit="BR-02")[:20])
    watched.analyse()
    watched.record.owner.execute("UPDATE monitor SET state = 'rubbish'")
    watched.record.take(*batch_messages("CT-BROKEN", LIVE_START, seed=8, unit="BR-02")[20:], *drifting())
    watched.analyse()
    assert watched.record.ask("SELECT detector, sentence LIKE '%%CT-BROKEN%%' FROM alert_now WHERE ordinal = 0") == [
        ("monitor_failed", True)
    ]
    assert any(row[0] == "CT-DRIFT" and row[2] == "drift" for row in watched.alerts())


def test_a_batch_that_moves_within_one_block_is_watched_in_its_new_place(watched: Watched) -> None:
    messages = batch_messages("CT-MOVES", LIVE_START, seed=9)
    watched.record.take(*messages[:20])
    moved = (LIVE_START + timedelta(hours=3)).isoformat()
    ended = {"event": "unit_procedure_ended", "time": moved, "batch": "CT-MOVES"}
    started = {"event": "unit_procedure_started", "time": moved, "batch": "CT-MOVES", "process": "AUTO-2.0"}
    watched.record.take(("BR-01/events", [ended, started]))
    watched.analyse()
    assert watched.record.ask("SELECT closed FROM monitor ORDER BY monitor_id") == [(True,), (False,)]


def test_a_start_that_is_told_late_leaves_no_reading_unjudged(watched: Watched) -> None:
    messages = drifting()
    watched.record.take(*messages[2:50])
    watched.analyse()
    watched.record.take(*messages[:2], *messages[50:])
    watched.analyse()
    late = watched.alerts()
    watched.record.owner.execute("TRUNCATE monitor, alert, alert_update CASCADE")
    assert [row[2] for row in late].count("silence") == 0
    assert watched.record.ask("SELECT count(*) FROM monitor") == [(0,)]
    assert any(row[2] == "drift" for row in late)
