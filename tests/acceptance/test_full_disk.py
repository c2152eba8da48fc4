"""The disk of the write-ahead log runs full while the plant speaks: PostgreSQL cannot live, and nothing is lost."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from batchwitness.embedded.supervisor import State
from tests.acceptance.record import assert_stored_exactly_once
from tests.acceptance.story import LIVE_BATCHES, Story
from tests.acceptance.system import Prepared, System
from tests.fix_disk import SmallDisk, mounted_disk
from tests.fix_postgres import short_directory
from tests.support import eventually

LOG = Path("postgres", "cluster", "pg_wal")
ROOM_MB = 64  # four segments of the log beyond what it holds


@pytest.fixture
def system_on_small_disk(prepared: Prepared) -> Iterator[tuple[System, SmallDisk]]:
    """A system whose write-ahead log has a disk of its own."""
    directory = short_directory()
    system = System(prepared, directory)
    log = system.stack.var / LOG
    try:
        with mounted_disk(f"{_megabytes(log) + ROOM_MB}M") as disk:
            shutil.copytree(log, disk / "log")
            owner = (prepared.var / LOG).stat()  # a copy belongs to us until the server is started
            for path in (disk / "log", *(disk / "log").rglob("*")):
                shutil.chown(path, owner.st_uid, owner.st_gid)
            (disk / "log").chmod(0o700)
            shutil.rmtree(log)
            log.symlink_to(disk / "log")
            with system.stack:
                yield system, SmallDisk(disk)
    finally:
        shutil.rmtree(directory)


def test_INGEST_2_a_disk_full_under_the_write_ahead_log_is_waited_for_and_nothing_is_lost(
    system_on_small_disk: tuple[System, SmallDisk], story: Story
) -> None:
    system, disk = system_on_small_disk
    with system.publishing(story.live) as plant:
        eventually(lambda: plant.acknowledged.messages > len(plant.messages) / 4, within_s=60, what="the plant speaks")
        disk.fill()
        _write_until_it_ends(system.stack.dsn("postgres"))
        eventually(lambda: system.status("postgres").restarts >= 2, within_s=60, what="a start that found no room")
        assert system.status("postgres").state is not State.RUNNING
        assert system.status("ingest").pid is not None
        disk.free()
        eventually(lambda: system.status("postgres").state is State.RUNNING, within_s=60, what="PostgreSQL runs again")
    system.settle(readings=story.readings, batches=LIVE_BATCHES)
    assert_stored_exactly_once(system, (*story.history, *story.live))


def _write_until_it_ends(superuser: str) -> None:
    """Fill one segment of the log after the other; the server panics at the first for which there is no room."""
    with psycopg.connect(superuser, autocommit=True) as connection:
        try:
            for _ in range(1000):
                connection.execute("SELECT pg_logical_emit_message(false, 'test', 'test'), pg_switch_wal()")
        except psycopg.OperationalError:
            return
    pytest.fail("there was room for a thousand segments")


def _megabytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) >> 20
