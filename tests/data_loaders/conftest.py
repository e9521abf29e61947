"""A database for the tests of loaders."""

import pytest
from sources.postgresql import absence, running


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL of our own, stopped at the end."""
    if missing := absence():
        pytest.skip(missing)
    with running() as server:
        yield server
