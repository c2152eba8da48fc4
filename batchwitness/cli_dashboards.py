"""The commands below `dashboards`: build, check, push, and the token of a Grafana's data source."""

from pathlib import Path
from typing import Annotated

import typer

from batchwitness.cli_options import Var

dashboards = typer.Typer(no_args_is_help=True, help="Grafana dashboards as code.")


@dashboards.command()
def build() -> None:
    """Write the dashboards' JSON anew."""
    from dashboards.command import run_build

    raise typer.Exit(run_build())


@dashboards.command()
def check(
    url: Annotated[str | None, typer.Option(help="A running Grafana to look at as well.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="Holds the token of a service account there.", exists=True, dir_okay=False)
    ] = None,
    service: Annotated[str, typer.Option(help="Which Grafana it is: floor or review.")] = "review",
) -> None:
    """Check the dashboards, and a running Grafana when its address is given."""
    from dashboards.command import run_check

    raise typer.Exit(run_check(url, token=_content(token_file), service=service))


@dashboards.command()
def push(
    batch: Annotated[str, typer.Argument(help="The batch whose alerts are pushed.")],
    url: Annotated[str, typer.Option(help="The Grafana.")],
    token_file: Annotated[
        Path, typer.Option(help="Holds the token of a service account there.", exists=True, dir_okay=False)
    ],
    api_token_file: Annotated[
        Path, typer.Option(help="Holds a token of scope review for the API.", exists=True, dir_okay=False)
    ],
    api_url: Annotated[str, typer.Option(help="The API.")] = "http://127.0.0.1:8000",
) -> None:
    """Put the alerts of a batch into a Grafana's annotations; again changes nothing."""
    from dashboards.command import run_push

    token, api_token = _content(token_file), _content(api_token_file)
    raise typer.Exit(run_push(url, token=token, api_url=api_url, api_token=api_token, batch=batch))


@dashboards.command()
def token(
    service: Annotated[str, typer.Argument(help="Whose data source it is for: floor or review.")],
    by: Annotated[str, typer.Option(help="Who issues it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    days: Annotated[int, typer.Option(help="After which it ends.", min=1)] = 365,
    var: Var = Path("var"),
) -> None:
    """Print a new token for a Grafana's data source. It is shown once."""
    from batchwitness.connecting import dsn
    from dashboards.command import run_token

    raise typer.Exit(run_token(dsn(var, "api"), service=service, days=days, by=by, reason=reason))


def _content(file: Path | None) -> str:
    return "" if file is None else file.read_text(encoding="utf-8").strip()
