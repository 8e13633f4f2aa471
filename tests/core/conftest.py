"""What the tests of the core share; builders and strategies are imported from beside this file."""

import pytest

from meter_bridge.core.rating.rating import Rating


@pytest.fixture
def rating() -> Rating:
    """Return a supply's rating on which nothing was used yet."""
    return Rating()
