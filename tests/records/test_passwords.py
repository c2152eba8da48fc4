import time

import pytest

from records.passwords import (
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    hash_password,
    new_secret,
    password_is_right,
    secret_digest,
)
from store.errors import InputInvalid

PASSWORD = "correct horse battery"
pytestmark = pytest.mark.usefixtures("real_passwords")


def work_s(stored_hash: str | None) -> float:
    """Processor time of the cheapest of three checks: what others do on this machine does not count."""
    times = []
    for _ in range(3):
        started = time.process_time()
        password_is_right(PASSWORD, stored_hash)
        times.append(time.process_time() - started)
    return min(times)


def test_a_hash_is_argon2id_salted_and_right_for_one_password_only() -> None:
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)

    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$"), "the work of RFC 9106 for little memory"
    assert first != second
    assert password_is_right(PASSWORD, first)
    assert password_is_right(PASSWORD, second)
    assert not password_is_right(PASSWORD + " ", first)
    assert not password_is_right("", first)


def test_without_a_hash_no_password_is_right_and_the_work_is_the_same() -> None:
    stored_hash = hash_password(PASSWORD)

    assert not password_is_right(PASSWORD, None)
    assert work_s(None) == pytest.approx(work_s(stored_hash), rel=0.5)


def test_a_password_is_neither_too_short_nor_too_long() -> None:
    for length in (SHORTEST_PASSWORD, LONGEST_PASSWORD):
        assert password_is_right("x" * length, hash_password("x" * length))
    for length in (0, SHORTEST_PASSWORD - 1, LONGEST_PASSWORD + 1):
        with pytest.raises(InputInvalid, match=f"this one has {length}"):
            hash_password("x" * length)


def test_secrets_are_long_and_never_the_same_and_their_digest_takes_any_text() -> None:
    secrets = {new_secret() for _ in range(1_000)}

    assert len(secrets) == 1_000
    assert min(map(len, secrets)) >= 43  # 256 bits in letters of 6 bits
    assert len(secret_digest("\udcff")) == len(secret_digest(new_secret())) == 32
