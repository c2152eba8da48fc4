"""How the journal compresses: Zstandard frames (RFC 8878) with parameters chosen for messages of sensors.

Such bytes repeat what came a few hundred bytes before but for some digits. A lazy search of a small table finds the
long repeats: on blocks of ten and a thousand messages of one, ten and forty units it takes 7 to 17 % fewer bytes than
Zstandard's fastest level, for 0.1 to 0.2 µs more work a reading, done outside the interpreter's lock. Level 3 takes
more bytes than level 1 on large blocks (`make bench ARGS=packing`).
"""

import zstandard

PARAMETERS = zstandard.ZstdCompressionParameters.from_level(
    1,
    strategy=zstandard.STRATEGY_LAZY2,
    min_match=5,
    hash_log=14,
    chain_log=14,
    search_log=1,
    window_log=19,
    write_content_size=True,
)


def packed(data: bytes) -> bytes:
    """One frame that holds these bytes.

    >>> unpacked(packed(b"bytes"))
    b'bytes'
    """
    return zstandard.ZstdCompressor(compression_params=PARAMETERS).compress(data)


def unpacked(frame: bytes) -> bytes:
    """The bytes that a frame holds. Raises zstandard.ZstdError where it is damaged."""
    return zstandard.decompress(frame)
