"""docs/settings.md is what the settings classes, the command line and the environment reads say."""

import re

import pytest

from tests.architecture.source import ROOT, tracked
from tests.docs.page import page, section
from tests.docs.settings_tables import STAGES, command_table, option_table, stage_table

PAGE = "docs/settings.md"
OURS = re.compile(r"\bBATCHWITNESS_[A-Z_]+\b")
LIBPQ = re.compile(r"""(?<![\w.])PG[A-Z]{3,}\b(?!\\n)""")
PRODUCT = ("analytics/", "api/", "batchwitness/", "dashboards/", "deploy/", "ingest/", "records/", "store/")
TOP = ("docker-compose.yml", "Dockerfile", "Makefile")


def table(heading: str) -> list[str]:
    """The first table below a heading."""
    lines = section(page(PAGE), f"## {heading}").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rest = lines[first:]
    return rest[: next((number for number, line in enumerate(rest) if not line.startswith("|")), len(rest))]


def used(pattern: re.Pattern[str]) -> set[str]:
    """The variables that the product, its image and its compose file speak of."""
    names: set[str] = set()
    for name in tracked():
        if name in TOP or (name.startswith(PRODUCT) and name.endswith((".py", ".yaml", ".yml", ".sh"))):
            names.update(pattern.findall((ROOT / name).read_text(encoding="utf-8")))
    return names


def settings() -> set[str]:
    return {f"BATCHWITNESS_{field}".upper() for stage in STAGES.values() for field in stage.model_fields}


@pytest.mark.parametrize("stage", STAGES)
def test_every_setting_of_a_stage_is_documented_as_it_is(stage: str) -> None:
    assert table(stage) == stage_table(stage)


def test_every_command_is_documented_as_it_is() -> None:
    assert table("Commands") == command_table()


def test_every_option_is_documented_as_it_is() -> None:
    assert table("Options") == option_table()


def test_every_variable_of_ours_is_documented_and_no_other() -> None:
    assert set(OURS.findall(page(PAGE))) == used(OURS) | settings()


def test_every_variable_of_libpq_that_we_speak_of_is_documented_and_no_other() -> None:
    assert set(LIBPQ.findall(page(PAGE))) == used(LIBPQ)


def test_every_setting_says_what_it_means() -> None:
    rows = [row for stage in STAGES for row in stage_table(stage)[2:]]
    assert rows
    assert [row for row in rows if row.endswith("|  |")] == []


def test_defaults_shown_are_those_a_stage_starts_with(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings():
        monkeypatch.delenv(name, raising=False)
    for stage, kind in STAGES.items():
        values = kind().model_dump()
        for row, value in zip(stage_table(stage)[2:], values.values(), strict=True):
            shown = row.split(" | ")[1]
            assert shown == ("none" if value is None else f"`{value}`"), row
