"""`batchwitness draft-reference` on a real database: what it learns from and leaves out; it only drafts."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from analytics.reference import ReferenceModel
from analytics.template import Further, asking, read
from batchwitness import drafting
from batchwitness.drafting import Order, draft
from store.model.reference import ReferenceRole
from tests.analytics.conftest import LIVE_START, Watched, batch_messages
from tests.working import use_reference

PACKET = "SELECT review FROM reference ORDER BY reference_id DESC LIMIT 1"


def run(watched: Watched, monkeypatch: pytest.MonkeyPatch, **asked: Any) -> int:
    monkeypatch.setattr(drafting, "dsn", lambda _var, role: watched.database.dsn(role))
    order: dict[str, Any] = {
        "process": "AUTO-2.0",
        "judges": None,
        "role": ReferenceRole.NEW,
        "unit_kind": None,
        "template": None,
        "also": [],
        "blind": [],
        "exclude": [],
        "include": [],
        "pool": "",
        "by": "mia",
        "reason": "a season of batches",
    }
    return drafting.run(Path("var"), **(order | asked))


def drafted(watched: Watched, **asked: Any) -> dict[str, Any]:
    """The packet of a draft in which hardly any offsets were tried."""
    order = Order(
        process="AUTO-2.0",
        judges="AUTO-2.0",
        role=asked.pop("role", ReferenceRole.NEW),
        try_offsets_in=1,
        by="mia",
        reason="x",
        **asked,
    )
    with psycopg.connect(watched.database.dsn("api"), autocommit=True) as connection:
        draft(connection, order, say=lambda _sentence: None)
    ((packet,),) = watched.record.ask(PACKET)
    assert isinstance(packet, dict)
    return packet


def one_of(packet: dict[str, Any], batch: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in packet["batches"] if one["batch"] == batch)
    return found


@pytest.fixture
def counted(watched: Watched) -> Watched:
    """The history after analytics went through it."""
    watched.analyse()
    return watched


def test_all_completed_batches_but_those_left_out_with_a_reason_make_a_draft(
    counted: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(counted, monkeypatch, exclude=["CT-3=wrong medium", "CT-4=power cut"], blind=["expansion=2"]) == 0
    said = capsys.readouterr()
    assert "learning from 22 of 24 batches of AUTO-2.0" in said.err
    assert "left out: CT-3: wrong medium" in said.err
    assert "22 of 22 batches" in said.err
    ((number, state, by, review),) = counted.record.ask(
        "SELECT reference_id, state, drafted_by, review FROM reference ORDER BY reference_id DESC LIMIT 1"
    )
    assert f"/references/{number}" in said.out
    assert (state, by) == ("draft", "mia")
    left_out = {one["batch"]: one["why"] for one in review["batches"] if not one["included"]}
    assert left_out.items() >= {"CT-3": "wrong medium", "CT-4": "power cut"}.items()
    assert len(review["batches"]) == 24
    assert all(one["complete"] > 0.95 for one in review["batches"])
    assert (review["materials"], review["pooled"]) == ({"patient": 22 - len(left_out) + 2}, "")
    (expansion,) = review["phases"]
    assert (expansion["phase"], expansion["hours"], expansion["blind"]) == ("expansion", 24.0, pytest.approx(2 / 24))
    assert 0 < expansion["tags"]["glucose"] <= 22 / 24
    assert {one["tag"] for one in review["power"]["offsets"]} == {"pH", "temperature", "glucose", "dissolved_oxygen"}
    assert [(one["process"], one["started"]) for one in review["outcomes"]] == [("AUTO-2.0", 24)]
    kinds = "SELECT DISTINCT starting_material FROM reference_batch WHERE reference_id = %s"
    assert counted.record.ask(kinds, number) == [("patient",)]
    assert counted.record.ask("SELECT count(*) FROM reference WHERE state = 'in_use'") == [(1,)], "as before"


def test_a_batch_with_an_unassessed_alert_a_bad_result_or_a_hole_is_left_out_with_all_it_fails(
    counted: Watched,
) -> None:
    owner = counted.record.owner
    owner.execute(
        "INSERT INTO alert (batch_id, unit_id, ordinal, kind, severity, detector, tags, raised_time, onset_time,"
        " phase_time_h, score, limit_value, sentence, contributions, cells, software, intake_ordinal)"
        " SELECT batch_id, 1, batch_id, 'drift', 'medium', 'ewma', '{pH}', now(), now(), 1, 2, 1, 'off', '[]', '[]',"
        " '1', 1 FROM batch WHERE name IN ('CT-3', 'CT-4', 'CT-5', 'CT-11')"
    )
    for batch, impact in (("CT-4", "possible"), ("CT-5", "none"), ("CT-11", "none")):
        owner.execute(
            "INSERT INTO alert_decision (alert_id, version, state, actor, comment, impact, cause, known_at)"
            " SELECT alert_id, 0, 'assessed', 'mia', 'x', %s, 'unknown', now() FROM alert JOIN batch USING (batch_id)"
            " WHERE batch.name = %s",
            [impact, batch],
        )
    owner.execute(
        "INSERT INTO alert_update (alert_id, version, severity, detector, tags, score, limit_value, sentence,"
        " contributions, cells, intake_ordinal) SELECT alert_id, 1, 'medium', 'ewma', '{pH,glucose}', 2, 1, 'off',"
        " '[]', '[]', 1 FROM alert JOIN batch USING (batch_id) WHERE batch.name = 'CT-11'"
    )
    owner.execute(
        "INSERT INTO limit_version (process_version_id, attribute, kind, low, unit_of_measure, source, effective_from,"
        " known_at) SELECT process_version_id, 'viability', 'specification_limit', 70, '%', 'BLA', '2020-01-01Z',"
        " '2020-01-01Z' FROM process_version WHERE name = 'AUTO-2.0'"
    )
    for batch, value in (("CT-6", "61"), ("CT-7", "92"), ("CT-8", ">90")):
        result = {"result": f"L-{batch}", "batch": batch, "attribute": "viability", "method": "m", "value": value,
                  "unit_of_measure": "%", "measured_at": LIVE_START.isoformat(), "status": "final",
                  "stated_by": "lab"}  # fmt: skip
        counted.record.take(("BR-01/results", result))
    owner.execute(
        "UPDATE arrival SET readings = 0 WHERE bucket IN (SELECT bucket FROM arrival JOIN unit_procedure"
        " ON bucket >= lower(during) AND bucket < upper(during) - interval '20 h' JOIN batch USING (batch_id)"
        " WHERE batch.name = 'CT-9')"
    )
    owner.execute(
        "UPDATE unit_procedure SET end_inferred = true FROM batch WHERE batch.batch_id = unit_procedure.batch_id"
        " AND batch.name = 'CT-10'"
    )
    packet = drafted(counted, include={"CT-6": "the assay failed, repeated by hand"})
    why = {one["batch"]: one["why"] for one in packet["batches"] if not one["included"]}
    assert "nobody has assessed alert" in why["CT-3"]
    assert "nobody has assessed alert" in why["CT-11"], "it has spread since somebody did"
    assert "may have had an impact" in why["CT-4"]
    assert "CT-5" not in why, "its alert was assessed as without impact"
    assert "of what it owed, less than 95.0 %" in why["CT-9"]
    assert "nobody said when it ended in BR-01" in why["CT-10"]
    let_in = one_of(packet, "CT-6")
    assert (let_in["included"], let_in["why"]) == (True, "the assay failed, repeated by hand")
    assert let_in["failures"] == ["viability 61 % is out of specification"]
    (auto,) = packet["outcomes"]
    assert (auto["out_of_specification"]["events"], auto["out_of_specification"]["trials"]) == (1, 3)
    assert auto["terminated"]["trials"] == 24
    old = drafted(counted, role=ReferenceRole.OLD)
    assert {one["batch"] for one in old["batches"] if one["included"]} > {"CT-3", "CT-6", "CT-9"}, "no gates for old"


def test_batches_of_another_or_no_stated_starting_material_are_not_pooled_without_a_reason(
    counted: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Stated so from the beginning: what is stated later needs a correction.
    counted.record.owner.execute("ALTER TABLE batch DISABLE TRIGGER starting_material_corrected")
    counted.record.owner.execute("UPDATE batch SET starting_material = 'healthy_donor' WHERE name = 'CT-3'")
    counted.record.owner.execute("UPDATE batch SET starting_material = NULL WHERE name = 'CT-4'")
    assert run(counted, monkeypatch) == 1
    assert "22 of patient and 1 of healthy_donor and 1 of not stated would be pooled" in capsys.readouterr().err
    assert counted.record.ask("SELECT count(*) FROM reference") == [(1,)]
    packet = drafted(counted, pool="no difference was seen in 20 pairs", exclude={"CT-4": "nobody knows"})
    assert packet["pooled"] == "no difference was seen in 20 pairs"
    assert packet["materials"]["healthy_donor"] == 1
    assert one_of(packet, "CT-3")["material"] == "healthy_donor"


def test_what_the_record_does_not_count_yet_is_no_batch_to_learn_from(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(watched, monkeypatch) == 1
    said = capsys.readouterr().err
    assert "no completed batch of AUTO-2.0 is left to learn from" in said
    assert "blocks not counted yet" in said


def test_a_draft_watches_the_further_families_that_are_asked_for(counted: Watched) -> None:
    drafted(counted, template=asking(None, [Further.SPE, Further.OWN_PAST]))
    ((model,),) = counted.record.ask("SELECT model FROM reference ORDER BY reference_id DESC LIMIT 1")
    course = ReferenceModel.from_bytes(model).trajectory
    assert course is not None
    assert set(course.limits) & set(Further) == {Further.SPE, Further.OWN_PAST}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"exclude": ["CT-3"]}, "--exclude takes BATCH=WHY, not 'CT-3'"),
        ({"exclude": ["CT-3= "]}, "--exclude takes BATCH=WHY"),
        ({"exclude": ["CT-99=gone"]}, "CT-99: no batch"),
        ({"include": ["CT-3"]}, "--include takes BATCH=WHY"),
        ({"include": ["CT-3=fine"]}, "CT-3 passes every gate"),
        ({"pool": "to be sure"}, "--pool: all batches start from one kind"),
        ({"blind": ["expansion"]}, "--blind takes PHASE=HOURS"),
        ({"blind": ["expansion=-1"]}, "--blind takes PHASE=HOURS"),
        ({"blind": ["expantion=2"]}, "blind: none of the batches has a phase expantion"),
        ({"template": "tcell"}, "template tcell does not fit"),
        ({"template": "nowhere.toml"}, "nowhere.toml"),
        ({"template": "nothing"}, "there is no template nothing"),
        ({"process": "AUTO-9.9"}, "no completed batch of AUTO-9.9"),
    ],
)
def test_an_order_that_cannot_be_is_refused_in_words_and_nothing_is_drafted(
    counted: Watched,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    asked: dict[str, Any],
    said: str,
) -> None:
    assert run(counted, monkeypatch, **asked) == 1
    assert said in capsys.readouterr().err
    assert counted.record.ask("SELECT count(*) FROM reference") == [(1,)]


def test_a_template_that_somebody_brings_is_stored_with_the_draft_and_part_of_its_hash(
    counted: Watched, tmp_path: Path
) -> None:
    text = """
