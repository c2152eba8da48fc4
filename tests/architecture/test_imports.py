"""Who may know whom: the contracts of pyproject.toml hold, and the exceptions are the ones that were decided."""

import subprocess
import sys
from pathlib import Path

from tests.architecture.source import PACKAGES, ROOT, importers, imports, modules, parsed

LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"
SPARKPLUG_CORE = (
    *("codes", "datatypes", "effects", "message", "metrics", "oddities", "payload", "properties"),
    *("rebirth", "sequence", "server", "session", "topic", "values"),
)
STAGES = ("ingest", "analytics", "api", "dashboards")


def lint(*options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([LINT_IMPORTS, "--no-cache", "--no-logo", *options], cwd=ROOT, capture_output=True, text=True)


def test_the_import_contracts_hold() -> None:
    said = lint()
    assert said.returncode == 0, said.stdout + said.stderr


def test_a_contract_that_does_not_hold_is_noticed(tmp_path: Path) -> None:
    config = tmp_path / "contracts.ini"
    config.write_text(
        "[importlinter]\nroot_packages =\n  ingest\n  store\n"
        "[importlinter:contract:1]\nname = ingest never uses the store\ntype = forbidden\n"
        "source_modules = ingest\nforbidden_modules = store\n"
    )
    said = lint("--config", str(config))
    assert said.returncode != 0
    assert "ingest never uses the store BROKEN" in said.stdout


def test_stages_meet_only_in_the_database() -> None:
    for stage in STAGES:
        for other in STAGES:
            if other == stage:
                continue
            allowed = "analytics.methods" if (stage, other) == ("api", "analytics") else None
            known = {
                module
                for name in modules(stage)
                for module in imports(parsed(name))
                if module.split(".")[0] == other and (allowed is None or not module.startswith(allowed))
            }
            assert not known, f"{stage} imports {known}"


def test_nothing_imports_the_command_line_and_the_embedded_stack() -> None:
    assert importers("batchwitness", *STAGES, "records", "store") == set()


def test_only_the_clients_of_ingest_the_broker_check_and_the_demo_plants_outbox_know_paho() -> None:
    assert importers("paho", *PACKAGES) == {
        "ingest/client.py",
        "ingest/sparkplug/client.py",
        "ingest/subscriber.py",
        "batchwitness/broker_check/probe.py",
        "batchwitness/plant/outbox.py",
    }


def test_only_the_drift_channel_knows_river() -> None:
    assert importers("river", *PACKAGES) == {"analytics/detectors/drift.py"}


def test_only_one_module_talks_to_a_grafana() -> None:
    assert importers("grafana_client", *PACKAGES) <= {"dashboards/grafana.py", "dashboards/command.py"}


def test_the_vocabulary_needs_nothing_but_the_standard_library() -> None:
    for name in modules("store/model"):
        for module in imports(parsed(name)):
            first = module.split(".")[0]
            assert first in sys.stdlib_module_names or module.startswith("store.model"), f"{name} imports {module}"


def test_detectors_and_methods_know_no_database_no_broker_and_no_clock() -> None:
    pure = (*modules("analytics/detectors"), *modules("analytics/methods"), "analytics/monitor.py")
    for name in pure:
        known = {module.split(".")[0] for module in imports(parsed(name))}
        assert not known & {"psycopg", "paho", "time", "datetime", "socket", "structlog"}, f"{name} imports {known}"


def test_what_a_sparkplug_message_means_needs_no_database_no_broker_and_no_clock() -> None:
    for name in SPARKPLUG_CORE:
        known = {module.split(".")[0] for module in imports(parsed(f"ingest/sparkplug/{name}.py"))}
        assert not known & {"psycopg", "paho", "time", "datetime", "random", "socket", "structlog"}, (
            f"{name} imports {known}"
        )


def test_imports_are_absolute() -> None:
    for name in modules(*PACKAGES):
        assert not [module for module in imports(parsed(name)) if module.startswith(".")], name
