"""Times: every datetime is aware; inside the hot path an instant is whole microseconds since 1970 in UTC."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
US_PER_S = 1_000_000
US_PER_H = 3_600_000_000


def to_us(time: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z. Raises ValueError for a naive datetime.

    >>> to_us(datetime(2026, 11, 22, 10, tzinfo=UTC))
    1795341600000000
    """
    if time.tzinfo is None:
        raise ValueError(f"a time without an offset means nothing here: {time.isoformat()}")
    return (time - EPOCH) // MICROSECOND


def from_us(us: int) -> datetime:
    """The aware UTC datetime of an instant.

    >>> from_us(1795341600000000).isoformat()
    '2026-11-22T10:00:00+00:00'
    """
    return EPOCH + timedelta(microseconds=us)
