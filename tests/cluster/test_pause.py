"""A worker pauses once a second for as long as it lives."""

import asyncio

import pytest

from meter_bridge.cluster import worker


async def test_a_pause_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "REBALANCE_S", 0.001)
    stop, before = asyncio.Event(), len(asyncio.all_tasks())
    for _ in range(10):
        await worker._pause(stop)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before


async def test_a_pause_ends_when_told_to_stop() -> None:
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(worker.REBALANCE_S / 2):
        await worker._pause(stop)
