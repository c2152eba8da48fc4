"""Options that commands of several files have."""

from pathlib import Path
from typing import Annotated

import typer

from analytics.template import Further

Var = Annotated[Path, typer.Option("--var", envvar="BATCHWITNESS_VAR", help="Where everything embedded lives.")]
Also = Annotated[list[Further] | None, typer.Option(help="Watch this family of channels too; repeatable.")]
