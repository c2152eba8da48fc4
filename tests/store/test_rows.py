"""What a block stored of a unit comes back bit for bit, in the order in which a journal is read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.rows import UnitRows, decode_rows, encode_rows

LONG = st.integers(-(2**62), 2**62)
VALUE = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**6), 10**6).map(lambda thousandths: thousandths / 1000),
    st.sampled_from([0.0, -0.0, 1e308, 5e-324, 2.0**53, 2.0**53 - 1, 0.1 + 0.2]),
)
READING = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 2**31 - 1), LONG, VALUE, st.sampled_from([0, 64, 192]))


def rows_of(readings: list[tuple[int, int, int, float, int]]) -> UnitRows:
    entry, tag_id, time_us, value, quality = zip(*readings, strict=True) if readings else ((),) * 5
    return UnitRows(
        entry=np.array(entry, np.uint32),
        tag_id=np.array(tag_id, np.int32),
        time_us=np.array(time_us, np.int64),
        value=np.array(value, np.float64),
        quality=np.array(quality, np.uint8),
    )


@given(st.lists(READING, max_size=30, unique_by=lambda reading: (reading[1], reading[2])))
def test_readings_come_back_bit_for_bit_by_entry_time_and_tag(readings: list[tuple[int, int, int, float, int]]) -> None:
    found = decode_rows(encode_rows(rows_of(readings)))
    wanted = rows_of(sorted(readings, key=lambda reading: (reading[0], reading[2], reading[1])))
    for column in ("entry", "tag_id", "time_us", "quality"):
        assert getattr(found, column).tolist() == getattr(wanted, column).tolist(), column
        assert getattr(found, column).dtype == getattr(wanted, column).dtype, column
    assert [value.hex() for value in found.value.tolist()] == [value.hex() for value in wanted.value.tolist()]


def test_steady_signals_with_few_decimals_take_less_than_two_bytes_a_reading() -> None:
    random = np.random.default_rng(7)
    tags, messages = 20, 500
    count = tags * messages
    rows = UnitRows(
        entry=np.repeat(np.arange(messages), tags).astype(np.uint32),
        tag_id=np.tile(np.arange(tags), messages).astype(np.int32),
        time_us=np.repeat(np.arange(messages, dtype=np.int64) * 1_000_000, tags),
        value=np.round(random.normal(50, 0.3, count), 3),
        quality=np.full(count, 192, np.uint8),
    )
    assert len(encode_rows(rows)) < 2 * count


def test_another_version_is_refused_by_its_number() -> None:
    with pytest.raises(ValueError, match="version 1; this software reads version 3"):
        decode_rows(b"\x01")
