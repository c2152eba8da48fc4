"""Merkle tree over journal entries, so that one entry can be proved to belong to a block without the others.

Leaves and nodes are hashed with different first bytes (RFC 6962, section 2.1), so that neither can pass as the other.
"""

from collections.abc import Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()


def leaf(data: bytes) -> bytes:
    """The digest of one entry."""
    return sha256(b"\x00" + data).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    r"""The root over leaf digests, in order; RFC 6962's tree (an odd node moves up unchanged).

    >>> root([]) == EMPTY_ROOT
    True
    >>> a, b, c = leaf(b"a"), leaf(b"b"), leaf(b"c")
    >>> root([a, b, c]) == sha256(b"\x01" + sha256(b"\x01" + a + b).digest() + c).digest()
    True
    """
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    while len(level) > 1:
        nodes = iter(level)
        pairs = [sha256(b"\x01" + left + right).digest() for left, right in zip(nodes, nodes, strict=False)]
        if len(level) % 2:
            pairs.append(level[-1])
        level = pairs
    return level[0]
