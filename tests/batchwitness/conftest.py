"""Fixtures that the folders above do not share."""

from tests.api.conftest import api_server, app

__all__ = ["api_server", "app"]  # fixtures are found by name in the conftest of the folder
