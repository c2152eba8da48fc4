# ruff: noqa: INP001 -- a script, run by its path
"""Make the passwords of an installation, once, in deploy/secrets/; what is there already stays as it is.

Runs with a bare Python 3.11 before anything is installed. The folder is closed to everybody but its owner, because
some files in it are not: a container whose image brings its own user must be able to read the file mounted into it.
Files that only our own image reads are 0600, and so are libpq's password files, which libpq refuses otherwise.
"""

import argparse
import base64
import hashlib
import os
import secrets
from pathlib import Path

HERE = Path(__file__).resolve().parent
OWNER = "batchwitness"
ROLES = (
    "batchwitness_ingest",
    "batchwitness_analytics",
    "batchwitness_api",
    "batchwitness_readonly",
    "batchwitness_retain",
)
WITH_PASSFILE = {"migrate": OWNER, "ingest": ROLES[0], "analytics": ROLES[1], "api": ROLES[2]}
BROKER_USERS = ("ingest", "edge", "sparkplug", "health")
OPEN_INSIDE = ("database_owner", "mosquitto_users", "mqtt_health", "grafana_floor_admin", "grafana_review_admin")
OUR_USER_ID = 10001  # the user of our image, where root makes the secrets
# mosquitto's own number; the passwords are 32 random bytes, so more iterations would protect nothing.
PBKDF2_ITERATIONS = 101


def make_secrets(directory: Path, environment: Path) -> list[Path]:
    """Write what is missing and return it; `environment` gets the user ids our containers run with."""
    user, group = (os.getuid(), os.getgid()) if os.getuid() != 0 else (OUR_USER_ID, OUR_USER_ID)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    written = []

    def keep(name: str, text: str) -> str:
        path = directory / name
        if path.exists():
            return path.read_text().strip()
        mode = 0o644 if name in OPEN_INSIDE else 0o600
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
        path.chmod(mode)  # whatever the umask says
        if os.getuid() == 0:
            os.chown(path, user, group)
        written.append(path)
        return text

    passwords = {name: keep(f"role_{name}", secrets.token_urlsafe(32)) for name in ROLES}
    passwords[OWNER] = keep("database_owner", secrets.token_urlsafe(32))
    for stage, role in WITH_PASSFILE.items():
        keep(f"{stage}.pgpass", f"*:*:*:{role}:{passwords[role]}")
    broker = {user_name: keep(f"mqtt_{user_name}", secrets.token_urlsafe(32)) for user_name in BROKER_USERS}
    keep("mosquitto_users", "\n".join(f"{name}:{_hashed(password)}" for name, password in broker.items()))
    for name in ("grafana_floor_admin", "grafana_review_admin"):
        keep(name, secrets.token_urlsafe(32))
    if not environment.exists():
        environment.write_text(f"BATCHWITNESS_UID={user}\nBATCHWITNESS_GID={group}\n")
        written.append(environment)
    return written


def _hashed(password: str) -> str:
    """The format of mosquitto_passwd: $7$ iterations $ salt $ PBKDF2-HMAC-SHA512."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, PBKDF2_ITERATIONS)
    return f"$7${PBKDF2_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=HERE / "secrets")
    parser.add_argument("--environment", type=Path, default=HERE.parent / ".env")
    arguments = parser.parse_args()
    for made in make_secrets(arguments.directory, arguments.environment):
        print(made)  # noqa: T201 -- a script that runs before anything is installed; names of files, never contents
