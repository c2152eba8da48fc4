"""Records of a manual process, as two people typed them in or a second one checked them."""

from hashlib import sha256

import pytest
from psycopg.rows import dict_row

from store.errors import InputInvalid
from store.manual_entries import tell_of_files
from tests.batchwitness.importing.conftest import Desk

HEADINGS = "time,position,tag,value,entered_by,entered_at,page_image"
PAPER = """
[[file]]
path = "*-first.csv"
second = "*-second.csv"
kind = "paper"
unit = "leiden/hall/INC-1"
time_zone = "Europe/Amsterdam"
time_format = "%Y-%m-%d %H:%M"
time_resolution_s = 900
other_names = "take"
"""
ONE_FILE = PAPER.replace('path = "*-first.csv"\nsecond = "*-second.csv"', 'path = "paper.csv"')


def first(time: str, value: str, page: str = "") -> str:
    return f"2024-03-01 {time},A,glucose,{value},mara,2024-03-01 12:00,{page}"


def second(time: str, value: str, by: str = "ben") -> str:
    return f"2024-03-01 {time},A,glucose,{value},{by},2024-03-02 12:00,"


def entries(desk: Desk, *columns: str) -> list[tuple[object, ...]]:
    """These columns of all manual entries, and `delay_s`."""
    with desk.owner.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "SELECT *, extract(epoch FROM entered_at - source_time)::integer AS delay_s FROM manual_entry"
            " ORDER BY source_time"
        ).fetchall()
    return [tuple(row[column] for column in columns) for row in rows]


def test_what_two_people_typed_in_alike_is_stored_with_who_and_when_and_from_which_page(desk: Desk) -> None:
    desk.file("ct1-first.csv", HEADINGS, first("08:15", "11.4", "p1.png"))
    desk.file("ct1-second.csv", HEADINGS, second("08:15", "11.40"))
    page = desk.file("p1.png", "a scan")
    desk.mapping(PAPER)

    outcome = desk.run()

    assert desk.readings() == [("glucose", "2024-03-01 07:15:00.000", 11.4, 192)]
    assert outcome.counts.put_aside == 0
    assert entries(
        desk, "value_text", "capture_mode", "checked", "entered_by", "checked_by", "page_image", "page_digest"
    ) == [("11.4", "manual", "double_entry", "mara", "ben", "p1.png", sha256(page.read_bytes()).digest())]
    assert entries(desk, "delay_s", "time_resolution_s", "value_resolution") == [(13_500, 900.0, 0.1)]


def test_entries_that_disagree_are_put_aside_and_never_averaged(desk: Desk) -> None:
    desk.file("ct1-first.csv", HEADINGS, first("08:15", "11.4"), first("20:15", "11.6"), first("22:15", "11.7"))
    desk.file("ct1-second.csv", HEADINGS, second("20:15", "11.9"), second("08:15", "11.4"), second("23:15", "9"))
    desk.mapping(PAPER)

    outcome = desk.run()

    assert [value for _, _, value, _ in desk.readings()] == [11.4]
    assert [fault[2:] for fault in desk.faults()] == [
        ("second_value", "11.9", "entries_disagree"),
        ("second_value", "", "entry_missing"),
        ("value", "", "entry_missing"),
    ]
    (reason,) = desk.ask("SELECT reason FROM quarantine WHERE code = 'entries_disagree'")[0]
    assert reason == "'11.6' by mara, '11.9' by ben: a third person has to look at the page"
    assert desk.ask("SELECT first_text, second_text FROM entry_disagreement ORDER BY source_time") == [
        ("11.6", "11.9"),
        ("11.7", ""),
        ("", "9"),
    ]
    assert outcome.counts.put_aside == 3


def test_a_third_persons_decision_is_stored_as_such(desk: Desk) -> None:
    desk.file(
        "paper.csv",
        "time,position,tag,value,entered_by,entered_at,second_value,second_by,adjudicated_value,adjudicated_by",
        "2024-03-01 08:15,A,glucose,11.6,mara,2024-03-01 12:00,11.9,ben,11.9,lea",
        "2024-03-01 09:15,A,glucose,11.6,mara,2024-03-01 12:00,11.9,ben,11.9,Ben",
        "2024-03-01 10:15,A,glucose,11.6,mara,2024-03-01 12:00,11.9,ben,,",
    )
    desk.mapping(ONE_FILE)

    desk.run()

    assert entries(desk, "value_text", "checked", "entered_by", "checked_by") == [
        ("11.9", "adjudicated", "mara", "lea")
    ]
    assert [value for _, _, value, _ in desk.readings()] == [11.9]
    assert [fault[2:] for fault in desk.faults()] == [
        ("adjudicated_by", "Ben", "same_person"),
        ("second_value", "11.9", "entries_disagree"),
    ]
    assert desk.ask("SELECT count(*) FROM entry_disagreement") == [(3,)]


