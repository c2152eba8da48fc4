"""The settings of the ingest stage, read from the environment in its entry point and nowhere else."""

import os
import socket
import ssl
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.tls import tls_context
from store.clock import PlantClock
from store.errors import SettingsContradict
from store.quarantine import MOST_REFUSED


class MqttSettings(BaseSettings):
    """The MQTT broker: where it is, who we are to it and it to us."""

    model_config = SettingsConfigDict(env_prefix="BATCHWITNESS_", frozen=True, extra="ignore")

    mqtt_host: str = Field(default="127.0.0.1", description="The MQTT broker's host.")
    mqtt_port: int = Field(default=1883, ge=1, le=65535, description="The MQTT broker's port.")
    mqtt_user: str | None = Field(default=None, description="The user name for the broker.")
    mqtt_password_file: Path | None = Field(default=None, description="A file that holds the broker password.")
    mqtt_protocol: Literal["auto", "5", "3.1.1"] = Field(
        default="auto", description="The version of MQTT; auto: 5, or 3.1.1 where the broker does not take that."
    )
    mqtt_tls_ca: Path | None = Field(
        default=None,
        description="The certificates of the CAs that may vouch for the broker, PEM. Set: TLS; absent: none.",
    )
    mqtt_tls_certificate: Path | None = Field(
        default=None, description="Our certificate for the broker, with its chain, PEM."
    )
    mqtt_tls_key: Path | None = Field(default=None, description="Its private key, PEM, without a passphrase.")

    def mqtt_password(self) -> str | None:
        """The broker password. Raises SettingsContradict for a user without a password file."""
        if self.mqtt_password_file is None:
            if self.mqtt_user is not None:
                raise SettingsContradict("BATCHWITNESS_MQTT_USER is set but BATCHWITNESS_MQTT_PASSWORD_FILE is not")
            return None
        return self.mqtt_password_file.read_text(encoding="utf-8").strip()

    def tls(self) -> ssl.SSLContext | None:
        """How the broker proves itself to us and we to it; None without TLS. Raises SettingsContradict."""
        return tls_context(self.mqtt_tls_ca, self.mqtt_tls_certificate, self.mqtt_tls_key)

    @staticmethod
    def holder() -> str:
        """Who claims slots and chains."""
        return f"{socket.gethostname()}:{os.getpid()}"


class IngestSettings(MqttSettings):
    """PostgreSQL is found through libpq's own PG* variables."""

    mqtt_client_id: str = Field(
        default="batchwitness-ingest",
        description="The session at the broker, the slot and the chain; partitions add a number to it.",
    )
    mqtt_session_expiry_s: int = Field(
        default=604_800, ge=0, description="How long the broker keeps messages for an absent ingest."
    )
    topic_prefix: str = Field(default="batchwitness/v1", description="The topics' common beginning.")
    ingest_batch: int = Field(default=1_000, ge=1, le=10_000, description="Most messages in one transaction.")
    ingest_partitions: str = Field(
        default="",
        description="Units that a worker of their own takes, as `site/area/unit`, `+` for any: commas within a "
        "partition, semicolons between them. Everything else is taken by one more.",
    )
    ingest_inbox_bytes: int = Field(
        default=67_108_864, ge=1_048_576, description="Most payload bytes that wait for the store."
    )
    ingest_most_refused: int = Field(
        default=MOST_REFUSED,
        ge=100,
        description="Most refused items that get rows in the quarantine in a minute; of one topic a tenth of that.",
    )
    ingest_metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="Where Prometheus can read the stage's counters; absent: nowhere."
    )
    clock_anchor: Annotated[str | None, Field(description="Demo only: plant time at the host anchor, RFC 3339.")] = None
    clock_host_anchor: str | None = Field(default=None, description="Demo only: host time of the anchor, RFC 3339.")
    clock_rate: float | None = Field(default=None, gt=0, description="Demo only: plant seconds a host second.")

    def clock(self) -> PlantClock:
        """The plant clock: the host's, unless a demo says otherwise in all three settings."""
        return PlantClock.from_settings(self.clock_anchor, self.clock_host_anchor, self.clock_rate)
