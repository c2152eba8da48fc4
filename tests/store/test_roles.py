"""What each stage's role may do, table by table, and that PostgreSQL refuses it everything else.

The table below is the whole truth: a new table or view fails the first test until it is listed here.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import psycopg
import pytest
from psycopg import errors, sql

from batchwitness.embedded.database import OWNER, create_database, drop_database
from batchwitness.embedded.postgres import EmbeddedPostgres
from tests.fix_postgres import Database
from tests.store.privileges import ROLES, privileges


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Privileges of each role on one table; those on some columns only name them."""

    ingest: str = ""
    analytics: str = ""
    api: str = ""
    readonly: str = ""
    retain: str = ""


EXPECTED: dict[str, Rights] = {
    "actor": Rights(api="select insert update(password_hash active)"),
    "alert": Rights(ingest="select", analytics="select insert", api="select", readonly="select", retain="select"),
    "alert_decision": Rights(
        ingest="select", analytics="select", api="select insert", readonly="select", retain="select"
    ),
    "alert_now": Rights(ingest="select", analytics="select", api="select", readonly="select", retain="select"),
    "alert_outcome": Rights(ingest="select", analytics="select", api="select", readonly="select", retain="select"),
    "alert_update": Rights(
        ingest="select", analytics="select insert", api="select", readonly="select", retain="select"
    ),
    "alert_told": Rights(ingest="select", analytics="select", api="select", readonly="select", retain="select"),
    "alert_told_head": Rights(ingest="select", analytics="select", api="select"),
    "area": Rights(ingest="select", analytics="select", api="select insert", readonly="select", retain="select"),
    "arrival": Rights(
        ingest="select", analytics="select insert update", api="select", readonly="select", retain="select"
    ),
    "arrival_lag": Rights(
        ingest="select", analytics="select insert update", api="select", readonly="select", retain="select"
    ),
    "attribute": Rights(
        ingest="select",
        analytics="select",
        api="select insert update(kind criticality)",
        readonly="select",
        retain="select",
    ),
    "audit_event": Rights(ingest="select", analytics="select", api="select", retain="select"),
    "audit_head": Rights(ingest="select", analytics="select", api="select", retain="select"),
    "batch": Rights(
        ingest="select insert update(status end_reason starting_material)",
        analytics="select",
        api="select update(starting_material)",
        readonly=(
            "select(batch_id name process_version_id required_by status end_reason registered_at starting_material)"
        ),
        retain="select",
    ),
    "block": Rights(ingest="select insert", analytics="select", api="select insert", retain="select"),
    "block_body": Rights(ingest="select insert", analytics="select", api="select insert", retain="select"),
    "block_tick": Rights(ingest="select insert", analytics="select", api="select", retain="select"),
    "block_unit": Rights(ingest="select insert", analytics="select", api="select", retain="select"),
    "chain": Rights(
        ingest="select insert update(epoch seq digest holder claimed_at)",
        analytics="select insert update(epoch seq digest holder claimed_at)",
        api="select insert update(epoch seq digest holder claimed_at)",
        retain="select",
    ),
    "chart_point": Rights(ingest="select", analytics="select insert", api="select", readonly="select", retain="select"),
    "chart_point_now": Rights(ingest="select", analytics="select", api="select", readonly="select", retain="select"),
    "chart_signal": Rights(
        ingest="select", analytics="select insert", api="select", readonly="select", retain="select"
    ),
    "chart_signal_now": Rights(ingest="select", analytics="select", api="select", readonly="select", retain="select"),
    "control_chart": Rights(
        ingest="select",
        analytics="select update(failure)",
        api="select insert",
        readonly="select",
        retain="select",
    ),
    "control_limit": Rights(
        ingest="select",
        analytics="select",
        api="select insert update(state used_from used_by chain_id block_seq retired_from retired_by retired_chain_id "
        "retired_block_seq)",
        readonly="select",
        retain="select",
    ),
    "correction": Rights(ingest="select", analytics="select", api="select insert", readonly="select", retain="select"),
    "consumer": Rights(ingest="select", analytics="select insert update", api="select", retain="select"),
    "departure": Rights(ingest="select", analytics="select insert", api="select", readonly="select", retain="select"),
    "departure_point": Rights(
        ingest="select", analytics="select insert", api="select", readonly="select", retain="select"
    ),
    "monitor_score": Rights(
        ingest="select", analytics="select insert", api="select", readonly="select", retain="select"
    ),
    "entry_disagreement": Rights(ingest="select insert", analytics="select", api="select", retain="select"),
    "edge_device": Rights(
        ingest="select insert update(state since)", analytics="select", api="select", readonly="select", retain="select"
    ),
    "edge_gap": Rights(
        ingest="select insert update(filled)", analytics="select", api="select", readonly="select", retain="select"
    ),
    "edge_metric": Rights(
        ingest="select insert update(tag_id led_by why since)",
        analytics="select",
        api="select",
        readonly="select",
        retain="select",
    ),
    "edge_node": Rights(
        ingest="select insert update(state cause since bd_seq last_seq born_time heard_time)",
        analytics="select",
        api="select",
        readonly="select",
        retain="select",
    ),
    "edge_node_event": Rights(
        ingest="select insert", analytics="select", api="select", readonly="select", retain="select"
    ),
    "edge_unit": Rights(ingest="select insert", analytics="select", api="select", readonly="select", retain="select"),
    "event": Rights(ingest="select insert", analytics="select", api="select", retain="select"),
    "gap_horizon": Rights(
        ingest="select", analytics="select insert update", api="select", readonly="select", retain="select"
    ),
    "gap_scope": Rights(ingest="select", analytics="select insert update", api="select", retain="select"),
    "import_block": Rights(ingest="select insert", analytics="select", api="select", retain="select"),
    "import_file": Rights(
        ingest=(
            "select insert update(ended_at next_offset next_line rows stored duplicates conflicts events results "
            "put_aside without_value skipped)"
        ),
        analytics="select",
        api="select",
        retain="select",
    ),
    "import_run": Rights(ingest="select insert update(ended_at)", analytics="select", api="select", retain="select"),
    "intake": Rights(ingest="select", analytics="select insert", api="select", retain="select"),
    "interval_revision": Rights(ingest="select", analytics="select", api="select", readonly="select", retain="select"),
    "limit_version": Rights(
        ingest="select", analytics="select", api="select insert", readonly="select", retain="select"
    ),
    "listening": Rights(
        ingest="select insert update(until)", analytics="select", api="select", readonly="select", retain="select"
    ),
    "login_failure": Rights(api="select insert update(failures last_failure locked_until)"),
    "login_session": Rights(api="select insert update(last_used ended_at)"),
    "manual_entry": Rights(ingest="select insert", analytics="select", api="select", retain="select"),
    "manufacturing_change": Rights(
        ingest="select",
        analytics="select",
        api="select insert update(context_of_use amt_designation reporting_category regulatory_status)",
        readonly="select",
        retain="select",
    ),
    "monitor": Rights(
        ingest="select",
        analytics="select insert"
        " update(until_ordinal position closed failure state snapshot late_ordinal beside watches_since)",
        api="select",
        readonly="select",
        retain="select",
    ),
    "out_of_order": Rights(
        ingest="select", analytics="select insert", api="select", readonly="select", retain="select"
    ),
    "overview": Rights(
        ingest="select", analytics="select insert update", api="select", readonly="select", retain="select"
    ),
    "phase": Rights(
        ingest="select insert update(during)",
        analytics="select",
        api="select update(during)",
        readonly="select",
        retain="select",
    ),
    "position": Rights(ingest="select", analytics="select", api="select insert", readonly="select", retain="select"),
    "process_version": Rights(
        ingest="select", analytics="select", api="select insert update(description)", readonly="select", retain="select"
    ),
    "product": Rights(
        ingest="select", analytics="select", api="select insert update(modality)", readonly="select", retain="select"
    ),
    "publisher": Rights(
        ingest="select insert update", analytics="select", api="select", readonly="select", retain="select"
    ),
    "publisher_unit": Rights(
        ingest="select insert", analytics="select", api="select", readonly="select", retain="select"
    ),
    "qc_replicate": Rights(
        ingest="select insert", analytics="select", api="select insert", readonly="select", retain="select"
    ),
    "qc_result": Rights(
        ingest="select insert update(batch_id)",
        analytics="select",
        api="select insert",
        readonly="select",
        retain="select",
    ),
    "qc_result_now": Rights(ingest="select", analytics="select", api="select", readonly="select", retain="select"),
    "quarantine": Rights(ingest="select insert", analytics="select", api="select insert", retain="select"),
    "quarantine_minute": Rights(
        ingest="select insert update(refused held_back)", analytics="select", api="select", retain="select"
    ),
    "quarantine_decision": Rights(ingest="select insert", analytics="select", api="select insert", retain="select"),
    "quarantine_now": Rights(ingest="select", analytics="select", api="select", retain="select"),
    "reading": Rights(ingest="select insert", analytics="select", api="select", readonly="select", retain="select"),
    "reading_again": Rights(
        ingest="select insert", analytics="select", api="select", readonly="select", retain="select"
    ),
    "reading_conflict": Rights(
        ingest="select insert", analytics="select", api="select", readonly="select", retain="select"
    ),
    "reading_conflict_now": Rights(
        ingest="select", analytics="select", api="select", readonly="select", retain="select"
    ),
    "reading_now": Rights(ingest="select", analytics="select", api="select", readonly="select", retain="select"),
    "reading_revision": Rights(
        ingest="select", analytics="select", api="select insert", readonly="select", retain="select"
    ),
    "reference": Rights(
        ingest="select",
        analytics="select insert",
        api="select insert update(state)",
        readonly="select",
        retain="select",
    ),
    "reference_decision": Rights(
        ingest="select", analytics="select", api="select insert", readonly="select", retain="select"
    ),
    "reference_batch": Rights(
        ingest="select", analytics="select insert", api="select insert", readonly="select", retain="select"
    ),
    "registered_publisher": Rights(
        ingest="select", analytics="select", api="select insert update(allowed)", readonly="select", retain="select"
    ),
    "reference_input": Rights(
        ingest="select", analytics="select insert", api="select", readonly="select", retain="select"
    ),
    "reference_input_changed": Rights(
        ingest="select", analytics="select", api="select", readonly="select", retain="select"
    ),
    "sampling_plan": Rights(
        ingest="select",
        analytics="select",
        api="select insert",
        readonly="select",
        retain="select",
    ),
    "schema_migration": Rights(retain="select"),
    "self_check": Rights(ingest="select", analytics="select insert", api="select", readonly="select", retain="select"),
    "sequence_gap": Rights(
        ingest="select insert update", analytics="select", api="select", readonly="select", retain="select"
    ),
    "signal_batch": Rights(
        ingest="select", analytics="select insert", api="select", readonly="select", retain="select"
    ),
    "site": Rights(
        ingest="select", analytics="select", api="select insert update(timezone)", readonly="select", retain="select"
    ),
    "slot": Rights(ingest="select insert update", analytics="select", api="select", retain="select"),
    "sparkplug_mapping": Rights(
        ingest="select",
        analytics="select",
        api="select insert update(unit_id position_id tag in_force)",
        readonly="select",
        retain="select",
    ),
    "starting_material_revision": Rights(
        ingest="select", analytics="select", api="select insert", readonly="select", retain="select"
    ),
    "tag": Rights(ingest="select insert", analytics="select", api="select insert", readonly="select", retain="select"),
    "tag_correspondence": Rights(
        ingest="select",
        analytics="select",
        api="select insert update(tag_old measurand sensor_principle_new sensor_principle_old known_at)",
        readonly="select",
        retain="select",
    ),
    "tag_gap": Rights(
        ingest="select", analytics="select insert update(filled_time)", api="select", readonly="select", retain="select"
    ),
    "tag_latest": Rights(
        ingest="select", analytics="select insert update", api="select", readonly="select", retain="select"
    ),
    "tag_now": Rights(ingest="select", analytics="select", api="select", readonly="select", retain="select"),
    "tag_version": Rights(ingest="select", analytics="select", api="select insert", readonly="select", retain="select"),
    "token": Rights(api="select insert update(revoked_at)"),
    "unit": Rights(
        ingest="select",
        analytics="select",
        api="select insert update(kind commissioned)",
        readonly="select",
        retain="select",
    ),
    "unit_edge_state": Rights(ingest="select", analytics="select", api="select", readonly="select", retain="select"),
    "unit_procedure": Rights(
        ingest="select insert update(during end_inferred)",
        analytics="select",
        api="select update(batch_id during end_inferred)",
        readonly="select",
        retain="select",
    ),
}

