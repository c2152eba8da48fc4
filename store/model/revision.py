"""How often the judging of what came late for a running batch is tried, and when again."""

from datetime import datetime, timedelta

# Unit time from the beginning of a revision that failed to that of the next one: what a restart or more memory mends is
# mended in an hour, and one that fails for what it reads costs three plays of the batch and no more.
TRIED_AGAIN_AFTER_H = (1.0, 4.0)


def tried_again_from(failed: int, begun: datetime) -> datetime | None:
    """Unit time from which on the next revision may begin after so many failed, the last of them begun at `begun`.

    None: no other begins before the batch ends or somebody corrects it.

    >>> from datetime import UTC
    >>> begun = datetime(2026, 3, 1, 14, 20, tzinfo=UTC)
    >>> [str(tried_again_from(failed, begun)) for failed in (1, 2, 3)]
    ['2026-03-01 15:20:00+00:00', '2026-03-01 18:20:00+00:00', 'None']
    """
    if failed > len(TRIED_AGAIN_AFTER_H):
        return None
    return begun + timedelta(hours=TRIED_AGAIN_AFTER_H[failed - 1])
