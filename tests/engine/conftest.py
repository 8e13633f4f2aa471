"""Fixtures of the engine's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.harness import House, house


@pytest.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    """Return a house with one flat on one price and 100 rand of credit."""
    async with house(tmp_path) as opened_house:
        yield opened_house
