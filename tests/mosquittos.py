"""A mosquitto with settings of the test's own, beside the one of the embedded stack."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchwitness.embedded import mosquitto
from tests.support import eventually, missing


@contextmanager
def mosquitto_with(settings: str, directory: Path, port: int) -> Iterator[None]:
    """Run it with these settings, which say where it listens, until the block ends. It answers at `port` by then."""
    program = mosquitto.find()
    if program is None:
        missing("mosquitto is not installed (apt-get install mosquitto)")
    file = directory / "mosquitto.conf"
    file.write_text(settings + "\nuser root\n")  # the files of the test are those of whoever runs it
    with (
        (directory / "mosquitto.log").open("ab") as log,
        subprocess.Popen([str(program), "-c", str(file)], stdout=log, stderr=log) as process,
    ):
        try:
            eventually(lambda: _listens(port), what="mosquitto listens")
            yield
        finally:
            process.terminate()
            process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