VIEWS = frozenset(
    {
        "alert_now",
        "alert_outcome",
        "chart_point_now",
        "chart_signal_now",
        "qc_result_now",
        "quarantine_now",
        "reading_conflict_now",
        "reading_now",
        "reference_input_changed",
        "tag_now",
        "unit_edge_state",
    }
)
# What was written once stays as it was written. qc_result gets its batch when that becomes known.
APPEND_ONLY = frozenset(
    {
        "alert",
        "alert_decision",
        "alert_update",
        "audit_event",
        "block",
        "block_body",
        "block_tick",
        "block_unit",
        "correction",
        "entry_disagreement",
        "edge_node_event",
        "edge_unit",
        "event",
        "import_block",
        "intake",
        "interval_revision",
        "limit_version",
        "manual_entry",
        "qc_replicate",
        "qc_result",
        "quarantine",
        "quarantine_decision",
        "reading",
        "reading_conflict",
        "reading_revision",
        "reference_batch",
        "reference_input",
        "signal_batch",
        "tag_version",
    }
)
ACCOUNTS = frozenset({"actor", "token", "login_session", "login_failure"})
PSEUDONYMS = ("donor", "chain_of_identity")

DATABASE = "test_roles"


@pytest.fixture(scope="module")
def roles(postgres_server: EmbeddedPostgres, template_database: str) -> Iterator[Database]:
    """One database for all tests here: none of them changes anything."""
    create_database(postgres_server, DATABASE, template=template_database)
    yield Database(name=DATABASE, server=postgres_server)
    drop_database(postgres_server, DATABASE)


