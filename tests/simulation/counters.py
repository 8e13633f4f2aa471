"""Faults of counters: resets with and without a marker, jumps, and replaced meters."""

import asyncio
from collections.abc import Callable
from contextlib import closing
import random
from typing import Final

import msgspec

from meter_bridge.devices.base.simulated_physics import MICROJOULES_PER_WH
from meter_bridge.engine.state import supply_document
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.requests import ReplacementRequest
from meter_bridge.runtime.bridge import RunningBridge
from meter_bridge.storage.sqlite import connect_read_only
from tests.simulation.devices import Devices
from tests.simulation.faults import Fault
from tests.simulation.machine import Machine, PowerLostError
from tests.simulation.model import Truth
from tests.simulation.people import LANDLORD, RETRY_S

JUMP_WH: Final = 5_000_000
"""More than any supply of the street can deliver in a simulation."""
LOWER_WH: Final = 30_000
"""More than flows until a register is read again."""
STRAGGLERS_S: Final = 1_500.0
"""Wait for what the old meter reported before it was removed."""


class Counters:
    """Resets, increases and replaces counters, and keeps the true figures."""

    def __init__(self, machine: Machine, devices: Devices, truths: list[Truth]) -> None:
        self._machine = machine
        self._devices = devices
        self._truths = {truth.house.id: truth for truth in truths}
        self.problems: list[str] = []

    async def carry_out(self, fault: Fault) -> None:
        """Carry out one fault on one counter."""
        truth = self._truths[fault.target]
        if truth.house.id in self._devices.unplugged | self._devices.misreporting.keys():
            return  # the old meter is on the electrician's table, read and done with; or is being looked at
        self._devices.step(truth.house)
        if fault.kind == "counter replaced":
            await self._replace(truth, fault)
        elif fault.kind == "counter jump":
            self.move(truth, lambda: truth.house.meter.raise_register(JUMP_WH), with_marker=False)
        else:
            told = fault.kind == "counter told" and truth.house.meter.family == "tasmota"
            # One that had counted little looks higher after its reset, and then a person is asked.
            lower = truth.house.reported_wh() > LOWER_WH
            self.move(
                truth,
                lambda: truth.house.meter.reset_register(with_witness=told),
                with_marker=told and lower,
            )

    def move(self, truth: Truth, move: Callable[[], None], *, with_marker: bool) -> None:
        """Let a register move, and note what that changes."""
        before = truth.house.reported_wh()
        stored = self.stored_wh(truth)
        move()
        truth.moved(before, stored, with_marker=with_marker)
        self._devices.changed(truth.house)

    def stored_wh(self, truth: Truth) -> int:
        """Return the energy charged according to the disk."""
        with closing(connect_read_only(self._machine.disk.database)) as connection:
            rows = connection.execute("SELECT document FROM supply_status").fetchall()
        charged = {meter_id: wh for (row,) in rows for meter_id, wh, _ in supply_document.stored_energy(row)}
        return charged.get(truth.house.meter_id, 0)

    async def _replace(self, truth: Truth, fault: Fault) -> None:
        """Replace a meter and submit both readings before the new one reports."""
        house, devices = truth.house, self._devices
        devices.unplugged.add(house.id)
        devices.load(house, 0)
        devices.keep(house)
        await asyncio.sleep(STRAGGLERS_S)
        devices.drop(house)
        before = house.reported_wh()
        physics = house.meter.physics
        register_uj = random.Random(fault.at_s).randrange(10**6) * MICROJOULES_PER_WH
        physics.become_another(register_uj, physics.now_ms)
        physics.restart()
        devices.greet_gateway()
        truth.replaced(before)
        order = ReplacementRequest(_kwh(before), _kwh(house.reported_wh()), "worn out")
        await self._submit(truth, order, key=f"replacement-{fault.number}")
        devices.unplugged.discard(house.id)
        devices.release(house)
        devices.restart(house)

    async def _submit(self, truth: Truth, order: ReplacementRequest, *, key: str) -> None:
        while True:
            parts = self._machine.parts
            try:
                if parts is not None:
                    operation = parts.app.sites.replace_meter(LANDLORD, truth.house.meter_id, order, key=key)
                    await self._machine.ask(operation)
                    return
            except PowerLostError:
                pass
            except RequestRefused as refused:
                if refused.field == "closing":
                    order = self._reconsidered(parts, truth, order)
                elif refused.code not in (ErrorCode.STORAGE_UNAVAILABLE, ErrorCode.CONFLICT):
                    self.problems.append(f"the replacement {key} was refused: {refused}")
                    return
            await asyncio.sleep(RETRY_S)

    @staticmethod
    def _reconsidered(
        parts: RunningBridge | None, truth: Truth, order: ReplacementRequest
    ) -> ReplacementRequest:
        """Return what to say where the closing reading is doubted; who looks at the meter discards a jump."""
        register = parts and parts.engine.session.installation.meters[truth.house.meter_id].register
        if register and register.quarantined:
            return order
        if truth.undecided:
            truth.most_wh += JUMP_WH  # nobody saw the jump; a person's word counts
        return msgspec.structs.replace(order, confirmed=True)


def _kwh(wh: int) -> str:
    """Return a register as a person writes it down."""
    return f"{wh / 1000:.3f}"
