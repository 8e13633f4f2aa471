"""Meters that announced themselves and that nobody has assigned yet."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.devices.base.driver import Discovered, Report
from meter_bridge.devices.registry import family_title
from meter_bridge.engine.access.visibility import STAFF
from meter_bridge.engine.state.model import Installation
from meter_bridge.protocol.messages import MeterView

MAX_KEY: Final = 20_000
"""Addresses remembered; the oldest are forgotten first."""


@dataclass(slots=True)
class MeterCandidate:
    """A meter address with what was heard of it."""

    address: str
    name: str
    model: str | None = None
    firmware: str | None = None
    online: bool | None = None
    last_seen: int | None = None
    register_wh: int | None = None
    power_mw: int | None = None
    voltage_mv: int | None = None
    current_ma: int | None = None
    has_register: bool = True


class Discovery:
    """Addresses heard of, bounded in number."""

    def __init__(self) -> None:
        self._candidates: OrderedDict[str, MeterCandidate] = OrderedDict()
        self.elsewhere: frozenset[str] = frozenset()
        """Addresses that accounts of other shards use."""

    def add(self, item: Discovered) -> None:
        """Remember a meter that announced itself."""
        candidate = self._candidate(item.address)
        candidate.name, candidate.model, candidate.firmware = item.name, item.model, item.firmware
        candidate.has_register = item.has_register

    def remove(self, address: str) -> None:
        """Forget a meter that was withdrawn."""
        self._candidates.pop(address, None)

    def observe(self, report: Report, at: int) -> None:
        """Remember the newest values of a meter that nobody assigned."""
        candidate = self._candidate(report.address)
        candidate.last_seen = at
        for name in ("online", "register_wh", "power_mw", "voltage_mv", "current_ma"):
            value = getattr(report, name)
            if value is not None:
                setattr(candidate, name, value)

    def _candidate(self, address: str) -> MeterCandidate:
        candidate = self._candidates.get(address)
        if candidate is None:
            candidate = self._candidates[address] = MeterCandidate(address, address.partition(":")[2])
            if len(self._candidates) > MAX_KEY:
                self._candidates.popitem(last=False)
        return candidate

    def get(self, address: str) -> MeterCandidate | None:
        """Return what is known of an address, or None."""
        return self._candidates.get(address)

    def unassigned(self, actor: Actor, installation: Installation) -> tuple[MeterView, ...]:
        """Return the discovered meters that no account uses.

        The bridge of the first shard shows them to staff.
        """
        if actor.role not in STAFF or installation.shard.n != 0:
            return ()
        taken = installation.by_energy_address.keys() | installation.by_relay_address.keys()
        return tuple(
            _view(each)
            for each in self._candidates.values()
            if each.address not in taken | self.elsewhere and each.has_register
        )


def _view(candidate: MeterCandidate) -> MeterView:
    family = candidate.address.partition(":")[0]
    return MeterView(
        id=candidate.address,
        name=candidate.name,
        family=family,
        address=candidate.address,
        account_id=None,
        online=candidate.online,
        last_seen=iso(candidate.last_seen) if candidate.last_seen else None,
        register_wh=candidate.register_wh,
        energy_wh=None,
        epoch=0,
        power_mw=candidate.power_mw,
        voltage_mv=candidate.voltage_mv,
        current_ma=candidate.current_ma,
        frequency_mhz=None,
        relay=None,
        quarantined=False,
        model=candidate.model,
        firmware=candidate.firmware,
        family_title=family_title(family),
    )
