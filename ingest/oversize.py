"""A message larger than ingest takes: it passes by without being held, and a record of it remains."""

from hashlib import sha256

KEPT_BYTES = 64 * 1024  # of a larger one


class Passing:
    """A payload that passes by: its first bytes are kept, all of it is counted and hashed."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._digest = sha256()
        self.length = 0

    def feed(self, data: bytes) -> None:
        """The next bytes of it."""
        self._head += data[: KEPT_BYTES - len(self._head)]
        self._digest.update(data)
        self.length += len(data)

    def kept(self) -> bytes:
        """What is kept: the first bytes, and a last line that says how long the whole was and its SHA-256."""
        return bytes(self._head) + b"\n[%d bytes, SHA-256 %s]" % (self.length, self._digest.hexdigest().encode())