name = "site"
[units]
glucose = "mmol/L"
dissolved_oxygen = "%"
[[balance]]
name = "uptake"
check = "the feed"
accuses = "glucose"
target = "glucose"
explained_by = ["dissolved_oxygen"]
statistic = "change"
spans_h = [6]
"""
    file = tmp_path / "site.toml"
    file.write_text(text, encoding="utf-8")
    packet = drafted(counted, template=read(file))
    assert packet["template"] == text
    digest = "SELECT digest FROM reference ORDER BY reference_id DESC LIMIT 1"
    first = counted.record.ask(digest)
    file.write_text(text.replace("the feed", "the feed pump"), encoding="utf-8")
    drafted(counted, template=read(file))
    assert counted.record.ask(digest) != first


def in_turn(name: str, started: datetime, *, seed: int) -> list[tuple[str, object]]:
    """A batch of a day in BR-01 and of another in BR-02."""
    first = batch_messages(name, started, seed=seed)
    moved = started + timedelta(days=1)
    ended = ("BR-01/events", {"event": "unit_procedure_ended", "time": moved.isoformat(), "batch": name})
    return [*first[:-1], ended, *batch_messages(name, moved, seed=seed + 1, unit="BR-02")]


def test_each_kind_of_unit_has_a_reference_of_its_own_where_a_batch_runs_in_several_in_turn(
    counted: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    counted.record.owner.execute("UPDATE unit SET kind = 'harvester' WHERE name = 'BR-02'")
    counted.record.take(*in_turn("CT-50", LIVE_START, seed=50))
    counted.analyse()
    assert run(counted, monkeypatch) == 1
    assert "CT-50 was in units of kind bioreactor, then harvester: --unit-kind says which" in capsys.readouterr().err
    packet = drafted(counted, unit_kind="bioreactor")
    assert one_of(packet, "CT-50")["included"]
    ((number, name, kind),) = counted.record.ask(
        "SELECT reference_id, name, unit_kind FROM reference ORDER BY reference_id DESC LIMIT 1"
    )
    assert (name, kind) == ("new reference for AUTO-2.0 in bioreactor of 25 batches", "bioreactor")
    with psycopg.connect(counted.database.dsn("api"), autocommit=True) as connection:
        use_reference(connection, number)
    assert counted.record.ask("SELECT state FROM reference ORDER BY reference_id") == [("in_use",), ("in_use",)]
    counted.record.take(*in_turn("CT-51", LIVE_START + timedelta(days=3), seed=60))
    counted.analyse()
    judged = counted.record.ask(
        "SELECT unit.name, monitor.reference_new_id FROM monitor JOIN batch USING (batch_id)"
        " JOIN unit_procedure USING (unit_procedure_id) JOIN unit USING (unit_id)"
        " WHERE batch.name = 'CT-51' ORDER BY unit.name"
    )
    assert judged == [("BR-01", number), ("BR-02", number - 1)], "the reference of all kinds judges the rest"
    why = {one["batch"]: one["why"] for one in drafted(counted, unit_kind="harvester")["batches"]}
    assert why["CT-3"] == "it was in no unit of kind harvester"
