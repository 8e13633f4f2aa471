"""An installation that the engine itself made: days of readings, payments, debts and emergency credit."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from meter_bridge.devices.base.driver import Report
from meter_bridge.protocol.requests import OpenDebt, OperationRequest, Reversal, SelectEmergencyCredit
from tests.engine.harness import HOUR, LANDLORD, House, VirtualTime, apply, opened

QUARTER: Final = HOUR // 4
DAYS: Final = 4
SITE: Final = """
name: Real house
sites:
  house:
    name: Real house
    time zone: Africa/Johannesburg
    currency: ZAR
    tariffs:
      blocks:
        name: Blocks and bands
        versions:
          - from: 2026-01-01
            blocks: [20 kWh, 60 kWh]
            bands:
              peak: [{days: mon-sun, from: "17:00", to: "19:00"}]
              off-peak: rest
            prices:
              peak: [3.10, 3.60, 4.05]
              off-peak: [2.20, 2.60, 3.05]
            standing charge: 1.00 per day
            taxes: [{name: VAT, percent: 15}]
    units:
      flat-1:
        name: Flat 1
        customer: N. Dlamini
        tariff: blocks
        meters: [{address: "tasmota:flat-1/1", rating: 10 kW}]
      flat-2:
        name: Flat 2
        customer: J. van Wyk
        tariff: blocks
        meters: [{address: "tasmota:flat-2/1", rating: 10 kW}]
        emergency credit: {limit: 20.00, threshold: 3.00}
      flat-3:
        name: Flat 3
        tariff: blocks
        meters: [{address: "tasmota:flat-3/1", rating: 10 kW}]
"""
WATTS: Final = {"flat-1": 800, "flat-2": 2_000, "flat-3": 0}
"""Mean load of the first half of each day; in the second it is half as much."""


DEBT: Final = OpenDebt(
    debt="old",
    description="Arrears",
    amount="100.00",
    reason="agreed",
    rate="2.00",
    every="day",
    percent="10",
)


@dataclass
class Street:
    """The engine with what its meters show."""

    house: House
    registers: dict[str, int]
    watts: Mapping[str, int] = field(default_factory=lambda: WATTS)

    async def run(self, quarters: int) -> None:
        """Let quarters of an hour pass; every meter reports at the end of each."""
        for _ in range(quarters):
            self.house.time.forward(QUARTER)
            hour = self.house.time.wall // HOUR % 24
            for unit in self.registers:
                self.registers[unit] += self.watts[unit] // 4 // (1 if hour < 12 else 2)
            await self.house.report(
                *(Report(f"tasmota:{unit}/1", register_wh=wh) for unit, wh in self.registers.items())
            )
            await self.house.tick(0)

    async def pay(self, unit: str, amount: str, method: str, reference: str) -> str:
        """Book a payment and return its entry."""
        result, _ = await self.house.app.accounts.top_up(
            LANDLORD, unit, amount=amount, method=method, reference=reference, key=reference
        )
        await self.house.settle()
        return result.top_up.id

    async def operate(self, unit: str, asked: OperationRequest, key: str) -> None:
        """Carry out an operation on a unit's books."""
        await self.house.app.accounts.operate(LANDLORD, unit, asked, key=key)
        await self.house.settle()


async def live(folder: Path, site: str = SITE, days: int = DAYS) -> None:
    """Let the engine run for some days."""
    async with opened(folder, VirtualTime(synchronised=True)) as made:
        await apply(made, site)
        street = Street(made, dict.fromkeys(WATTS, 10_000))
        await street.run(1)
        await street.pay("flat-1", "300.00", "cash", "receipt 1")
        await street.pay("flat-2", "40.00", "card", "card 7")
        await street.operate("flat-1", DEBT, "d1")
        await street.run(96)
        if "emergency credit" in site:
            await street.operate("flat-2", SelectEmergencyCredit(), "e1")
        wrong = await street.pay("flat-1", "50.00", "cash", "receipt 2")
        await street.operate("flat-1", Reversal(entry=wrong, reason="wrong unit"), "r1")
        await street.run(96 * (days - 1))
        made.engine.session.flush(everything=True)
        await made.engine.session.drain()
        made.engine.session.reader.dispose()


def real_house(folder: Path, site: str = SITE, days: int = DAYS) -> Path:
    """Return a data folder that the engine wrote; the engine is closed."""
    asyncio.run(live(folder, site, days))
    return folder
