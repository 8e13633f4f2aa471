"""Fixtures of the tests of maintenance: databases, as the tests of storage have them."""

from tests.storage.conftest import database, location, server_database

__all__ = ["database", "location", "server_database"]
