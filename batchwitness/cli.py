"""The command line. A stage is imported only when it runs, so that help stays fast and a stage needs only its own."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from batchwitness.cli_dashboards import dashboards
from batchwitness.cli_options import Also, Var
from batchwitness.cli_references import draft_reference

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(dashboards, name="dashboards")

ApiPort = Annotated[int, typer.Option(envvar="BATCHWITNESS_API_PORT", help="Of the API and the pages; 0: a free one.")]
MqttPort = Annotated[int, typer.Option(envvar="BATCHWITNESS_MQTT_PORT", help="Of the embedded broker; 0: a free one.")]


@app.command()
def demo(
    var: Var = Path("var"),
    api_port: ApiPort = 8000,
    mqtt_port: MqttPort = 1883,
    *,
    leave: Annotated[
        bool, typer.Option("--exit", help="Stop after the summary; status 1 if anything is amiss.")
    ] = False,
    rate: Annotated[float, typer.Option(help="Plant seconds a host second.", min=1.0)] = 7200.0,
    interval: Annotated[
        int, typer.Option(help="Plant minutes between readings of a running batch, kept from the first start.", min=1)
    ] = 1,
) -> None:
    """The whole system with a demo plant that publishes at accelerated time."""
    from batchwitness.demo.run import run

    raise typer.Exit(
        run(var, api_port=api_port, mqtt_port=mqtt_port, leave=leave, rate=rate, interval_s=60.0 * interval)
    )


@app.command()
def up(var: Var = Path("var"), api_port: ApiPort = 8000, mqtt_port: MqttPort = 1883) -> None:
    """The embedded stack without the demo plant: PostgreSQL, broker, all stages."""
    from batchwitness.embedded.up import up as run
    from store.migrate import migrate as apply

    raise typer.Exit(run(var, migrate=apply, api_port=api_port, mqtt_port=mqtt_port))


@app.command()
def ingest() -> None:
    """The ingest stage: broker to store."""
    from batchwitness.embedded.stage import announce
    from batchwitness.logs import log_to_stderr
    from ingest.main import run

    log_to_stderr()
    raise typer.Exit(run(announce))


@app.command()
def sparkplug() -> None:
    """The Sparkplug host: edge nodes to store."""
    from batchwitness.embedded.stage import announce
    from batchwitness.logs import log_to_stderr
    from ingest.sparkplug.main import run

    log_to_stderr()
    raise typer.Exit(run(announce))


@app.command()
def analytics() -> None:
    """The analytics stage: journal to alerts."""
    from analytics.main import run
    from batchwitness.embedded.stage import announce
    from batchwitness.logs import log_to_stderr

    log_to_stderr()
    raise typer.Exit(run(announce))


@app.command()
def api() -> None:
    """The API stage: pages, JSON, Grafana."""
    from api.main import run
    from batchwitness.logs import log_to_stderr

    log_to_stderr()
    raise typer.Exit(run())


@app.command()
def migrate() -> None:
    """Bring the schema of the database that PG* names up to date, as its owner."""
    from batchwitness.migration import run

    raise typer.Exit(run())


@app.command()
def broker_check(
    host: Annotated[str, typer.Argument(help="The broker's host.")],
    port: Annotated[int | None, typer.Option(help="Its port, where it is not that of ingest's settings.")] = None,
    *,
    publish_user: Annotated[
        str | None, typer.Option(help="Who publishes for the check, where ingest's user must not.")
    ] = None,
    publish_password_file: Annotated[
        Path | None, typer.Option(help="Holds the password of that user.", exists=True, dir_okay=False)
    ] = None,
    messages: Annotated[int, typer.Option(help="Published for an absent session.", min=10, max=60_000)] = 2_000,
    restart_with: Annotated[str | None, typer.Option(help="A command that restarts the broker.")] = None,
    restart_by_hand: Annotated[bool, typer.Option("--restart-by-hand", help="Ask for a restart.")] = False,
) -> None:
    """Try what ingest relies on against a broker, with ingest's credentials, and say what each answer means."""
    from batchwitness.broker_check import command
    from ingest.settings import IngestSettings

    settings = IngestSettings().model_copy(update={"mqtt_host": host, **({} if port is None else {"mqtt_port": port})})
    by_hand = command.restart_by_hand if restart_by_hand else None
    raise typer.Exit(
        command.run(
            settings,
            publish_user=publish_user,
            publish_password_file=publish_password_file,
            messages=messages,
            restart_broker=by_hand if restart_with is None else command.restart_with(restart_with),
        )
    )


