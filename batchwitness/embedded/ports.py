"""TCP ports of the embedded stack, all on the loopback interface."""

import random
import socket
from pathlib import Path

from batchwitness.embedded.child import CannotRun

HOST = "127.0.0.1"
LOWEST = 10_000
TRIES = 100
CLIENTS = Path("/proc/sys/net/ipv4/ip_local_port_range")  # Linux; others begin at 49152, as IANA says
LINUX_LOWEST = 32_768


def free() -> int:
    """A port that nothing listened on a moment ago, and that no outgoing connection will take meanwhile.

    What asks for it may bind it half a minute later, and the operating system gives the ports of its own range to
    every client that connects somewhere, so ours come from below that range.
    """
    for port in random.sample(range(LOWEST, _lowest_of_clients()), k=TRIES):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
            except OSError:
                continue
            return port
    raise CannotRun(f"no free port on {HOST} among {TRIES} tried from {LOWEST} on: name one")


def refuse_taken(port: int, *, for_what: str) -> None:
    """Raises CannotRun, naming the port, when `for_what` could not listen there."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise CannotRun(
                f"{for_what} cannot listen on {HOST}:{port} ({error.strerror}): stop what listens there, "
                "or choose another port; port 0 picks a free one"
            ) from error


def _lowest_of_clients() -> int:
    lowest = int(CLIENTS.read_text().split()[0]) if CLIENTS.exists() else LINUX_LOWEST
    return max(lowest, LOWEST + TRIES)
