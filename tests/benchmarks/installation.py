"""An installation of many meters, created with the bridge's own site file."""

from pathlib import Path

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.config.settings import Settings
from meter_bridge.config.site_file import load
from meter_bridge.protocol.messages import Role
from meter_bridge.runtime.bridge import offline

OPERATOR = Actor("benchmark", Role.LANDLORD, frozenset({EVERYTHING}))

HEAD = """
name: Benchmark
sites:
  house:
    name: Benchmark
    time zone: Africa/Johannesburg
    currency: ZAR
    tariffs:
      home:
        name: Three blocks, two bands
        versions:
          - from: 2026-01-01
            blocks: [350 kWh, 700 kWh]
            bands:
              peak: [{days: mon-fri, from: "06:00", to: "09:00"}, {days: mon-fri, from: "17:00", to: "19:00"}]
              off-peak: rest
            prices:
              peak: [3.10, 3.60, 4.05]
              off-peak: [2.20, 2.60, 3.05]
            standing charge: 4.50 per day
            taxes: [{name: VAT, percent: 15}]
    units:
"""


def site_file(meters: int, opening: str) -> str:
    """Return a site file with one Tasmota meter per unit."""
    units = [
        f"      u{n}:\n        tariff: home\n        low credit: [20.00]\n        opening credit: {opening}\n"
        f'        meters: [{{address: "tasmota:m{n}/1", rating: 5000 kW}}]\n'
        for n in range(meters)
    ]
    return HEAD + "".join(units)


async def install(data: Path, meters: int, opening: str = "100000.00") -> None:
    """Create an installation with this many meters in a data folder."""
    text = site_file(meters, opening)
    async with offline(Settings(data=data)) as app:
        await app.sites.apply(OPERATOR, load(text), document=text, dry_run=False)
