"""What the tests of the API share."""

from collections.abc import AsyncGenerator

import pytest_asyncio

from tests.api.fake_bridge import StandIn
from tests.api.serving import Served, serving


@pytest_asyncio.fixture
async def api() -> AsyncGenerator[Served]:
    """Serve a stand-in engine."""
    async with serving(StandIn()) as served:
        yield served
