"""What is computed live has the same bits on every processor."""

import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analytics.exact import exp, log
from tests.analytics import tank

ULPS = 3


def test_log_and_exp_are_within_three_units_in_the_last_place() -> None:
    rng = np.random.default_rng(3)
    for x in np.exp(rng.uniform(-700, 700, 20_000)).tolist() + rng.uniform(0.5, 2.0, 20_000).tolist():
        assert abs(log(x) - math.log(x)) <= ULPS * math.ulp(math.log(x))
    for x in rng.uniform(-700, 709, 20_000).tolist() + rng.uniform(-1, 1, 20_000).tolist():
        assert abs(exp(x) - math.exp(x)) <= ULPS * math.ulp(math.exp(x))


def test_what_has_no_logarithm_has_none_and_extremes_stay_in_range() -> None:
    assert all(math.isnan(log(x)) for x in (0.0, -1.0, math.nan, math.inf))
    assert (exp(-1000.0), exp(1000.0)) == (0.0, math.inf)
    assert math.isnan(exp(math.nan))
    assert log(math.ulp(0.0)) == pytest.approx(-744.44, abs=0.01)


PROGRAM = """
import hashlib, pickle, sys
from analytics.exact import exp, log
from analytics.reference import ReferenceModel
from tests.analytics import tank

model, stream = (open(name, "rb").read() for name in sys.argv[1:])
reference = ReferenceModel.from_bytes(model)
assert {"hotelling_t2", "spe", "own_past", "pace"} < set(reference.trajectory.limits)
watching = tank.monitor(reference)
told = watching.feed(pickle.loads(stream))
assert told
numbers = [f(step / 97.0) for step in range(1, 50_000) for f in (log, exp)]
print(hashlib.sha256(repr((told, numbers)).encode() + watching.to_bytes()).hexdigest())
"""
PLAIN = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-AVX2,-FMA4", "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4"}


def test_DETECT_1_alerts_and_state_do_not_depend_on_the_processor(tmp_path: Path) -> None:
    # Learned and simulated once: only what is computed live must be the same everywhere.
    (tmp_path / "model").write_bytes(tank.reference(tank.WHOLE_COURSES).to_bytes())
    (tmp_path / "stream").write_bytes(pickle.dumps(tank.stream_of(tank.run_of(503, delivered=0.8, sensor=0.1))))
    said = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, tmp_path / "model", tmp_path / "stream"],
            env=os.environ | features,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for features in ({}, PLAIN)
    }
    assert len(said) == 1
