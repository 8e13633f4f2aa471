"""What the tests of the API share."""

from collections.abc import AsyncGenerator

import pytest_asyncio

from tests.api.serving import Served, serving
from tests.api.stand_in import StandIn


@pytest_asyncio.fixture
async def api() -> AsyncGenerator[Served]:
    """Serve a stand-in engine."""
    async with serving(StandIn()) as served:
        yield served
