"""Virtual time runs calls in the same order as asyncio's own loop."""

import asyncio
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable
import random
from typing import override

import pytest

from tests.simulation.loop import VirtualLoop

CALLS = 3_000
MOST_WAITING = 250
"""More than those of which asyncio forgets the cancelled ones early."""


class Jump:
    """Stands in for a selector of asyncio's own loop."""

    time = 0.0

    def select(self, timeout: float) -> list[object]:
        """Advance the time by what a real selector would wait."""
        self.time += timeout
        return []


class AsyncioLoop(BaseEventLoop):
    """The reference: asyncio's own loop with the same time."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = Jump()

    @override
    def time(self) -> float:
        return self._selector.time

    def _process_events(self, _events: list[object]) -> None:
        pass


def life(loop: BaseEventLoop, call_at: Callable[..., asyncio.Handle], seed: int) -> list[tuple[int, float]]:
    """Return which calls ran when: they schedule others, often for the same instant, and cancel some."""
    chance = random.Random(seed)
    ran: list[tuple[int, float]] = []
    waiting: dict[int, asyncio.Handle] = {}
    planned = 0

    def plan(ask: Callable[..., asyncio.Handle], *when: float) -> None:
        nonlocal planned
        planned += 1
        waiting[planned] = ask(*when, run, planned)

    def run(number: int) -> None:
        del waiting[number]
        ran.append((number, loop.time()))
        for _ in range(chance.randint(1, 8) if planned < CALLS else 0):
            if len(waiting) < MOST_WAITING:
                plan(call_at, loop.time() + chance.randint(0, 50) / 4)
        for each in chance.sample(sorted(waiting), len(waiting) // 2 if chance.random() < 0.05 else 0):
            waiting.pop(each).cancel()
        if chance.random() < 0.2 or not waiting:
            plan(loop.call_soon)
        if planned > CALLS:
            loop.stop()

    plan(loop.call_soon)
    loop.run_forever()
    loop.close()
    return ran


@pytest.mark.invariant(14)
@pytest.mark.parametrize("seed", range(5))
def test_calls_run_in_the_same_order_as_in_asyncio(seed: int) -> None:
    ours, asyncios = VirtualLoop(random.Random(0)), AsyncioLoop()
    ran = life(ours, ours.exactly_at, seed)
    assert ran == life(asyncios, asyncios.call_at, seed)
    assert len(ran) > CALLS / 6


def test_a_deadlock_of_the_simulation_is_reported() -> None:
    loop = VirtualLoop(random.Random(0))
    with pytest.raises(RuntimeError, match="waits for itself"):
        loop.run_until_complete(loop.create_future())
    loop.close()
