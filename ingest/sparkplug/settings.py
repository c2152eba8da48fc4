"""The settings of the sparkplug stage, read from the environment in its entry point and nowhere else."""

from pydantic import Field

from ingest.settings import MqttSettings
from ingest.sparkplug.mapping import Rule


class SparkplugSettings(MqttSettings):
    """PostgreSQL is found through libpq's own PG* variables."""

    sparkplug_host_id: str = Field(
        default="",
        pattern=r"^[^/+#\x00-\x1f]*$",
        description="The id edge nodes know this host by; the stage needs one.",
    )
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

    @property
    def server(self) -> str:
        """The MQTT server as the record names it. Sessions, sequence numbers and STATE are per server."""
        return f"{self.mqtt_host}:{self.mqtt_port}"

    @property
    def chain(self) -> str:
        """The chain this host appends to, and the slot that says which process does."""
        return f"sparkplug {self.sparkplug_host_id} {self.server}"
