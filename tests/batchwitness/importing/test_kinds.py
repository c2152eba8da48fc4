"""Wide tables, Parquet, times of local clocks, intervals, events and results."""

from datetime import datetime

import pyarrow as pa
import pyarrow.parquet
import pytest

from store.errors import InputInvalid
from tests.batchwitness.importing.conftest import LONG, UNIT, Desk

WIDE = LONG + 'layout = "wide"\n'
INTERVALS = f"""
[[file]]
path = "intervals.csv"
kind = "intervals"
unit = "{UNIT}"
time_zone = "Europe/Amsterdam"
"""
INTERVAL_LINES = (
    "batch,position,phase,started,ended,process,product,outcome",
    "OLD-1,A,expansion,2024-03-03 10:00,2024-03-10 10:00,,,",
    "OLD-2,A,,2024-03-12 08:00,,MAN-1.0,CT-101,",
    "OLD-1,A,,2024-03-01 08:00,2024-03-12 08:00,MAN-1.0,CT-101,",
    "OLD-1,A,activation,2024-03-01 08:00,2024-03-03 10:00,,,",
    "OLD-3,A,,2024-03-05 08:00,2024-03-06 08:00,MAN-1.0,CT-101,",
    "OLD-4,A,,2024-02-05 08:00,2024-02-04 08:00,MAN-1.0,CT-101,",
    "OLD-5,A,,2024-01-05 08:00,2024-01-06 08:00,MAN-1.0,CT-101,terminated",
)


def test_a_wide_table_has_a_tag_a_column(desk: Desk) -> None:
    desk.file("w.csv", "time,pH,temperature,remark", "2024-03-01T08:00:00Z,7.0,,fine", "2024-03-01T08:10:00Z,x,37.1,")
    desk.mapping(WIDE.replace("take", "skip") + '[file.names]\npH = "pH"\ntemperature = "temperature"\n')

    outcome = desk.run()

    assert [(tag, value) for tag, _, value, _ in desk.readings()] == [("pH", 7.0), ("temperature", 37.1)]
    assert desk.faults() == [("w.csv", "3", "pH", "x", "wrong_type")]
    assert outcome.counts.without_value == 1


def test_a_wide_table_with_a_column_that_nobody_has_explained_is_not_begun(desk: Desk) -> None:
    desk.file("w.csv", "time,pH,remark", "2024-03-01T08:00:00Z,7.0,fine")
    desk.mapping(WIDE.replace("take", "put_aside") + '[file.names]\npH = "pH"\n')
    with pytest.raises(InputInvalid, match=r"w\.csv: the mapping does not say which tags 'remark' are"):
        desk.run()


def test_parquet_is_read_as_separated_values_are(desk: Desk) -> None:
    times = [datetime.fromisoformat(f"2024-03-01T08:{minute:02}:00.000001") for minute in range(3)]
    table = pa.table(
        {
            "time": pa.array(times, pa.timestamp("ns")),
            "tag": ["pH", "pH", "temperature"],
            "value": pa.array([7.0, None, 37.0], pa.float64()),
        }
    )
    pyarrow.parquet.write_table(table, desk.directory / "t.parquet")
    desk.mapping(LONG.replace("*.csv", "*.parquet") + 'time_zone = "Europe/Amsterdam"\nmissing = [""]\n')

    outcome = desk.run()

    assert desk.readings() == [
        ("pH", "2024-03-01 07:00:00.000", 7.0, 192),
        ("temperature", "2024-03-01 07:02:00.000", 37.0, 192),
    ]
    assert (outcome.counts.rows, outcome.counts.without_value) == (3, 1)
    assert not desk.run().changed


def test_a_whole_number_of_a_file_is_stored_exactly_or_put_aside(desk: Desk) -> None:
    times = [datetime.fromisoformat(f"2024-03-01T08:0{minute}:00") for minute in range(2)]
    table = pa.table({"time": times, "tag": ["count", "count"], "value": [2**60, 2**60 + 1]})
    pyarrow.parquet.write_table(table, desk.directory / "t.parquet")
    desk.mapping(LONG.replace("*.csv", "*.parquet") + 'time_zone = "Europe/Amsterdam"\n')

    desk.run()

    assert [int(value) for _, _, value, _ in desk.readings()] == [2**60]
    assert [(*place, value, code) for *place, value, code in desk.faults()] == [
        ("t.parquet", "2", "value", str(2**60 + 1), "not_exact")
    ]


