import pytest

from analytics.reference import ReferenceModel
from tests.analytics.plant import new_reference, old_reference


@pytest.fixture(scope="session")
def new() -> ReferenceModel:
    return new_reference()


@pytest.fixture(scope="session")
def old() -> ReferenceModel:
    return old_reference()
