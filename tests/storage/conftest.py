"""Fixtures of the tests of storage."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from meter_bridge.storage.location import Location
from tests.storage.template import forget, new_database, new_location, new_server_database


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a new installation's file of SQLite at the newest schema."""
    return new_database(tmp_path)


@pytest.fixture
def location(tmp_path: Path) -> Location:
    """Return where a new installation's database is, on the database of this run."""
    return new_location(tmp_path)


@pytest.fixture
def server_database(request: pytest.FixtureRequest) -> Iterator[URL]:
    """Return the address of a new installation's database on a PostgreSQL server."""
    yield new_server_database("of_one_test")
    forget()