@pytest.fixture(scope="module")
def columns(roles: Database) -> dict[str, list[str]]:
    """The columns of every table."""
    found: dict[str, list[str]] = {}
    with psycopg.connect(roles.dsn(OWNER)) as owner:
        for table, column in owner.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        ):
            found.setdefault(table, []).append(column)
    return found


def test_every_table_grants_every_role_exactly_what_is_listed_here(roles: Database) -> None:
    with psycopg.connect(roles.dsn(OWNER)) as owner:
        found = privileges(owner)

    assert {table: rights for table, rights in found.items() if table not in EXPECTED} == {}, "list them here"
    assert found == {table: asdict(rights) for table, rights in EXPECTED.items()}


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
def test_no_role_may_change_or_remove_what_is_append_only(table: str) -> None:
    for role, granted in asdict(EXPECTED[table]).items():
        for verb in ("update", "delete", "truncate"):
            allowed = role == "ingest" and table == "qc_result" and "update(batch_id)" in granted
            assert verb not in granted or (verb == "update" and allowed), f"{role} may {verb} {table}"


def test_no_role_may_delete_truncate_or_hang_a_trigger_on_anything() -> None:
    for table, rights in EXPECTED.items():
        for role, granted in asdict(rights).items():
            for verb in ("delete", "truncate", "trigger", "references", "maintain"):
                assert verb not in granted.split(), f"{role} may {verb} {table}"


