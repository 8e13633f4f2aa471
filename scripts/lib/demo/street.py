"""The simulated meters of the demo and what they draw."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from meter_bridge.devices.base.simulated_meter import SimulatedMeter
from meter_bridge.devices.shelly.simulated_server import ShellyServer
from meter_bridge.devices.shelly.simulator import ShellyMeter
from meter_bridge.devices.simulators.fleet import Fleet, simulated_meter, wall_clock_ms

CONNECT_S: Final = 30.0


@dataclass(slots=True)
class Dial:
    """A load that can be changed while the meter runs."""

    watts: float

    def __call__(self, _at_ms: int) -> int:
        """Return the power in mW."""
        return round(self.watts * 1000)


@dataclass(frozen=True, slots=True)
class Fitting:
    """A meter to simulate."""

    name: str
    family: str
    register_wh: int = 0
    watts: float = 200.0
    closed: bool = True
    interval_s: float = 2.0
    own_server: bool = False
    phases: int = 1


class Street:
    """All simulated meters: one connection to the broker, and a server for each meter that has its own."""

    def __init__(
        self, url: str, fittings: Iterable[Fitting], *, server_ports: Mapping[str, int], password: str
    ) -> None:
        self.dials: dict[str, Dial] = {}
        self.server_ports = server_ports
        self._meters: dict[str, SimulatedMeter] = {}
        self._servers: dict[int, ShellyServer] = {}
        through_broker = []
        for fitting in fittings:
            meter = self._create_meter(fitting)
            if isinstance(meter, ShellyMeter) and fitting.own_server:
                self._servers[server_ports[fitting.name]] = ShellyServer(meter, password=password)
            else:
                through_broker.append(meter)
        self._fleet = Fleet(url, through_broker)

    def _create_meter(self, fitting: Fitting) -> SimulatedMeter:
        dial = self.dials[fitting.name] = Dial(fitting.watts)
        meter = self._meters[fitting.name] = simulated_meter(
            fitting.name,
            fitting.family,
            load=dial,
            register_wh=fitting.register_wh,
            interval_s=fitting.interval_s,
            closed=fitting.closed,
            phases=fitting.phases,
            start_ms=wall_clock_ms(),
        )
        return meter

    def meter(self, name: str) -> SimulatedMeter:
        """Return a meter."""
        return self._meters[name]

    async def start(self) -> None:
        """Connect the meters and start reporting."""
        for port, server in self._servers.items():
            await server.start(port)
        await self._fleet.start(CONNECT_S)

    async def stop(self) -> None:
        """Disconnect the meters."""
        await self._fleet.stop()
        for server in self._servers.values():
            await server.stop()
