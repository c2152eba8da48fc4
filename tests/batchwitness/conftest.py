"""Fixtures that the folders above do not share."""

from tests.api.conftest import api_process

__all__ = ["api_process"]  # fixtures are found by name in the conftest of the folder
