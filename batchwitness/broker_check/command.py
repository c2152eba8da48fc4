"""`batchwitness broker-check HOST`: try what ingest relies on against a broker, and say what each answer means."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from batchwitness.broker_check import checks
from batchwitness.broker_check.finding import Finding, Grade
from batchwitness.broker_check.ground import Ground
from batchwitness.broker_check.probe import NoConnection, version_of
from batchwitness.broker_check.restart import not_restarted, restart
from ingest.settings import IngestSettings
from store.errors import SettingsContradict

FIRST = (checks.subscription, checks.publishing)  # without these nothing else can be tried
REST = (
    checks.session_expiry,
    checks.persistent_session,
    checks.offline_queue,
    checks.redelivery,
    checks.receive_maximum,
    checks.largest_message,
    checks.retained,
)
STYLES = {Grade.PASS: "green", Grade.WARN: "yellow", Grade.FAIL: "red", Grade.NOT_TESTED: "dim"}

RestartBroker = Callable[[], str | None]


def run(
    settings: IngestSettings,
    *,
    publish_user: str | None = None,
    publish_password_file: Path | None = None,
    messages: int = 2_000,
    restart_broker: RestartBroker | None = None,
) -> int:
    """Print the table; 0 when nothing failed, 1 when something did, 2 when the broker cannot be reached at all."""
    publishing = settings
    if publish_user is not None:
        publishing = settings.model_copy(
            update={"mqtt_user": publish_user, "mqtt_password_file": publish_password_file}
        )
    where = f"{settings.mqtt_host}:{settings.mqtt_port}"
    try:
        ground = Ground(settings=settings, publishing=publishing, version=version_of(settings), messages=messages)
        sys.stderr.write(f"checking {where} on topic {ground.topic} …\n")
        findings = list(_reported(findings_of(ground, restart_broker)))
    except (NoConnection, SettingsContradict) as error:
        sys.stderr.write(f"{where}: {error}\n")
        return 2
    Console().print(_table(findings))
    return 1 if any(finding.grade is Grade.FAIL for finding in findings) else 0


def findings_of(ground: Ground, restart_broker: RestartBroker | None) -> Iterator[Finding]:
    """Every check in turn; nothing after one that makes the rest impossible. Leaves nothing at the broker."""
    try:
        yield checks.version(ground)
        for check in FIRST:
            finding = check(ground)
            yield finding
            if finding.grade is Grade.FAIL:
                return
        for check in REST:
            yield check(ground)
        yield not_restarted() if restart_broker is None else restart(ground, restart_broker)
    finally:
        ground.forget()


def restart_with(command: str) -> RestartBroker:
    """A restart by running a command, which returns when the broker is on its way up again."""

    def run_command() -> str | None:
        try:
            subprocess.run(shlex.split(command), check=True, stdout=sys.stderr)
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            return f"the command failed: {error}"
        return None

    return run_command


def restart_by_hand() -> str | None:
    """Ask the person at the terminal to do it."""
    sys.stderr.write("Restart the broker now, then press Enter (Ctrl-D to leave it out). ")
    sys.stderr.flush()
    return None if sys.stdin.readline() else "nobody restarted it"


def _reported(findings: Iterator[Finding]) -> Iterator[Finding]:
    for finding in findings:
        sys.stderr.write(f"  {finding.check}: {finding.grade}\n")
        yield finding


def _table(findings: list[Finding]) -> Table:
    table = Table("check", "", "seen")
    table.add_column("what it means", overflow="fold")
    for finding in findings:
        table.add_row(finding.check, f"[{STYLES[finding.grade]}]{finding.grade}[/]", finding.seen, finding.meaning)
    return table
