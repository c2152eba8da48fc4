"""Passwords and bearer secrets: what is stored can check them and cannot give them back."""

import hashlib
import secrets
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from store.errors import InputInvalid

SHORTEST_PASSWORD = 12  # characters; long beats complicated (NIST SP 800-63B)
LONGEST_PASSWORD = 256  # characters; what is longer only makes the server work


def hash_password(password: str) -> str:
    """The argon2id hash to store. Raises InputInvalid, never naming the password, for one too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InputInvalid(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, this one has {len(password)}"
        )
    return _hasher().hash(password)


def password_is_right(password: str, stored_hash: str | None) -> bool:
    """Whether the password belongs to the hash. Without a hash the same work is done and the answer is no.

    Takes some tenths of a second on purpose: keep it off an event loop.
    """
    decoy = _decoy()
    if len(password) > LONGEST_PASSWORD:
        return False
    right = _hasher().verify(password, stored_hash or decoy)
    return right and stored_hash is not None


def new_secret() -> str:
    """A bearer secret of 256 random bits, in letters that need no escaping in a header or a cookie."""
    return secrets.token_urlsafe(32)


def secret_digest(secret: str) -> bytes:
    """What is stored of a bearer secret: SHA-256 is enough, because nobody can guess 256 random bits."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


@cache
def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(),))


@cache
def _decoy() -> str:
    """The hash of a password nobody knows, so that an unknown name takes as long as a known one."""
    return _hasher().hash(new_secret())
