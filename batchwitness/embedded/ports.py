"""TCP ports of the embedded stack, all on the loopback interface."""

import socket

from batchwitness.embedded.child import CannotRun

HOST = "127.0.0.1"


def free() -> int:
    """A port that nothing listened on a moment ago."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


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
