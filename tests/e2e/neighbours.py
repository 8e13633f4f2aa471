"""What the household lacks: phases, several meters, emergency credit, debt, limits, friendly hours."""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from scripts.lib.demo.bridge import BridgeProcess
from scripts.lib.demo.street import Fitting

SITE: Final = "  rose-street:"
"""The line before which the neighbours stand in the site file."""
UNITS: Final = """\
      villa:
        name: Villa
        opening credit: 500.00
        tariff: municipal
        low credit: [20.00, 5.00]
        when exhausted: load limit 12 kW
        limits: {{overload: 10 kW}}
        protect: {{overload: {{delay: none, reset: manual}}}}
        meters: [{{address: "tasmota:villa/1", rating: 3x63 A}}]
      lodge:
        name: Lodge
        opening credit: 3.00
        tariff: municipal
        restore: armed
        emergency credit: {{limit: 0.10, threshold: 4.00}}
        meters: [{{address: "tasmota:lodge/1", rating: 60 A}}]
      farm:
        name: Farm
        opening credit: 0.01
        tariff: municipal
        friendly hours: [{{days: mon-sun, from: "{begin}", to: "{end}"}}]
        meters:
          - {{address: "tasmota:farm/1", rating: 3x63 A, name: House}}
          - {{address: "tasmota:barn/1", rating: 60 A, id: barn, name: Barn}}

"""
FITTINGS: Final = (
    Fitting("villa", "tasmota", 1_000, 1_200.0, interval_s=1.0, phases=3),
    Fitting("lodge", "tasmota", 1_000, 300.0, interval_s=1.0),
    Fitting("farm", "tasmota", 1_000, 6_000.0, interval_s=1.0, phases=3),
    Fitting("barn", "tasmota", 1_000, 500.0, interval_s=1.0),
)


def with_neighbours(document: str) -> str:
    """Return the demo's site file with the neighbours; the farm's friendly hours last for hours from now."""
    now = datetime.now(ZoneInfo("Africa/Johannesburg"))
    begin, end = now - timedelta(hours=3), now + timedelta(hours=9)
    units = UNITS.format(begin=f"{begin:%H}:00", end=f"{end:%H}:00")
    before, line, after = document.partition(SITE)
    return before.rstrip() + "\n" + units + line + after


async def move_in(bridge: BridgeProcess, document: str) -> None:
    """Add the neighbours to an installation that is not running, one of them with a debt."""
    path = bridge.data.parent / "neighbours.yaml"
    path.write_text(with_neighbours(document), encoding="utf-8")
    await bridge.run("apply", "--yes", str(path))
    terms = ("--percent", "10", "--reason", "agreed in March")  # out of top-ups: no midnight changes it
    await bridge.run("debt", "open", "lodge", "arrears-2025", "350.00", *terms)
