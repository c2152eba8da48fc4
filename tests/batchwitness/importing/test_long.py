from hashlib import sha256

from store.journal import decode_entries, verify_chain
from tests.batchwitness.importing.conftest import LONG, Desk


def test_a_long_export_is_stored_with_the_lines_as_they_stand_in_the_journal(desk: Desk) -> None:
    lines = [
        "time,tag,value,quality",
        "2024-03-01T08:00:00Z,pH,7.01,good",
        "2024-03-01T09:00:00+01:00,temperature,36.9,",
    ]
    lines += ["2024-03-01T08:00:30.5Z,pH,99,uncertain"]
    desk.file("trend.csv", *lines)
    desk.mapping(LONG)

    outcome = desk.run()

    assert desk.readings() == [
        ("pH", "2024-03-01 08:00:00.000", 7.01, 192),
        ("temperature", "2024-03-01 08:00:00.000", 36.9, 192),
        ("pH", "2024-03-01 08:00:30.500", 99.0, 0),
    ], "and what lies outside the physical range is bad"
    assert (outcome.counts.rows, outcome.counts.stored, outcome.counts.put_aside) == (3, 3, 0)
    ((raw,),) = desk.ask("SELECT raw FROM block_body")
    assert [(entry.topic, entry.payload.decode().split("\n")) for entry in decode_entries(raw)] == [
        ("import/trend.csv", [*lines[1:], ""])
    ]
    ((chain_id, kind),) = desk.ask("SELECT chain_id, kind FROM chain WHERE name = 'import'")
    assert kind == "import"
    assert verify_chain(desk.owner, chain_id) == []


def test_record_1_an_import_says_who_why_and_which_files(desk: Desk) -> None:
    desk.file("trend.csv", "time,tag,value", "2024-03-01T08:00:00Z,pH,7")
    desk.mapping(LONG)
    desk.run()

    begun, ended = desk.ask(
        "SELECT actor, action, reason, body::jsonb -> 'new' FROM audit_event WHERE subject = 'import:1' ORDER BY seq"
    )

    assert begun[:3] == ("mara", "import begun", "history of the old process")
    (source,) = begun[3]["files"]
    content = (desk.directory / "trend.csv").read_bytes()
    assert source["state"] == "new"
    assert source["files"] == [{"name": "trend.csv", "sha256": sha256(content).hexdigest(), "bytes": len(content)}]
    assert ended[1] == "import ended"
    assert ended[3]["trend.csv"]["stored"] == 1


def test_ingest_2_a_second_import_changes_nothing_and_says_so(desk: Desk) -> None:
    desk.file("trend.csv", "time,tag,value", "2024-03-01T08:00:00Z,pH,7", "soon,pH,7")
    desk.mapping(LONG)
    first = desk.run()
    counted = (
        "SELECT (SELECT count(*) FROM block), (SELECT max(seq) FROM audit_event), (SELECT count(*) FROM import_run)"
    )
    before = desk.ask(counted)

    again = desk.run()

    assert first.changed
    assert not again.changed
    assert again.files[0].known_since is not None
    assert again.counts == first.counts, "it still says what became of the file"
    assert desk.ask(counted) == before
    assert desk.faults() == [("trend.csv", "3", "time", "soon", "bad_time")]


def test_a_changed_file_is_another_file_and_what_it_contradicts_is_in_conflict(desk: Desk) -> None:
    desk.file("trend.csv", "time,tag,value", "2024-03-01T08:00:00Z,pH,7.0", "2024-03-01T08:01:00Z,pH,7.1")
    desk.mapping(LONG)
    desk.run()
    desk.file("trend.csv", "time,tag,value", "2024-03-01T08:00:00Z,pH,7.2", "2024-03-01T08:01:00Z,pH,7.1")

    outcome = desk.run()

    assert outcome.files[0].other_content is not None
    assert (outcome.counts.stored, outcome.counts.duplicates, outcome.counts.conflicts) == (0, 1, 1)
    assert desk.ask("SELECT value FROM reading_conflict") == [(7.2,)]
    assert [value for _, _, value, _ in desk.readings()] == [7.0, 7.1]


def test_the_same_file_under_another_name_is_known(desk: Desk) -> None:
    first = desk.file("trend.csv", "time,tag,value", "2024-03-01T08:00:00Z,pH,7.0")
    desk.mapping(LONG)
    desk.run()
    first.rename(desk.directory / "copy.csv")

    outcome = desk.run()

    assert not outcome.changed
    assert outcome.files[0].known_as == "trend.csv"


