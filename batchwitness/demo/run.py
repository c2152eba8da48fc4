"""`batchwitness demo`: fresh machine to running system, with a plant that tells its story at accelerated time."""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from rich.console import Console

from batchwitness.demo.live import Live
from batchwitness.demo.preparation import Preparation
from batchwitness.demo.state import DemoState
from batchwitness.demo.summary import Outcome, look, show
from batchwitness.embedded.child import CannotRun
from batchwitness.embedded.database import MissingRole
from batchwitness.embedded.stack import Stack
from batchwitness.embedded.supervisor import AlreadyRunning
from batchwitness.embedded.up import Stopped, stopped_by_signals
from store.migrate import migrate

SEED = 1
SETTLE_WITHIN_S = 90.0
LOOK_EVERY_S = 0.5


def run(var: Path, *, api_port: int, mqtt_port: int, leave: bool, rate: float, interval_s: float) -> int:
    """Bring everything up, publish the story, report. Until Ctrl-C, or with `leave` until the summary.

    0 when all that was published is stored exactly once; 1 when it is not or when something cannot start.
    """
    console, err = Console(highlight=False), Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    var = var.absolute()
    state_file = var / "demo.json"
    state = DemoState.load(state_file) or DemoState(
        seed=SEED, end=datetime.now(UTC) - timedelta(minutes=1), interval_s=interval_s
    )
    preparation = Preparation(state, state_file, console, rate=rate)
    with stopped_by_signals():
        try:
            stack = Stack(
                var,
                migrate=migrate,
                api_port=api_port,
                mqtt_port=mqtt_port,
                prepare=preparation.prepare,
                say=err.print,
            )
            for warning in stack.broker.warnings:
                err.print(f"warning: {warning}")
            console.print("starting PostgreSQL and the MQTT broker …")
            with preparation, stack:
                return _tell(stack, preparation, state_file, console, leave=leave)
        except Stopped:
            console.print("stopped; the next start continues with the same data")
            return 0
        except (CannotRun, AlreadyRunning, MissingRole) as error:
            err.print(str(error))
            return 1


def _tell(stack: Stack, preparation: Preparation, state_file: Path, console: Console, *, leave: bool) -> int:
    console.print(f"\n  live page   [bold]{stack.api_url}[/bold]")
    for account in preparation.accounts(stack):
        console.print(f"  sign in as  [bold]{account.name}[/bold] / {account.password}   ({account.what_for})")
    console.print()
    with psycopg.connect(stack.dsn("batchwitness_api"), autocommit=True) as connection:
        state = Live(preparation.publishing(), state_file, console).follow(connection)
        outcome = _settled(connection, state)
        show(connection, outcome, state, console)
        if leave:
            return 0 if outcome.exact else 1
        console.print(f"\nThe system keeps running at {stack.api_url}. Ctrl-C stops everything in order.")
        while stack.running:
            time.sleep(LOOK_EVERY_S)
    sys.stderr.write("the supervisor ended by itself: see the logs\n")
    return 1


def _settled(connection: psycopg.Connection, state: DemoState) -> Outcome:
    """Wait until everything published is stored and every consumer has caught up, or for SETTLE_WITHIN_S."""
    deadline = time.monotonic() + SETTLE_WITHIN_S
    while True:
        outcome = look(connection, state)
        if (outcome.exact and outcome.behind == 0) or time.monotonic() > deadline:
            return outcome
        time.sleep(LOOK_EVERY_S)