def test_grafana_and_export_read_neither_accounts_nor_pseudonyms_nor_raw_messages() -> None:
    for table in (*ACCOUNTS, "event", "block_body", "block_unit", "quarantine", "audit_event"):
        assert EXPECTED[table].readonly == ""
    for pseudonym in PSEUDONYMS:
        assert pseudonym not in EXPECTED["batch"].readonly
    for rights in EXPECTED.values():
        assert not rights.readonly or rights.readonly.startswith("select")
        assert " insert" not in rights.readonly


def test_only_the_api_reads_accounts() -> None:
    for table in ACCOUNTS:
        rights = EXPECTED[table]
        assert (rights.ingest, rights.analytics, rights.readonly, rights.retain) == ("", "", "", "")


@pytest.mark.parametrize("role", ROLES)
def test_postgresql_refuses_a_role_everything_that_is_not_listed(
    roles: Database, columns: dict[str, list[str]], role: str
) -> None:
    refused = 0
    with roles.connect(role) as conn:
        for table, rights in EXPECTED.items():
            granted = asdict(rights)[role]
            for statement in _not_granted(table, granted, columns[table]):
                with pytest.raises(errors.InsufficientPrivilege):
                    conn.execute(statement)
                refused += 1
    assert refused >= 2 * (len(EXPECTED) - len(VIEWS)), "at the least nobody deletes and nobody truncates"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_makes_nothing_in_the_schema_and_borrows_no_other_role(roles: Database, role: str) -> None:
    with roles.connect(role) as conn:
        for statement in (
            b"CREATE TABLE mine (x integer)",
            b"CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            b"ALTER TABLE reading DISABLE TRIGGER ALL",
            b"DROP TABLE reading",
            b"SET ROLE batchwitness_owner",
            b"CREATE ROLE mine",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(statement)


def test_only_stages_that_change_the_record_may_append_to_the_audit_chain(roles: Database) -> None:
    with psycopg.connect(roles.dsn(OWNER)) as owner:
        allowed = owner.execute(
            "SELECT role FROM unnest(%s::text[]) AS role WHERE has_function_privilege('batchwitness_' || role,"
            " 'append_audit(text, text, text, jsonb, jsonb, text)', 'EXECUTE')",
            [list(ROLES)],
        ).fetchall()
        public = owner.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " AND prosecdef AND has_function_privilege('public', oid, 'EXECUTE')"
        ).fetchall()
    assert {role for (role,) in allowed} == {"ingest", "analytics", "api", "retain"}
    assert public == [], "functions with their owner's rights that anybody may call"


