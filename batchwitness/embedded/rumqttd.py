"""rumqttd out of the iotcore wheel, the broker of a machine where mosquitto cannot be installed.

It knows passwords but no rules for topics, keeps sessions in memory only, and speaks MQTT 5 alone.
"""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path

from iotcore.iotcore import IotCoreBroker

MESSAGE_BYTES_MAX = 8 * 1024 * 1024


def configure(directory: Path, *, port: int, passwords: Mapping[str, str]) -> Path:
    """Write rumqttd's settings, which hold the passwords themselves, and return the file (0600)."""
    settings = directory / "rumqttd.toml"
    settings.touch(mode=0o600)
    users = "\n".join(f'{user} = "{password}"' for user, password in passwords.items())
    settings.write_text(
        f"""\
id = 0

[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 1000
max_segment_size = 67108864
max_segment_count = 8

[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 10000
max_payload_size = {MESSAGE_BYTES_MAX}
max_inflight_count = 1000
dynamic_filters = true

[v5.1.connections.auth]
{users}
"""
    )
    return settings


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # It reports every packet it routes as an error.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    IotCoreBroker(config_path=sys.argv[1]).run_forever()
