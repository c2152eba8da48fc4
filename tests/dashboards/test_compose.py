"""The compose file and the image, as far as they can be checked without a container: every name leads somewhere."""

import fnmatch
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from analytics.settings import AnalyticsSettings
from api.settings import ApiSettings
from deploy.make_secrets import make_secrets
from ingest.settings import IngestSettings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("batchwitness:")}
GRAFANAS = {name: service for name, service in SERVICES.items() if service["image"].startswith("grafana/")}
ISSUED = {"grafana_floor_token", "grafana_review_token"}  # by the running system: docs/deployment.md
BASE = re.compile(r"^FROM (\S+)", re.MULTILINE)
COPIED = re.compile(r"^COPY (?!--from)(.+)$", re.MULTILINE)


def secrets_of(service: dict[str, Any]) -> dict[str, str]:
    """Declared name by the path at which the container finds it."""
    return {
        f"/run/secrets/{secret}" if isinstance(secret, str) else secret["target"]: secret
        if isinstance(secret, str)
        else secret["source"]
        for secret in service.get("secrets", [])
    }


def mounts_of(service: dict[str, Any]) -> dict[str, str]:
    """Source by target."""
    return {parts[1]: parts[0] for parts in (volume.split(":") for volume in service.get("volumes", []))}


def test_the_file_has_the_services_of_the_design() -> None:
    assert set(SERVICES) == {
        "database",
        "broker",
        "migrate",
        "ingest",
        "sparkplug",
        "analytics",
        "api",
        "grafana_floor",
        "grafana_review",
    }
    assert set(OURS) == {"migrate", "ingest", "sparkplug", "analytics", "api"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_version(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+[\w.-]*", SERVICES[name]["image"])


def test_the_plugin_is_pinned_to_a_version() -> None:
    for service in GRAFANAS.values():
        assert re.fullmatch(r"[\w-]+@\d+\.\d+\.\d+", service["environment"]["GF_PLUGINS_PREINSTALL_SYNC"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_that_stays_has_a_health_check(name: str) -> None:
    service = SERVICES[name]
    if service["restart"] == "no":
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_only_for_what_can_come_true(name: str) -> None:
    for other, waiting in SERVICES[name].get("depends_on", {}).items():
        ends = SERVICES[other]["restart"] == "no"
        assert waiting["condition"] == ("service_completed_successfully" if ends else "service_healthy")


@pytest.mark.parametrize("name", SERVICES)
def test_every_mounted_file_volume_and_network_exists(name: str) -> None:
    for target, source in mounts_of(SERVICES[name]).items():
        assert target.startswith("/")
        assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
    assert set(SERVICES[name]["networks"]) <= set(COMPOSE["networks"])


def test_every_secret_is_declared_used_and_made_by_the_script_or_issued_later(tmp_path: Path) -> None:
    used = {secret for service in SERVICES.values() for secret in secrets_of(service).values()}
    assert used == set(COMPOSE["secrets"])
    make_secrets(tmp_path / "secrets", tmp_path / "environment")
    for name, secret in COMPOSE["secrets"].items():
        path = Path(secret["file"])
        assert path.parent.as_posix() == "deploy/secrets"
        assert (tmp_path / "secrets" / path.name).exists() != (name in ISSUED)


@pytest.mark.parametrize("name", SERVICES)
def test_no_password_is_written_down_and_every_named_secret_is_mounted(name: str) -> None:
    service = SERVICES[name]
    for key, value in service.get("environment", {}).items():
        if re.search(r"PASS|SECRET|TOKEN", key):
            assert str(value).startswith("/run/secrets/"), key
        if str(value).startswith("/run/secrets/"):
            paths = secrets_of(service)
            assert value in paths or any(path.startswith(f"{value}/") for path in paths), key


def test_each_role_gets_the_password_its_stage_logs_in_with(tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets", tmp_path / "environment")
    for service in OURS.values():
        passfile = COMPOSE["secrets"][secrets_of(service)[service["environment"]["PGPASSFILE"]]]["file"]
        role, password = (tmp_path / "secrets" / Path(passfile).name).read_text().strip().split(":")[3:]
        assert role == service["environment"]["PGUSER"]
        file = "database_owner" if role == "batchwitness" else f"role_{role}"
        assert password == (tmp_path / "secrets" / file).read_text().strip()


def test_only_the_broker_the_api_and_grafana_can_be_reached_and_only_from_this_machine_unless_said() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"broker", "api", *GRAFANAS}
    for ports in published.values():
        assert all(port.startswith("${BATCHWITNESS_BIND:-127.0.0.1}:") for port in ports)
    hosts = [port.split(":")[-2] for ports in published.values() for port in ports]
    assert len(hosts) == len(set(hosts))


def test_the_database_is_on_no_network_that_leaves_the_machine() -> None:
    assert all(COMPOSE["networks"][network] == {"internal": True} for network in SERVICES["database"]["networks"])


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_change_nothing_and_become_nobody(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].startswith("${BATCHWITNESS_UID:?")


@pytest.mark.parametrize("name", OURS)
def test_the_command_of_a_service_is_in_the_command_line(name: str) -> None:
    [command] = OURS[name]["command"]
    result = subprocess.run(
        [sys.executable, "-m", "batchwitness", command, "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("name", "settings"), [("ingest", IngestSettings), ("analytics", AnalyticsSettings), ("api", ApiSettings)]
)
def test_a_stage_knows_every_setting_it_is_given(
    name: str, settings: type[IngestSettings | AnalyticsSettings | ApiSettings]
) -> None:
    for key in SERVICES[name]["environment"]:
        if key.startswith("BATCHWITNESS_"):
            assert key.removeprefix("BATCHWITNESS_").lower() in settings.model_fields


@pytest.mark.parametrize("name", OURS)
def test_a_stage_is_told_with_postgresql_as_libpq_is(name: str) -> None:
    expected = {"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSFILE", "PGSSLMODE"}
    assert {key for key in OURS[name]["environment"] if key.startswith("PG")} == expected
    assert OURS[name]["environment"]["PGHOST"] in SERVICES


@pytest.mark.parametrize("name", GRAFANAS)
def test_a_grafana_finds_what_its_provisioning_files_name(name: str) -> None:
    service, mounts = SERVICES[name], mounts_of(SERVICES[name])
    folder = ROOT / mounts["/etc/grafana/provisioning"]
    text = "".join(path.read_text() for path in folder.rglob("*.yaml"))
    for path in re.findall(r"\$__file\{([^}]+)\}", text):
        assert path in secrets_of(service)
    for variable in re.findall(r"\$\{(\w+)\}", text):
        assert variable in service["environment"]
    [provider] = yaml.safe_load((folder / "dashboards" / "batchwitness.yaml").read_text())["providers"]
    dashboards = ROOT / mounts[provider["options"]["path"]]
    assert list(dashboards.glob("*.json"))
    home = Path(service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (dashboards / home.name).exists()
    assert home.parent.as_posix() == provider["options"]["path"]


def test_only_the_floor_may_be_looked_at_without_a_login() -> None:
    anonymous = {name: service["environment"]["GF_AUTH_ANONYMOUS_ENABLED"] for name, service in GRAFANAS.items()}
    assert anonymous == {"grafana_floor": "true", "grafana_review": "false"}
    assert SERVICES["grafana_floor"]["environment"]["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert not set(mounts_of(SERVICES["grafana_floor"]).values()) & set(mounts_of(SERVICES["grafana_review"]).values())


def test_the_image_is_built_from_the_lock_holds_every_package_and_runs_as_nobody_in_particular() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert set(BASE.findall(text)) == {"python:3.11-slim"}
    assert text.count("--require-hashes") == 2
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    copied = {source for line in COPIED.findall(text) for source in line.split()[:-1]}
    assert {package.rstrip("*") for package in packages} <= copied
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE)[-1] == "10001:10001"
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in copied:
        top = [source, source.split("/")[0]]
        assert any(fnmatch.fnmatch(one, pattern) for one in top for pattern in allowed), source


def test_the_health_checks_that_containers_run_are_in_the_image() -> None:
    assert "COPY deploy/health /opt/batchwitness/health" in (ROOT / "Dockerfile").read_text()
    for name, service in OURS.items():
        if service["restart"] != "no":
            path, stage = service["healthcheck"]["test"][2:]
            assert (ROOT / "deploy" / Path(path).relative_to("/opt/batchwitness")).exists()
            assert stage == name


def test_secrets_are_closed_to_others_differ_from_each_other_and_are_made_only_once(tmp_path: Path) -> None:
    folder, environment = tmp_path / "secrets", tmp_path / "environment"
    written = make_secrets(folder, environment)
    assert folder.stat().st_mode & 0o777 == 0o700
    contents = {path.name: path.read_text() for path in written}
    assert len(set(contents.values())) == len(contents)
    for path in folder.glob("*.pgpass"):
        assert path.stat().st_mode & 0o777 == 0o600  # libpq ignores any other
    assert "BATCHWITNESS_UID=0" not in environment.read_text()
    assert make_secrets(folder, environment) == []
    assert {path.name: path.read_text() for path in written} == contents


def test_the_script_that_makes_secrets_runs_with_a_bare_python(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(ROOT / "deploy" / "make_secrets.py")]
    places = ["--directory", str(tmp_path / "secrets"), "--environment", str(tmp_path / "environment")]
    result = subprocess.run([*command, *places], capture_output=True, text=True, cwd=tmp_path, env={**os.environ})
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "secrets" / "database_owner").read_text().strip() not in result.stdout


def test_secrets_are_kept_out_of_the_repository() -> None:
    for path in ("deploy/secrets/database_owner", ".env"):
        result = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT)
        assert result.returncode == 0, f"{path} could be committed"
