"""Passwords that cost little: a real hash takes some tenths of a second on purpose, and hundreds of tests sign in."""

from collections.abc import Iterator
from functools import cache

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from records import passwords


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """argon2id with the least work it takes, in the process of the tests; processes they start do the real work."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
        patch.setattr(passwords, "_hasher", cache(lambda: cheap))
        passwords.__dict__["_decoy"].cache_clear()
        yield


@pytest.fixture
def real_passwords(cheap_passwords: None) -> Iterator[None]:
    """The cost that people's passwords have."""
    with pytest.MonkeyPatch.context() as patch:
        real = PasswordHash((Argon2Hasher(),))
        patch.setattr(passwords, "_hasher", cache(lambda: real))
        passwords.__dict__["_decoy"].cache_clear()
        yield
    passwords.__dict__["_decoy"].cache_clear()