def test_ingest_3_what_is_wrong_is_put_aside_by_file_line_column_and_value(desk: Desk) -> None:
    desk.file(
        "trend.csv",
        "time,tag,value,quality",
        "2024-03-01T08:00:00Z,pH,7,good",
        "2024-03-01T08:01:00,pH,7,good",
        "2024-03-01T08:02:00Z,pH,7;1,good",
        "2024-03-01T08:03:00Z,pH,NaN,good",
        "2024-03-01T08:04:00Z,pH,7,splendid",
        "2024-03-01T08:05:00Z,,7,good",
        "",
        "2019-12-31T08:05:00Z,pH,7,good",
        "2024-03-01T08:06:00Z,pH,7",
        '"2024-03-01T08:07:00Z","pH","7\n1",good',
        "2024-03-01T08:08:00Z,pH,,good",
        "2024-03-01T08:09:00Z,pH,8,good",
        f"2024-03-01T08:10:00Z,pH,{2**53 + 1},good",
    )
    desk.mapping(LONG)

    outcome = desk.run()

    assert [value for _, _, value, _ in desk.readings()] == [7.0, 8.0]
    assert sorted(desk.faults(), key=lambda fault: int(fault[1])) == [
        ("trend.csv", "3", "time", "2024-03-01T08:01:00", "naive_time"),
        ("trend.csv", "4", "value", "7;1", "wrong_type"),
        ("trend.csv", "5", "value", "NaN", "not_finite"),
        ("trend.csv", "6", "quality", "splendid", "unknown_choice"),
        ("trend.csv", "7", "tag", "", "missing_field"),
        ("trend.csv", "9", "time", "2019-12-31T08:05:00Z", "before_commissioning"),
        ("trend.csv", "10", "", "2024-03-01T08:06:00Z,pH,7", "bad_row"),
        ("trend.csv", "11", "value", "7\n1", "wrong_type"),
        ("trend.csv", "13", "value", "", "null_value"),
        ("trend.csv", "15", "value", str(2**53 + 1), "not_exact"),
    ]
    assert outcome.counts.put_aside == 10
    reasons = dict(desk.ask("SELECT item, reason FROM quarantine WHERE topic = 'import/trend.csv'"))
    assert len(reasons) == 10
    assert "2020-01-01" in reasons["line 9, column time"], "it names the commissioning"
    assert "2019-12-31T08:05:00" in reasons["line 9, column time"], "and the time itself"


def test_names_become_tags_by_the_mapping_and_units_of_measure_are_converted(desk: Desk) -> None:
    desk.file(
        "pi.csv",
        "exported by a historian",
        "Timestamp;Point;Reading;State",
        "01.03.2024 09:00:00;BR1.TIC.PV;98,6;OK",
        "01.03.2024 09:00:00;BR1.AIC.PV;7,02;OK",
        "01.03.2024 09:00:00;BR1.NOISE;1;OK",
        "01.03.2024 09:01:00;BR1.AIC.PV;No Data;Bad",
        "01.03.2024 09:02:00;BR1.AIC.PV;7.02;OK",
        "01.03.2024 09:03:00;INC.GLU;90,0;Bad",
    )
    desk.mapping(
        """
        [[file]]
        path = "pi.csv"
        skip_lines = 1
        delimiter = ";"
        decimal = ","
        time_zone = "Europe/Amsterdam"
        time_format = "%d.%m.%Y %H:%M:%S"
        columns = {time = "Timestamp", tag = "Point", value = "Reading", quality = "State"}
        missing = ["No Data"]
        qualities = {OK = "good", Bad = "bad"}
        other_names = "skip"
        unit = "leiden/hall/BR-01"
        [file.names]
        "BR1.TIC.PV" = {tag = "temperature", unit_of_measure = "[degF]", measurand = "temperature"}
        "BR1.AIC.PV" = "pH"
        [file.names."INC.GLU"]
        tag = "glucose"
        unit = "leiden/hall/INC-1"
        position = "B"
        unit_of_measure = "umol/mL"
        measurand = "glucose"
        """
    )

    outcome = desk.run()

    assert desk.readings() == [
        ("pH", "2024-03-01 08:00:00.000", 7.02, 192),
        ("temperature", "2024-03-01 08:00:00.000", 37.0, 192),
        ("glucose", "2024-03-01 08:03:00.000", 90.0, 0),
    ]
    assert (outcome.counts.skipped, outcome.counts.without_value) == (1, 1)
    assert desk.faults() == [("pi.csv", "7", "Reading", "7.02", "wrong_type")], "a point where commas are declared"


def test_values_never_cross_from_one_measurand_to_another(desk: Desk) -> None:
    desk.file(
        "t.csv", "time,tag,value", "2024-03-01T08:00:00Z,a,1", "2024-03-01T08:00:00Z,b,1", "2024-03-01T08:00:00Z,c,1"
    )
    desk.mapping(
        LONG
        + """
        [file.names]
        a = {tag = "glucose", unit_of_measure = "umol/L", measurand = "lactate"}
        b = {tag = "glucose", unit_of_measure = "umol/L"}
        c = {tag = "glucose", unit_of_measure = "mg/dL", measurand = "glucose"}
        """
    )
    desk.run()

    assert desk.readings() == []
    assert [fault[4] for fault in desk.faults()] == [
        "other_measurand",
        "other_unit_of_measure",
        "other_unit_of_measure",
    ]


def test_ingest_2_an_import_stopped_between_blocks_goes_on_behind_the_last_one(desk: Desk) -> None:
    lines = [f"2024-03-01T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}Z,pH,{7 + s / 1e6}" for s in range(50_000)]
    lines[100] = "nonsense,pH,7"
    lines[30_000] = "nonsense,pH,8"
    desk.file("trend.csv", "time,tag,value", *lines)
    desk.mapping(LONG)

    stopped = desk.run(stop_after=1)
    assert not stopped.finished
    assert stopped.counts.rows == 20_000
    with desk.order().faults_file.open("a") as file:
        file.write("trend.csv,25002,time,lost,bad_time,of a block that was never committed\n")
    outcome = desk.run()

    assert outcome.finished
    assert (outcome.counts.rows, outcome.counts.stored, outcome.counts.duplicates) == (50_000, 49_998, 0)
    assert [fault[1] for fault in desk.faults()] == ["102", "30002"]
    assert desk.ask("SELECT after_line, last_line FROM import_block ORDER BY 1") == [
        (0, 20001),
        (20001, 40001),
        (40001, 50001),
    ]
