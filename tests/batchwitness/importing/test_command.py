"""`batchwitness import` as a person calls it."""

import os
import signal
import subprocess
import sys

import pytest
from psycopg.conninfo import conninfo_to_dict

from batchwitness.importing.command import STATUS_PUT_ASIDE, run
from store.journal import verify_chain
from tests.batchwitness.importing.conftest import LONG, Desk
from tests.support import eventually

VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "dbname": "PGDATABASE",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
}


def named(desk: Desk) -> dict[str, str]:
    """The environment that names the database."""
    stated = conninfo_to_dict(desk.database.dsn("ingest"))
    return {VARIABLES[name]: str(value) for name, value in stated.items() if name in VARIABLES}


@pytest.fixture
def database_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**named(desk), "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)


def said(desk: Desk, capsys: pytest.CaptureFixture[str], *, by: str = "", dry_run: bool = False) -> tuple[int, str]:
    var = desk.directory.parent / "var"
    status = run(var, desk.directory, mapping=None, dry_run=dry_run, by=by, reason="history")
    captured = capsys.readouterr()
    return status, " ".join((captured.out + captured.err).split())


def test_ingest_2_killed_in_the_middle_an_import_goes_on_and_stores_every_row_once(desk: Desk) -> None:
    lines = [
        f"2024-03-{1 + s // 86400:02}T{s // 3600 % 24:02}:{s // 60 % 60:02}:{s % 60:02}Z,pH,7" for s in range(100_000)
    ]
    lines[70_000] = "then,pH,7"
    desk.file("trend.csv", "time,tag,value", *lines)
    desk.mapping(LONG)

    var = desk.directory.parent / "var"
    command = [sys.executable, "-m", "batchwitness", "import", str(desk.directory), "--var", str(var)]
    first = subprocess.Popen(
        [*command, "--by", "mara", "--reason", "history"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **named(desk)},
    )
    try:
        eventually(lambda: desk.ask("SELECT 1 FROM import_file WHERE rows > 0"), within_s=30, what="a first block")
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate(timeout=30)
    ((rows,),) = desk.ask("SELECT rows FROM import_file")
    assert 0 < rows < 100_000, "it was killed in the middle"
    assert desk.ask("SELECT count(*) FROM reading") == [(rows - (rows > 70_000),)]
    outcome = desk.run()

    assert outcome.finished
    assert desk.ask("SELECT count(*), count(DISTINCT source_time) FROM reading") == [(99_999, 99_999)]
    assert desk.ask("SELECT rows, stored, duplicates, put_aside FROM import_file") == [(100_000, 99_999, 0, 1)]
    assert desk.faults() == [("trend.csv", "70002", "time", "then", "bad_time")]
    assert verify_chain(desk.owner, desk.ask("SELECT chain_id FROM chain WHERE name = 'import'")[0][0]) == []
    assert desk.ask("SELECT count(*) FROM audit_event WHERE action = 'import begun'") == [(2,)]


@pytest.mark.usefixtures("database_named")
def test_a_dry_run_shows_how_files_are_understood_and_writes_nothing(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.file("trend.csv", "time,tag,value", "2024-03-01 09:00,TIC,98.6", "2024-03-01 09:01,NEW,1", "noon,TIC,1")
    desk.file(
        "intervals.csv",
        "batch,position,started,ended,process",
        "OLD-1,A,2024-03-01,2024-03-02,MAN-1.0",
        "OLD-1,A,2024-03-04,,MAN-1.0",
    )
    names = '[file.names]\nTIC = {tag = "temperature", unit_of_measure = "[degF]", measurand = "temperature"}\n'
    zone = '[defaults]\ntime_zone = "Europe/Amsterdam"\nunit = "leiden/hall/BR-01"\n'
    desk.mapping(
        zone
        + '[[file]]\npath = "trend.csv"\nother_names = "take"\n'
        + names
        + '[[file]]\npath = "intervals.csv"\nkind = "intervals"\n'
    )
    before = everything(desk)

    status, shown = said(desk, capsys, dry_run=True)

    assert status == STATUS_PUT_ASIDE
    assert "2024-03-01 09:00 | TIC | 98.6" in shown
    assert "leiden/hall/BR-01 temperature, 2024-03-01 08:00:00+00:00, 37.0 Cel, good" in shown
    assert "1.0 of a tag that nobody has described" in shown
    assert "1 bad_time, such as line 4, column time, 'noon'" in shown
    assert "1 batch_over, such as line 3" in shown, "events are tried one after the other"
    assert everything(desk) == before


@pytest.mark.usefixtures("database_named")
def test_an_import_without_a_name_or_with_a_mapping_that_does_not_fit_is_refused(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.file("trend.csv", "when,tag,value", "2024-03-01T09:00:00Z,pH,7")
    desk.mapping(LONG + 'colour = "blue"\n')
    before = everything(desk)

    assert said(desk, capsys)[0] == 1
    status, output = said(desk, capsys, by="mara")
    assert (status, "file.0.colour: Extra inputs are not permitted" in output) == (1, True)
    desk.mapping(LONG)
    status, output = said(desk, capsys, by="mara")
    assert (status, "trend.csv: no column 'time' for time; there are 'when', 'tag', 'value'" in output) == (1, True)
    assert everything(desk) == before


@pytest.mark.usefixtures("database_named")
def test_the_summary_says_what_was_taken_and_where_the_faults_are_listed(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.file("trend.csv", "time,tag,value", "2024-03-01T09:00:00Z,pH,7", "noon,pH,7")
    desk.mapping(LONG)

    status, output = said(desk, capsys, by="mara")

    assert status == STATUS_PUT_ASIDE
    assert f"1 refused: each with line, column and value in {desk.order().faults_file}" in output
    desk.file("trend.csv", "time,tag,value", "2024-03-01T09:00:00Z,pH,7")
    assert said(desk, capsys, by="mara")[0] == 0
    assert "nothing to do" in said(desk, capsys, by="mara")[1]


def everything(desk: Desk) -> list[tuple[int, ...]]:
    return desk.ask(
        "SELECT (SELECT count(*) FROM block), (SELECT count(*) FROM chain), (SELECT count(*) FROM tag),"
        " (SELECT count(*) FROM batch), (SELECT count(*) FROM import_run), (SELECT count(*) FROM import_file),"
        " (SELECT count(*) FROM audit_event), (SELECT count(*) FROM reading)"
    )
