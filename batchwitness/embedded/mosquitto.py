"""What mosquitto reads at start: its settings, its hashed passwords and who may use which topic."""

import base64
import hashlib
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

# What one absent subscriber may have waiting, in bytes of payload; publishers are told success beyond it, and
# the holes it leaves are found by seq. 10 minutes of 5,000 readings a second, one a message of 80 bytes, fit.
QUEUED_BYTES_MAX = 256 * 1024 * 1024
MESSAGE_BYTES_MAX = 8 * 1024 * 1024
# Both ways, where an MQTT 3.1.1 client cannot say its own: a batch of ingest's is at most as large.
IN_FLIGHT_MAX = 1000

TOPICS = """\
user ingest
topic read batchwitness/#
topic read $SYS/#

user plant
topic write batchwitness/v1/#
topic readwrite spBv1.0/#

user sparkplug
topic read spBv1.0/#
topic write spBv1.0/STATE/#
topic write spBv1.0/+/NCMD/+
"""

# mosquitto's own number; the passwords are 32 random bytes, so more iterations would protect nothing.
PBKDF2_ITERATIONS = 101


def find() -> Path | None:
    """The mosquitto program, also where an ordinary user's PATH leaves out the system's own programs."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/local/sbin:/usr/sbin")
    return None if found is None else Path(found)


def configure(directory: Path, *, port: int, passwords: Mapping[str, str]) -> Path:
    """Write all of mosquitto's files into `directory` and return the one to start it with."""
    users = directory / "users"
    users.write_text("".join(f"{user}:{_hashed(password)}\n" for user, password in passwords.items()))
    topics = directory / "topics"
    topics.write_text(TOPICS)
    for path in (users, topics):
        path.chmod(0o600)
    settings = directory / "mosquitto.conf"
    settings.write_text(
        f"""\
listener {port} 127.0.0.1
allow_anonymous false
password_file {users}
acl_file {topics}
persistence true
persistence_location {directory}/
autosave_interval 1
max_queued_messages 0
max_queued_bytes {QUEUED_BYTES_MAX}
max_inflight_messages {IN_FLIGHT_MAX}
max_packet_size {MESSAGE_BYTES_MAX}
log_dest stdout
log_timestamp_format %Y-%m-%dT%H:%M:%S%z
log_type error
log_type warning
log_type notice
"""
    )
    return settings


def _hashed(password: str) -> str:
    """The format of mosquitto_passwd: $7$ iterations $ salt $ PBKDF2-HMAC-SHA512."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, PBKDF2_ITERATIONS)
    return f"$7${PBKDF2_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
