"""`batchwitness draft-reference` on a real database: what it learns from and leaves out; it only drafts."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from analytics.reference import ReferenceModel
from analytics.template import Further
from batchwitness import drafting
from store.model.reference import ReferenceRole
from tests.analytics.conftest import Watched


def draft(
    watched: Watched,
    monkeypatch: pytest.MonkeyPatch,
    *exclude: str,
    process: str = "AUTO-2.0",
    also: Sequence[Further] = (),
) -> int:
    monkeypatch.setattr(drafting, "dsn", lambda _var, role: watched.database.dsn(role))
    return drafting.run(
        Path("var"),
        process,
        judges=None,
        role=ReferenceRole.NEW,
        template=None,
        also=also,
        exclude=list(exclude),
        by="mia",
        reason="a season of batches",
    )


def test_all_completed_batches_but_those_left_out_with_a_reason_make_a_draft(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert draft(watched, monkeypatch, "CT-3=wrong medium", "CT-4=power cut") == 0
    said = capsys.readouterr()
    assert "learning from 22 of 24 batches of AUTO-2.0" in said.err
    ((number, state, by, review),) = watched.record.ask(
        "SELECT reference_id, state, drafted_by, review FROM reference ORDER BY reference_id DESC LIMIT 1"
    )
    assert f"/references/{number}" in said.out
    assert (state, by) == ("draft", "mia")
    left_out = {one["batch"]: one["why"] for one in review["batches"] if not one["included"]}
    assert left_out.items() >= {"CT-3": "wrong medium", "CT-4": "power cut"}.items()
    assert len(review["batches"]) == 24
    assert watched.record.ask("SELECT count(*) FROM reference WHERE state = 'in_use'") == [(1,)], "as before"


def test_a_draft_watches_the_further_families_that_are_asked_for(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert draft(watched, monkeypatch, also=[Further.SPE, Further.OWN_PAST]) == 0
    ((model,),) = watched.record.ask("SELECT model FROM reference ORDER BY reference_id DESC LIMIT 1")
    course = ReferenceModel.from_bytes(model).trajectory
    assert course is not None
    assert set(course.limits) & set(Further) == {Further.SPE, Further.OWN_PAST}


@pytest.mark.parametrize(
    ("exclude", "said"),
    [("CT-3", "--exclude takes BATCH=WHY"), ("CT-3= ", "--exclude takes"), ("CT-99=gone", "CT-99: no batch")],
)
def test_what_cannot_be_left_out_is_named_and_nothing_is_drafted(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], exclude: str, said: str
) -> None:
    assert draft(watched, monkeypatch, exclude) == 1
    assert said in capsys.readouterr().err
    assert watched.record.ask("SELECT count(*) FROM reference") == [(1,)]


def test_a_process_without_batches_is_named(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert draft(watched, monkeypatch, process="AUTO-9.9") == 1
    assert "no completed batch of AUTO-9.9" in capsys.readouterr().err
