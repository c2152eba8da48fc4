"""The life of a reference: who may move it on, from what to what, and that nobody approves what they did not see."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from records.actors import Actor
from records.audit import trail
from records.references import approve, put_to_use, retire
from store.errors import Conflict, InputInvalid, NotAllowed, NotFound
from store.model.ids import ReferenceId
from tests.fix_postgres import Database
from tests.people import somebody
from tests.plant import plant

MODEL = b"a model"
MIA, QUINN, VERA = somebody("msat", name="mia"), somebody("qa", name="quinn"), somebody("viewer", name="vera")


@dataclass(slots=True)
class Desk:
    """A database with the means to draft and to look."""

    api: "psycopg.Connection[Any]"
    owner: "psycopg.Connection[Any]"

    def draft(self, name: str, *, by: str = "mia", review: dict[str, object] | None = None) -> ReferenceId:
        """A draft by somebody."""
        packet = {"batches": [], "model": hashlib.sha256(MODEL).hexdigest()} if review is None else review
        row = self.api.execute(
            "INSERT INTO reference (name, role, process_version_id, model, digest, software, drafted_by, review,"
            " known_at) SELECT %s, 'new', process_version_id, %s, sha256(%s::bytea), '1', %s, %s, now()"
            " FROM process_version WHERE name = 'AUTO-2.0' RETURNING reference_id",
            [name, MODEL, name.encode(), by, Jsonb(packet)],
        ).fetchone()
        assert row is not None
        return ReferenceId(row[0])

    def digest(self, reference: ReferenceId) -> str:
        """As its page shows it."""
        asked = "SELECT encode(digest, 'hex') FROM reference WHERE reference_id = %s"
        found = self.owner.execute(asked, [reference]).fetchone()
        assert found is not None
        return str(found[0])

    def approve(self, reference: ReferenceId, actor: Actor = QUINN) -> None:
        """What was seen is what is there."""
        approve(self.api, reference, digest=self.digest(reference), actor=actor, reason="reviewed")

    def states(self) -> list[tuple[str, str]]:
        """Every reference and its state."""
        return self.owner.execute("SELECT name, state FROM reference ORDER BY reference_id").fetchall()


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    with (
        psycopg.connect(database.dsn("api"), autocommit=True) as api,
        psycopg.connect(database.dsn("owner"), autocommit=True) as owner,
    ):
        plant(owner)
        yield Desk(api=api, owner=owner)


def test_a_draft_is_approved_put_to_use_and_retired_and_the_next_one_takes_its_place(desk: Desk) -> None:
    first, second = desk.draft("first"), desk.draft("second")
    for reference in (first, second):
        desk.approve(reference)
        put_to_use(desk.api, reference, actor=MIA, reason="qualified")
    assert desk.states() == [("first", "retired"), ("second", "in_use")]
    retire(desk.api, second, actor=QUINN, reason="the process changes")
    assert desk.states() == [("first", "retired"), ("second", "retired")]
    events = trail(desk.owner, subject=f"reference:{first}", limit=10)
    assert [(event.action, event.actor, event.reason) for event in events] == [
        ("reference approved", "quinn", "reviewed"),
        ("reference in use", "mia", "qualified"),
        ("reference retired", "mia", "replaced: qualified"),
    ]
    kept = desk.owner.execute("SELECT state, actor, reason FROM reference_decision ORDER BY known_at").fetchall()
    assert len(kept) == 6
    assert kept[-1] == ("retired", "quinn", "the process changes")
    told = desk.owner.execute("SELECT count(*) FROM chain JOIN block USING (chain_id) WHERE kind = 'control'")
    assert told.fetchone() == (3,), "analytics learns of two uses and of a retirement from the journal"


def test_nobody_approves_their_own_draft_nor_without_the_role_nor_without_a_reason(desk: Desk) -> None:
    reference = desk.draft("own", by="quinn")
    digest = desk.digest(reference)
    with pytest.raises(NotAllowed, match="quinn drafted this reference"):
        desk.approve(reference)
    for actor in (MIA, VERA):
        with pytest.raises(NotAllowed):
            desk.approve(reference, actor)
    other = somebody("qa", name="quentin")
    with pytest.raises(InputInvalid, match="reason"):
        approve(desk.api, reference, digest=digest, actor=other, reason=" ")
    for actor in (VERA, MIA):
        with pytest.raises(NotAllowed):
            retire(desk.api, reference, actor=actor, reason="x")
    with pytest.raises(NotAllowed):
        put_to_use(desk.api, reference, actor=VERA, reason="x")
    assert desk.states() == [("own", "draft")]
    assert desk.owner.execute("SELECT count(*) FROM reference_decision").fetchone() == (0,)


def test_detect_4_what_was_not_reviewed_as_it_is_cannot_be_approved(desk: Desk) -> None:
    reference = desk.draft("whole")
    with pytest.raises(Conflict, match="is not that of reference whole"):
        approve(desk.api, reference, digest="0" * 64, actor=QUINN, reason="x")
    with pytest.raises(Conflict, match="has no review packet"):
        desk.approve(desk.draft("bare", review={}))
    desk.owner.execute("UPDATE reference SET model = 'another' WHERE reference_id = %s", [reference])
    with pytest.raises(Conflict, match="are not those that were drafted"):
        desk.approve(reference)
    with pytest.raises(NotFound):
        approve(desk.api, ReferenceId(999), digest="0" * 64, actor=QUINN, reason="x")


def test_detect_4_what_is_not_what_was_approved_is_not_put_to_use(desk: Desk) -> None:
    swapped, renamed, retold = desk.draft("swapped"), desk.draft("renamed"), desk.draft("retold")
    for reference in (swapped, renamed, retold):
        desk.approve(reference)
    desk.owner.execute(
        "UPDATE reference SET review = jsonb_set(review, '{batches}', '[1]') WHERE reference_id = %s", [retold]
    )
    desk.owner.execute("UPDATE reference SET model = 'another' WHERE reference_id = %s", [swapped])
    desk.owner.execute("UPDATE reference SET digest = 'another' WHERE reference_id = %s", [renamed])
    for reference in (swapped, renamed, retold):
        with pytest.raises(Conflict, match="is not what was approved"):
            put_to_use(desk.api, reference, actor=MIA, reason="x")
    assert desk.states() == [("swapped", "approved"), ("renamed", "approved"), ("retold", "approved")]


def test_a_state_is_reached_in_order_alone(desk: Desk) -> None:
    reference = desk.draft("one")
    with pytest.raises(Conflict, match="is draft; only an approved one"):
        put_to_use(desk.api, reference, actor=MIA, reason="x")
    desk.approve(reference)
    with pytest.raises(Conflict, match="is approved, not a draft"):
        desk.approve(reference)
    retire(desk.api, reference, actor=QUINN, reason="never used")
    with pytest.raises(Conflict, match="retired already"):
        retire(desk.api, reference, actor=QUINN, reason="x")
    with pytest.raises(Conflict, match="is retired; only an approved one"):
        put_to_use(desk.api, reference, actor=MIA, reason="x")
