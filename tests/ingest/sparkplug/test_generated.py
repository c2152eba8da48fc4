"""The code that reads the wire is what the schema in the repository says."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

SCHEMA = "ingest/sparkplug/sparkplug_b.proto"


@pytest.mark.parametrize("kind", ["py", "pyi"])
def test_the_generated_code_is_that_of_the_schema(tmp_path: Path, kind: str) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    made = subprocess.run([*command, SCHEMA], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    name = f"ingest/sparkplug/sparkplug_b_pb2.{kind}"
    assert (tmp_path / name).read_text() == (ROOT / name).read_text(), "run make generate"
