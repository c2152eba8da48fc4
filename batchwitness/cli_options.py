"""Options that commands of several files have."""

from pathlib import Path
from typing import Annotated

import typer

Var = Annotated[Path, typer.Option("--var", envvar="BATCHWITNESS_VAR", help="Where everything embedded lives.")]
