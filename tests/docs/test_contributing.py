"""What contributors are told to run exists, and the hooks before a commit run what `make check` runs."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.docs.page import ROOT, page

HOOKS: dict[str, Any] = yaml.safe_load(page(".pre-commit-config.yaml"))
MAKEFILE = page("Makefile")
TARGETS = set(re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.MULTILINE))


def checked_by_make() -> set[str]:
    """The commands of `make check`, as a shell would see them."""
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe is not None
    packages = re.search(r"^PACKAGES := (.+)$", MAKEFILE, re.MULTILINE)
    assert packages is not None
    commands = recipe[1].replace("$(BIN)", ".venv/bin").replace("$(PACKAGES)", packages[1])
    return {line.strip().lstrip("@") for line in commands.splitlines()}


def test_every_target_that_is_named_is_in_the_makefile() -> None:
    named = set(re.findall(r"\bmake ([a-z]+)\b", page("CONTRIBUTING.md")))
    assert {"test", "check", "demo", "generate"} <= named
    assert named <= TARGETS


def test_every_target_for_people_is_explained() -> None:
    assert {"test", "check", "format", "demo", "bench", "generate", "lock"} <= set(
        re.findall(r"^ {4}make ([a-z]+) +#", page("CONTRIBUTING.md"), re.MULTILINE)
    )


def test_the_hooks_run_what_make_check_runs() -> None:
    assert {hook["entry"] for repository in HOOKS["repos"] for hook in repository["hooks"]} == checked_by_make()


def test_the_hooks_fetch_nothing_from_elsewhere() -> None:
    assert [repository["repo"] for repository in HOOKS["repos"]] == ["local"]
    assert {hook["language"] for repository in HOOKS["repos"] for hook in repository["hooks"]} == {"system"}


def test_the_hooks_are_what_pre_commit_understands() -> None:
    said = subprocess.run(
        [Path(sys.executable).parent / "pre-commit", "validate-config", ROOT / ".pre-commit-config.yaml"],
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stdout + said.stderr