def test_whoever_checks_is_not_whoever_entered(desk: Desk) -> None:
    desk.file("ct1-first.csv", HEADINGS, first("08:15", "11.4"))
    desk.file("ct1-second.csv", HEADINGS, second("08:15", "11.4", by=" Mara"))
    desk.file(
        "paper.csv",
        "time,position,tag,value,entered_by,entered_at,verified_by",
        "2024-03-02 08:15,A,glucose,11.4,mara,2024-03-02 12:00,mara",
        "2024-03-02 09:15,A,glucose,11.5,mara,2024-03-02 12:00,ben",
        "2024-03-02 10:15,A,glucose,11.6,mara,2024-03-02 12:00,",
    )
    desk.mapping(PAPER + ONE_FILE)

    desk.run()

    assert [fault[2:] for fault in desk.faults()] == [
        ("second_by", "Mara", "same_person"),
        ("verified_by", "mara", "same_person"),
    ]
    assert entries(desk, "checked", "checked_by") == [("second_person", "ben"), ("unchecked", None)]


def test_a_value_typed_in_before_it_was_taken_or_from_another_page_is_put_aside(desk: Desk) -> None:
    desk.file("p1.png", "a scan")
    desk.file(
        "paper.csv",
        "time,position,tag,value,entered_by,entered_at,page_image,page_sha256",
        "2024-03-01 08:15,A,glucose,11.4,mara,2024-03-01 08:05,,",
        "2024-03-01 09:15,A,glucose,11.4,mara,2024-03-01 08:55,,",
        f"2024-03-01 10:15,A,glucose,11.4,mara,2024-03-01 12:00,p1.png,{'0' * 64}",
        "2024-03-01 11:15,A,glucose,11.4,mara,2024-03-01 12:00,p2.png,",
        "2024-03-01 12:15,A,glucose,11.4,,2024-03-01 12:00,,",
    )
    desk.mapping(ONE_FILE)

    desk.run()

    assert [fault[1:] for fault in desk.faults()] == [
        ("3", "entered_at", "2024-03-01 08:55", "entered_before_taken"),
        ("4", "page_sha256", "0" * 64, "page_differs"),
        ("6", "entered_by", "", "bad_text"),
    ]
    assert entries(desk, "page_image", "page_digest") == [(None, None), ("p2.png", None)], (
        "a page without its image is told"
    )


def test_the_rate_of_slips_the_delay_and_what_is_checked_are_told(desk: Desk) -> None:
    times = [f"{hour:02}:00" for hour in range(8, 12)]
    desk.file("ct1-first.csv", HEADINGS, *(first(time, "11.4", "p2.png") for time in times))
    desk.file("ct1-second.csv", HEADINGS, *(second(time, "11.4" if time != "10:00" else "14.1") for time in times))
    desk.mapping(PAPER)
    outcome = desk.run()

    assert outcome.paper is not None
    told = outcome.paper
    assert (told.readings, told.pairs, told.disagreements, told.unsettled) == (3, 4, 1, 1)
    assert (told.entry_delay_median_s, told.entry_delay_longest_s) == (3 * 3600.0, 4 * 3600.0)
    assert (told.pages, told.pages_without_image) == (1, 1)
    assert tell_of_files(desk.owner, [1]) == told


def test_a_reading_from_elsewhere_is_not_called_a_manual_one(desk: Desk) -> None:
    desk.file("trend.csv", "time,position,tag,value", "2024-03-01T07:15:00Z,A,glucose,11.5")
    desk.file("paper.csv", HEADINGS, first("08:15", "11.4"))
    desk.mapping('[[file]]\npath="trend.csv"\nunit = "leiden/hall/INC-1"\nother_names = "take"\n' + ONE_FILE)

    outcome = desk.run()

    assert outcome.counts.conflicts == 1
    assert entries(desk, "value_text") == []


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        (PAPER.replace("time_resolution_s = 900", ""), "time_resolution_s is missing"),
        (PAPER.replace('second = "*-second.csv"', 'second = "second.csv"'), "need one \\* each"),
        (PAPER.replace("*-second.csv", "*-third.csv"), "there is no ct1-third.csv"),
    ],
)
def test_a_mapping_of_paper_that_leaves_something_open_is_refused(desk: Desk, mapping: str, problem: str) -> None:
    desk.file("ct1-first.csv", HEADINGS, first("08:15", "11.4"))
    desk.file("ct1-second.csv", HEADINGS, second("08:15", "11.4"))
    desk.mapping(mapping)
    with pytest.raises(InputInvalid, match=problem):
        desk.run()
    assert desk.ask("SELECT count(*) FROM import_run") == [(0,)]
