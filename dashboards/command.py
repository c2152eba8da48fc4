"""What `batchwitness dashboards build | check | push | token` does; each function returns the exit status."""

import tempfile
import time
import urllib.error
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import typer
from grafana_client.client import GrafanaException
from niquests.exceptions import RequestException

from dashboards.build import CONTENTS, JSON, build
from dashboards.check import check
from dashboards.grafana import alerts_of, check_running, push_annotations
from records.actors import Role, TokenScope, add_machine, issue_token
from store.errors import BatchwitnessError, Conflict, translated

PACKAGE = Path(__file__).parent
ROLES = {TokenScope.FLOOR: Role.FLOOR, TokenScope.REVIEW: Role.VIEWER}


def run_build() -> int:
    """Write the JSON of every dashboard beside the code."""
    for path in build(JSON):
        typer.echo(path)
    return 0


def run_check(url: str | None = None, *, token: str = "", service: str = "review") -> int:
    """Check the files; with `url` also whether the Grafana there, of `service` floor or review, shows them."""
    faults = [*check(PACKAGE), *stale(PACKAGE)]
    if url is not None:
        faults += check_running(url, token, service=service, directory=PACKAGE)
    for fault in faults:
        typer.echo(fault, err=True)
    typer.echo(f"{len(CONTENTS)} dashboards, {len(faults)} faults")
    return 1 if faults else 0


def run_push(url: str, *, token: str, api_url: str, api_token: str, batch: str) -> int:
    """Push the alerts of a batch, from its beginning until now, into the Grafana at `url` as annotations."""
    try:
        alerts = alerts_of(api_url, api_token, batch=batch, from_ms=0, to_ms=time.time_ns() // 1_000_000)
        pushed = push_annotations(url, token, alerts)
    except (GrafanaException, RequestException, urllib.error.URLError) as error:
        typer.echo(f"not everything was pushed: {error}", err=True)
        return 1
    typer.echo(f"{pushed.added} added, {pushed.updated} updated, {pushed.unchanged} unchanged")
    return 0


def run_token(dsn: str, *, service: str, days: int, by: str, reason: str) -> int:
    """Print a new bearer token for the data source of the Grafana `service`, floor or review, that ends after `days`.

    The machine it belongs to is added the first time, with the one role its dashboards need. Shown once: the
    database keeps only its digest. `dsn` may be empty: libpq's PG* variables say where the database is.
    """
    name = f"grafana-{service}"
    try:
        with translated(), psycopg.connect(dsn) as connection:
            try:
                with connection.transaction():
                    add_machine(
                        connection,
                        name=name,
                        printed_name=f"Grafana {service}",
                        roles=[ROLES[TokenScope(service)]],
                        by=by,
                        reason=reason,
                    )
            except Conflict:
                typer.echo(f"{name} exists; its earlier tokens stay valid until they end or are revoked", err=True)
            token = issue_token(
                connection,
                actor_name=name,
                scope=service,
                expires=datetime.now(UTC) + timedelta(days=days),
                by=by,
                reason=reason,
            )
    except (BatchwitnessError, ValueError) as error:
        typer.echo(str(error), err=True)
        return 1
    typer.echo(token)
    return 0


def stale(directory: Path) -> list[str]:
    """The generated files that are not what the code would write now, and those the code knows nothing of."""
    with tempfile.TemporaryDirectory() as fresh:
        written = {path.relative_to(fresh).as_posix(): path.read_bytes() for path in build(Path(fresh))}
    kept = {
        path.relative_to(directory / "json").as_posix(): path.read_bytes()
        for path in (directory / "json").rglob("*.json")
    }
    return [
        f"json/{name} is not what the code writes: run `make generate`"
        for name in sorted(written.keys() | kept.keys())
        if written.get(name) != kept.get(name)
    ]