@pytest.mark.parametrize(
    ("said", "stored", "codes"),
    [
        ("", ["00:10", "02:30"], ["nonexistent_time", "ambiguous_time"]),
        ('ambiguous = "first"\nnonexistent = "offset_before"', ["00:10", "01:30", "00:30", "02:30"], []),
        ('ambiguous = "second"\nnonexistent = "offset_after"', ["00:10", "00:30", "01:30", "02:30"], []),
    ],
)
def test_a_time_that_clocks_showed_twice_or_never_is_put_aside_unless_the_mapping_says_which(
    desk: Desk, said: str, stored: list[str], codes: list[str]
) -> None:
    times = ("2024-03-31 01:10", "2024-03-31 02:30", "2024-10-27 02:30", "2024-10-27 03:30")
    desk.file("dst.csv", "time,tag,value", *(f"{time},pH,{7 + n / 10}" for n, time in enumerate(times)))
    desk.mapping(LONG + f'time_zone = "Europe/Amsterdam"\n{said}\n')

    desk.run()

    assert [time[11:16] for _, time, _, _ in desk.readings()] == stored
    assert [code for *_, code in desk.faults()] == codes


def test_intervals_become_batches_and_phases_in_order_of_time(desk: Desk) -> None:
    desk.file("intervals.csv", *INTERVAL_LINES)
    desk.mapping(INTERVALS)

    outcome = desk.run()

    assert desk.ask("SELECT name, status FROM batch ORDER BY name") == [
        ("OLD-1", "completed"),
        ("OLD-2", "running"),
        ("OLD-5", "terminated"),
    ]
    assert desk.ask("SELECT phase.name, upper(phase.during) IS NULL FROM phase ORDER BY lower(phase.during)") == [
        ("activation", False),
        ("expansion", False),
    ]
    assert {(fault[1], fault[4]) for fault in desk.faults()} == {("6", "interval_overlaps"), ("7", "end_before_start")}
    assert outcome.counts.events == 5


def test_a_batch_of_the_past_enters_a_place_where_another_runs_now(desk: Desk) -> None:
    desk.file("now.csv", *INTERVAL_LINES[:1], INTERVAL_LINES[2])
    desk.mapping(INTERVALS.replace("intervals.csv", "now.csv"))
    desk.run()
    desk.file("intervals.csv", *INTERVAL_LINES[:1], INTERVAL_LINES[3])
    desk.mapping(INTERVALS)

    outcome = desk.run()

    assert outcome.counts.put_aside == 0
    assert desk.ask("SELECT name, status, end_inferred FROM batch JOIN unit_procedure USING (batch_id) ORDER BY 1") == [
        ("OLD-1", "completed", False),
        ("OLD-2", "running", False),
    ]


def test_events_and_results_are_taken_as_their_topics_take_them(desk: Desk) -> None:
    desk.file("intervals.csv", *INTERVAL_LINES[:1], INTERVAL_LINES[3])
    desk.file(
        "events.csv",
        "when,event,batch,material,lot",
        "2024-03-01 08:05,material_used,OLD-1,medium,M-1",
        "2024-03-01 08:06,exploded,OLD-1,,",
    )
    desk.file(
        "results.csv",
        "result,batch,attribute,method,value,unit_of_measure,measured_at,status,stated_by",
        "L-1,OLD-1,viability,NC-200,<70,%,2024-03-12 10:00,final,k.meyer",
        "L-2,OLD-1,viability,NC-200,91,%,2024-03-12 10:00,perhaps,k.meyer",
    )
    zone = 'time_zone = "Europe/Amsterdam"\n'
    desk.mapping(
        INTERVALS
        + f'[[file]]\npath = "events.csv"\nkind = "events"\nunit = "{UNIT}"\ncolumns = {{time = "when"}}\n{zone}'
        + f'[[file]]\npath = "results.csv"\nkind = "results"\n{zone}'
    )

    outcome = desk.run()

    assert desk.ask(
        "SELECT batch.name, body ->> 'lot', body ->> 'time' FROM event JOIN batch USING (batch_id)"
        " WHERE kind = 'material_used'"
    ) == [("OLD-1", "M-1", "2024-03-01T07:05:00+00:00")]
    assert desk.ask("SELECT result, value_text, censored, measured_at = '2024-03-12 09:00Z' FROM qc_result") == [
        ("L-1", "<70", "<", True)
    ]
    assert [(fault[0], fault[1], fault[4]) for fault in desk.faults()] == [
        ("events.csv", "3", "unknown_event"),
        ("results.csv", "3", "unknown_choice"),
    ]
    assert (outcome.counts.events, outcome.counts.results) == (2, 1)
    assert not desk.run().changed
