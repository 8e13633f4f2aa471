"""Carries out faults: each starts, lasts for its time and ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from tests.simulation.broker import Broker
from tests.simulation.counters import Counters
from tests.simulation.device_faults import DeviceFaults
from tests.simulation.devices import Devices
from tests.simulation.disk import Crash
from tests.simulation.faults import HOUR_S, METER_FAULTS, NO_VALUES, Fault
from tests.simulation.loop import VirtualLoop
from tests.simulation.machine import Machine
from tests.simulation.model import Truth
from tests.simulation.street import House
from tests.simulation.till import Till

CRASH_WAITS_S: Final = 600.0
"""How long a planned crash waits for a commit to happen at."""
PAYMENT_WAITS_S: Final = 12 * HOUR_S
"""How long a planned crash waits for a message of the till to happen at."""


class Injector:
    """Causes faults at their time."""

    def __init__(
        self,
        loop: VirtualLoop,
        broker: Broker,
        machine: Machine,
        devices: Devices,
        truths: list[Truth],
        till: Till,
    ) -> None:
        self.counters = Counters(machine, devices, truths)
        self.device_faults = DeviceFaults(machine, devices, truths, self.counters)
        self._loop = loop
        self._broker = broker
        self._machine = machine
        self._devices = devices
        self._till = till
        self._houses = {truth.house.id: truth.house for truth in truths}
        self._one_life = asyncio.Lock()
        """The bridge dies of one thing at a time."""
        self._healed = asyncio.Event()

    async def carry_out(self, fault: Fault) -> None:
        """Wait for a fault's time, cause it and end it."""
        await self._while(fault.at_s - self._loop.time())
        if not self._healed.is_set():
            await self._way(fault)(fault)

    async def _while(self, seconds: float) -> None:
        """Wait, but not beyond the end of all faults."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0, seconds)):
                await self._healed.wait()

    def _way(self, fault: Fault) -> Callable[[Fault], Awaitable[None]]:
        if fault.kind.startswith("crash "):
            return self._crash
        if fault.kind.startswith("payment crash "):
            return self._payment_crash
        if fault.kind.startswith("counter "):
            return self.counters.carry_out
        if fault.kind.startswith("device "):
            return partial(self.device_faults.carry_out, wait=self._while)
        if fault.target and fault.kind.removeprefix("meter ") in (*METER_FAULTS, NO_VALUES):
            return self._meter
        ways: dict[str, Callable[[Fault], Awaitable[None]]] = {
            "loss": self._weather,
            "repeats": self._weather,
            "reorders": self._weather,
            "stall": self._stall,
            "broker restart": self._broker_restart,
            "connection cut": self._cut,
            "kill": self._kill,
            "busy": self._busy,
            "disk full": self._disk,
            "disk read-only": self._disk,
            "disk errors": self._disk,
            "disk slow": self._disk,
            "clock jump": self._clock_jump,
            "meter restart": self._meter_restart,
            "meter clock": self._meter_clock,
            "meter buffers": self._meter_buffers,
        }
        return ways[fault.kind]

    async def _weather(self, fault: Fault) -> None:
        setattr(self._broker.weather, fault.kind, fault.strength)
        await self._while(fault.for_s)
        setattr(self._broker.weather, fault.kind, 0.0)

    async def _stall(self, fault: Fault) -> None:
        weather = self._broker.weather
        weather.stalled_until, weather.queue = self._loop.time() + fault.for_s, round(fault.strength)
        await self._while(fault.for_s)
        weather.queue = 1_000

    async def _broker_restart(self, fault: Fault) -> None:
        self._broker.stop()
        await self._while(fault.for_s)
        self._broker.start()

    async def _cut(self, _fault: Fault) -> None:
        self._broker.lose_connections()

    async def _busy(self, fault: Fault) -> None:
        self._loop.busy_s = fault.strength
        await self._while(fault.for_s)
        self._loop.busy_s = 0.0

    async def _disk(self, fault: Fault) -> None:
        disk = self._machine.disk
        settings = {
            "disk full": ("full", True, False),
            "disk read-only": ("read_only", True, False),
            "disk errors": ("errors", fault.strength, 0.0),
            "disk slow": ("slow_s", fault.strength, 0.0),
        }
        name, on, off = settings[fault.kind]
        setattr(disk, name, on)
        await self._while(fault.for_s)
        setattr(disk, name, off)

    async def _clock_jump(self, fault: Fault) -> None:
        clock = self._machine.clock
        clock.off_ms, clock.synchronised = round(fault.strength * 1000), False
        await self._while(fault.for_s)
        clock.off_ms, clock.synchronised = 0, True

    async def _kill(self, fault: Fault) -> None:
        async with self._one_life:
            await self._machine.kill()
            await self._while(fault.for_s)
            await self._machine.start()

    async def _crash(self, fault: Fault) -> None:
        """Let the bridge die at some point of its next commit."""
        async with self._one_life:
            disk = self._machine.disk
            disk.planned = Crash(fault.kind.removeprefix("crash "))
            with suppress(TimeoutError):
                async with asyncio.timeout(CRASH_WAITS_S):
                    await self._machine.death()
            disk.planned = None
            if disk.dead:
                await self._machine.buried()
                await self._while(fault.for_s)
                await self._machine.start()

    async def _payment_crash(self, fault: Fault) -> None:
        """Let the bridge die while it processes a message of the till."""
        knock = asyncio.ensure_future(self._till.knock())
        healed = asyncio.ensure_future(self._healed.wait())
        await asyncio.wait([knock, healed], timeout=PAYMENT_WAITS_S, return_when=asyncio.FIRST_COMPLETED)
        if knock.done():
            await self._crash(replace(fault, kind=fault.kind.removeprefix("payment ")))
        knock.cancel()
        healed.cancel()

    async def _meter(self, fault: Fault) -> None:
        house, name = self._houses[fault.target], fault.kind.removeprefix("meter ")
        setattr(house.meter.faults, name, True)
        self._devices.changed(house)
        await self._while(fault.for_s)
        setattr(house.meter.faults, name, False)
        self._press_button(house)
        self._devices.changed(house)

    @staticmethod
    def _press_button(house: House) -> None:
        """Close a contact that only claims to be closed: only a person in the dark can know that."""
        if house.meter.physics.reported_closed:
            house.meter.physics.contact_closed = True

    async def _meter_restart(self, fault: Fault) -> None:
        self._devices.restart(self._houses[fault.target])

    async def _meter_clock(self, fault: Fault) -> None:
        house = self._houses[fault.target]
        house.meter.faults.clock_off_ms = round(fault.strength * 1000)
        await self._while(fault.for_s)
        house.meter.faults.clock_off_ms = 0

    async def _meter_buffers(self, fault: Fault) -> None:
        house = self._houses[fault.target]
        self._devices.keep(house)
        await self._while(fault.for_s)
        self._devices.release(house)

    def heal(self) -> None:
        self._healed.set()
        self._loop.busy_s = 0.0
        self._machine.disk.heal()
        self._machine.clock.off_ms, self._machine.clock.synchronised = 0, True
        weather = self._broker.weather
        weather.loss = weather.repeats = weather.reorders = weather.stalled_until = 0.0
        weather.queue = 1_000
        for house in self._houses.values():
            for name in (*METER_FAULTS, NO_VALUES):
                setattr(house.meter.faults, name, False)
            house.meter.faults.clock_off_ms = 0
            self._press_button(house)
            self._devices.changed(house)
        if not self._broker.up:
            self._broker.start()
