"""The settings of the analytics stage, read from the environment in its entry point and nowhere else."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class AnalyticsSettings(BaseSettings):
    """PostgreSQL is found through libpq's own PG* variables."""

    model_config = SettingsConfigDict(env_prefix="BATCHWITNESS_", frozen=True, extra="ignore")

    cell_lateness_s: float = Field(
        default=120.0, ge=0, description="How long after a cell's end, in unit time, its readings may still arrive."
    )
    transport_allowance_s: float = Field(
        default=300.0,
        ge=0,
        description="How long a message may be on its way, in host seconds, before a tick concludes anything from "
        "its absence.",
    )
    late_settling_s: float = Field(
        default=900.0,
        ge=0,
        description="How long, in unit time, no late reading may have come before a running batch's late readings are "
        "judged.",
    )
    revision_pause_s: float = Field(
        default=6 * 3600.0,
        gt=0,
        description="How long, in unit time, a running batch is left before its late readings are judged again, and "
        "the longest that they wait while more keep coming.",
    )
    analytics_blocks: int = Field(
        default=500, ge=1, le=10_000, description="Most journal blocks a monitor takes in one transaction."
    )
    analytics_poll_s: float = Field(
        default=0.2, gt=0, le=10, description="How often the journal is looked at when there was nothing new."
    )
    self_check_runs: int = Field(
        default=5, ge=0, le=1000, description="How many runs and charts are computed anew in a night; 0: none."
    )
    self_check_hour: int = Field(
        default=2, ge=0, le=23, description="The hour, UTC, from which a night's runs are due."
    )
    analytics_metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="Where Prometheus can read the stage's counters; absent: nowhere."
    )
