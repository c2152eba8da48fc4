"""Fixtures that the folders above do not share."""

from tests.api.conftest import api_server, app, plant

__all__ = ["api_server", "app", "plant"]  # fixtures are found by name in the conftest of the folder