@app.command()
def broker_acl(
    var: Var = Path("var"),
    *,
    reader: Annotated[str, typer.Option(help="The user ingest has at the broker.")] = "ingest",
    host: Annotated[str, typer.Option(help="The user the Sparkplug host has at the broker.")] = "sparkplug",
) -> None:
    """Print the broker's access rules that hold registered publishers, and edge nodes, to what is theirs."""
    from batchwitness.broker_acl import run

    raise typer.Exit(run(var, reader=reader, host=host))


@app.command()
def batches(
    var: Var = Path("var"), *, as_json: Annotated[bool, typer.Option("--json", help="A JSON array.")] = False
) -> None:
    """What is in the record."""
    from batchwitness.listing import run

    raise typer.Exit(run(var, as_json=as_json))


@app.command()
def configure(
    file: Annotated[Path, typer.Argument(help="Master data as JSON.", exists=True, dir_okay=False)],
    by: Annotated[str, typer.Option(help="Who changes it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    var: Var = Path("var"),
) -> None:
    """Load master data: sites, units, tags, products, processes, limits. Loading it again changes nothing."""
    from batchwitness.configuration import run

    raise typer.Exit(run(var, file, by=by, reason=reason))


app.command()(draft_reference)


@app.command("import")
def import_(
    directory: Annotated[Path, typer.Argument(help="Holds the files.", exists=True, file_okay=False)],
    mapping: Annotated[
        Path | None, typer.Option(help="Says what the files mean; mapping.toml in the directory unless given.")
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show how the files are understood; write nothing.")
    ] = False,
    by: Annotated[str, typer.Option(help="Who imports.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    var: Var = Path("var"),
) -> None:
    """History from CSV and Parquet files, and records kept on paper. Importing again changes nothing."""
    from batchwitness.importing.command import run

    raise typer.Exit(run(var, directory, mapping=mapping, dry_run=dry_run, by=by, reason=reason))


@app.command()
def user(
    name: Annotated[str, typer.Argument(help="The account's name; never given to anybody else later.")],
    role: Annotated[list[str], typer.Option(help="viewer, operator, msat, qa, admin or identity; may be repeated.")],
    printed_name: Annotated[str, typer.Option(help="As it appears beside signatures.")],
    by: Annotated[str, typer.Option(help="Who adds it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    var: Var = Path("var"),
) -> None:
    """Add a person. The password is read from the terminal or from standard input."""
    from batchwitness.accounts import run_user

    raise typer.Exit(run_user(var, name=name, roles=role, printed_name=printed_name, by=by, reason=reason))


@app.command()
def laboratory(
    name: Annotated[str, typer.Argument(help="The machine's name; never given to anybody else later.")],
    by: Annotated[str, typer.Option(help="Who issues it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    days: Annotated[int, typer.Option(help="How long the token is valid.", min=1, max=3650)] = 365,
    var: Var = Path("var"),
) -> None:
    """Print a new token for a laboratory's machine: it states results and opens nothing else. It is shown once."""
    from batchwitness.accounts import run_laboratory

    raise typer.Exit(run_laboratory(var, name=name, days=days, by=by, reason=reason))


@app.command()
def shut_out(
    name: Annotated[str, typer.Argument(help="A person's or a machine's.")],
    by: Annotated[str, typer.Option(help="Who does it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    var: Var = Path("var"),
) -> None:
    """Shut a person or a machine out at once, with all sessions and tokens."""
    from batchwitness.accounts import run_shut_out

    raise typer.Exit(run_shut_out(var, name=name, by=by, reason=reason))


@app.command("replay")
def replay_(
    alert: Annotated[int | None, typer.Argument(min=1, max=2**63 - 1, help="Its number, as its page says.")] = None,
    batch: Annotated[
        str | None, typer.Option(help="All alerts of a batch; of all batches unless either is given.")
    ] = None,
    var: Var = Path("var"),
) -> None:
    """Compute alerts anew, compare them bit for bit: status 1 where one differs, 2 where it needs another version."""
    from batchwitness.replaying import run, run_alert

    if alert is not None and batch is not None:
        raise typer.BadParameter("an alert or a batch, not both", param_hint="--batch")
    raise typer.Exit(run(var, batch) if alert is None else run_alert(var, alert))


@app.command()
def evaluate(
    directory: Annotated[Path, typer.Argument(help="A data set as docs/detection.md describes it.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    alerts: Annotated[Path | None, typer.Option(help="Write the alerts to this file, .csv or .json.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page with pictures to this file.")] = None,
    ablation: Annotated[bool, typer.Option(help="Once more without each family of channels.")] = False,
    also: Also = None,
) -> None:
    """Run the live detection over a data set and score it."""
    from analytics.evaluating import run

    raise typer.Exit(
        run(directory, as_json=as_json, alerts_file=alerts, report_file=report, ablation=ablation, also=also or ())
    )


if __name__ == "__main__":
    sys.exit(app())
