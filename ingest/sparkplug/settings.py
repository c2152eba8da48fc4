"""The settings of the sparkplug stage, read from the environment in its entry point and nowhere else."""

import os
import socket
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.sparkplug.mapping import Rule
from store.errors import SettingsContradict


class SparkplugSettings(BaseSettings):
    """PostgreSQL is found through libpq's own PG* variables."""

    model_config = SettingsConfigDict(env_prefix="BATCHWITNESS_", frozen=True, extra="ignore")

    sparkplug_host_id: str = Field(
        default="", pattern=r"^[^/+#\x00-\x1f]*$", description="The host id edge nodes know us by; the stage needs one."
    )
    mqtt_host: str = Field(default="127.0.0.1", description="The MQTT broker's host.")
    mqtt_port: int = Field(default=1883, ge=1, le=65535, description="The MQTT broker's port.")
    mqtt_user: str | None = Field(default=None, description="The user name for the broker.")
    mqtt_password_file: Path | None = Field(default=None, description="A file that holds the broker password.")
    sparkplug_mqtt: Literal["5", "3.1.1"] = Field(default="5", description="The version of MQTT to speak.")
    sparkplug_rule: Rule = Field(
        default=Rule.DEVICE, description="Which name leads to the unit where no mapping says otherwise."
    )
    sparkplug_rebirth: bool = Field(
        default=True, description="Whether to ask nodes for a rebirth; off: nothing but STATE is ever published."
    )
    sparkplug_reorder_s: float = Field(
        default=3.0,
        ge=0,
        le=60,
        description="How long to wait for a message that others have overtaken; 0: not at all.",
    )
    sparkplug_spool: int = Field(
        default=100_000, ge=100, le=10_000_000, description="Most messages that wait for the store."
    )
    sparkplug_spool_bytes: int = Field(
        default=134_217_728, ge=1_048_576, description="Most bytes of topics and payloads that wait for the store."
    )
    sparkplug_metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="Where Prometheus can read the stage's counters; absent: nowhere."
    )

    def mqtt_password(self) -> str | None:
        """The broker password. Raises SettingsContradict for a user without a password file."""
        if self.mqtt_password_file is None:
            if self.mqtt_user is not None:
                raise SettingsContradict("BATCHWITNESS_MQTT_USER is set but BATCHWITNESS_MQTT_PASSWORD_FILE is not")
            return None
        return self.mqtt_password_file.read_text(encoding="utf-8").strip()

    @property
    def server(self) -> str:
        """The MQTT server as the record names it. Sessions, sequence numbers and STATE are per server."""
        return f"{self.mqtt_host}:{self.mqtt_port}"

    @property
    def chain(self) -> str:
        """The chain this host appends to and the slot that says which process does."""
        return f"sparkplug {self.sparkplug_host_id} {self.server}"

    @staticmethod
    def holder() -> str:
        """Who claims the slot and the chain."""
        return f"{socket.gethostname()}:{os.getpid()}"