def test_record_1_a_temporary_table_cannot_stand_in_for_the_audit_chain(database: Database) -> None:
    with database.connect("api") as conn:
        conn.execute("CREATE TEMPORARY TABLE audit_head AS SELECT * FROM public.audit_head")
        conn.execute("CREATE TEMPORARY TABLE audit_event (LIKE public.audit_event INCLUDING GENERATED)")
        conn.execute("GRANT ALL ON audit_head, audit_event TO PUBLIC")
        conn.execute("SELECT append_audit('mara', 'changed', 'a', NULL, NULL, 'because')")
        assert conn.execute("SELECT count(*) FROM public.audit_event").fetchone() == (1,)


def _not_granted(table: str, granted: str, columns: list[str]) -> Iterator[sql.Composed]:
    """Statements on a table that its rights do not cover; each would be refused although it touches no row."""
    name = sql.Identifier(table)
    if "select" not in granted.split():
        for column in columns:
            if column not in _columns(granted, "select"):
                yield sql.SQL("SELECT {} FROM {} LIMIT 0").format(sql.Identifier(column), name)
    if table in VIEWS:
        return  # nothing can be written through them
    if "insert" not in granted.split():
        yield sql.SQL("INSERT INTO {} DEFAULT VALUES").format(name)
    if "update" not in granted.split():
        for column in columns:
            if column not in _columns(granted, "update"):
                yield sql.SQL("UPDATE {} SET {} = DEFAULT").format(name, sql.Identifier(column))
    yield sql.SQL("DELETE FROM {}").format(name)
    yield sql.SQL("TRUNCATE {}").format(name)


def _columns(granted: str, privilege: str) -> list[str]:
    _, found, rest = granted.partition(f"{privilege}(")
    return rest.partition(")")[0].split() if found else []
