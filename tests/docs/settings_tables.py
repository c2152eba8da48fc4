"""The tables of docs/settings.md as the code would write them: `python -m tests.docs.settings_tables` prints them."""

import sys
from typing import Any, Literal, get_args, get_origin

import typer.main
from annotated_types import Ge, Gt, Le, Lt
from pydantic_settings import BaseSettings

from analytics.settings import AnalyticsSettings
from api.settings import ApiSettings
from batchwitness.cli import app
from ingest.settings import IngestSettings
from ingest.sparkplug.settings import SparkplugSettings

STAGES: dict[str, type[BaseSettings]] = {
    "ingest": IngestSettings,
    "sparkplug": SparkplugSettings,
    "analytics": AnalyticsSettings,
    "api": ApiSettings,
}
BOUNDS = {Ge: ("ge", "≥"), Gt: ("gt", ">"), Le: ("le", "≤"), Lt: ("lt", "<")}


def stage_table(stage: str) -> list[str]:
    """One row for each setting of a stage, in the order of its class."""
    prefix = STAGES[stage].model_config.get("env_prefix", "")
    rows = ["| variable | default | allowed | meaning |", "|---|---|---|---|"]
    for name, field in STAGES[stage].model_fields.items():
        cells = [
            f"`{(prefix + name).upper()}`",
            _shown(field.default),
            _allowed(field.annotation, field.metadata),
            field.description or "",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def command_table() -> list[str]:
    """One row for each command."""
    rows = ["| command | does |", "|---|---|"]
    return rows + [f"| `{path}` | {command.help} |" for path, command in _commands()]


def option_table() -> list[str]:
    """One row for each argument and option of each command."""
    rows = ["| command | option | variable | default | meaning |", "|---|---|---|---|---|"]
    for path, command in _commands():
        for parameter in command.params:
            option = parameter.param_type_name == "option"
            cells = [
                f"`{path}`",
                f"`{'`, `'.join(parameter.opts)}`" if option else f"`{parameter.name.upper()}`",
                f"`{parameter.envvar}`" if parameter.envvar else "",
                "required" if parameter.required else _shown(parameter.default or None),
                parameter.help,
            ]
            rows.append(f"| {' | '.join(cells)} |")
    return rows


def _commands() -> list[tuple[str, Any]]:
    """Every command with its name as it is typed; typer brings its own copy of click, which nobody can name."""
    found: list[tuple[str, Any]] = []
    waiting: list[tuple[str, Any]] = [("", typer.main.get_command(app))]
    while waiting:
        path, command = waiting.pop(0)
        if hasattr(command, "commands"):
            waiting += [(f"{path} {name}".strip(), inner) for name, inner in command.commands.items()]
        else:
            found.append((path, command))
    return found


def _shown(default: Any) -> str:
    return "none" if default is None else f"`{default}`"


def _allowed(annotation: Any, metadata: list[Any]) -> str:
    choices = [choice for part in (annotation, *get_args(annotation)) for choice in _choices(part)]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    bounds = []
    for item in metadata:
        for kind, (attribute, sign) in BOUNDS.items():
            if isinstance(item, kind):
                bounds.append(f"{sign} {getattr(item, attribute)}")
    return ", ".join(bounds)


def _choices(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


if __name__ == "__main__":
    for stage in STAGES:
        sys.stdout.write(f"## {stage}\n\n" + "\n".join(stage_table(stage)) + "\n\n")
    sys.stdout.write("\n".join(["## Commands", "", *command_table(), "", "## Options", "", *option_table(), ""]))
