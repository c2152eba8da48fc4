"""What the API can be told from outside."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class ApiSettings(BaseSettings):
    """Read once, in the entry point, from BATCHWITNESS_ variables. The database comes through libpq's PG* variables."""

    model_config = SettingsConfigDict(env_prefix="BATCHWITNESS_", frozen=True, extra="ignore")

    api_host: str = Field(default="127.0.0.1", description="address to listen on")
    api_port: int = Field(default=8000, ge=1, le=65535, description="port to listen on")
    cookie_secure: Literal["auto", "yes", "no"] = Field(
        default="auto",
        description="whether browsers send the session cookie over HTTPS only; auto: unless api_host is loopback",
    )

    @property
    def secure_cookies(self) -> bool:
        """Whether the session cookie is marked Secure."""
        if self.cookie_secure == "auto":
            return self.api_host not in LOOPBACK
        return self.cookie_secure == "yes"
