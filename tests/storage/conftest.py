"""Fixtures of the tests of storage."""

from pathlib import Path

import pytest

from tests.storage.template import new_database


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a new installation's database at the newest schema."""
    return new_database(tmp_path)
