"""``meter-bridge simulate``: meters from flags or from a file."""

import argparse
import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
import sys
from typing import Final

import msgspec
import yaml

from meter_bridge.devices.base.simulated_meter import SimulatedMeter
from meter_bridge.devices.base.simulated_physics import DailyProfile, Faults, Load
from meter_bridge.devices.broker import DEFAULT_EMBEDDED_PORT
from meter_bridge.devices.broker.url import BrokerSettingsError
from meter_bridge.devices.registry import broker_families
from meter_bridge.devices.simulators.fleet import Fleet, simulated_meter, simulator_of, wall_clock_ms

EXAMPLE: Final = """\
example of a file:
  meters:
    - {family: tasmota, name: kitchen, load_w: 1500, interval_s: 5, register_wh: 120000}
    - {family: shelly, count: 20, load_w: 60, faults: [recloses]}
    - {family: zigbee2mqtt, name: attic, profile_w: {0: 50, 7: 800, 9: 100, 18: 1200, 23: 50}}
"""
FAULTS: Final = tuple(entry.name for entry in fields(Faults) if entry.type is bool)
BROUGHT_ALONG: Final = f"mqtt://127.0.0.1:{DEFAULT_EMBEDDED_PORT}"
CONNECT_TIMEOUT_S: Final = 10.0


class SimulationError(ValueError):
    """A simulation that cannot be made; the text says how to mend it."""


class MeterGroup(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of the file: a meter, or several alike."""

    family: str
    name: str | None = None
    count: int = 1
    load_w: float = 100.0
    profile_w: dict[int, float] | None = None
    interval_s: float = 10.0
    register_wh: int = 0
    closed: bool = True
    model: str | None = None
    faults: list[str] = []

    def load(self) -> Load | None:
        """Return the daily profile, if there is one."""
        if not self.profile_w:
            return None
        return DailyProfile({hour: round(watts * 1000) for hour, watts in self.profile_w.items()})


class Simulation(msgspec.Struct, forbid_unknown_fields=True):
    """The file."""

    meters: list[MeterGroup]


def add_arguments(parser: argparse._ActionsContainer) -> None:
    """Describe the command's options."""
    parser.add_argument(
        "--url",
        default="mqtt://127.0.0.1:1883",
        help=f"broker (default %(default)s); the one of 'meter-bridge run' is {BROUGHT_ALONG}",
    )
    parser.add_argument(
        "--file", type=Path, help="YAML file that lists the meters, instead of the counts below"
    )
    for family in broker_families():
        parser.add_argument(
            f"--{family}", type=int, default=0, metavar="N", help=f"number of {family} meters"
        )
    parser.add_argument(
        "--load", type=float, default=100.0, metavar="W", help="load of each (default %(default)s)"
    )
    parser.add_argument("--interval", type=float, default=10.0, metavar="S", help="seconds between reports")
    parser.add_argument("--register", type=int, default=0, metavar="WH", help="register at the start, in Wh")
    parser.add_argument("--fault", action="append", default=[], choices=FAULTS, help="a fault of every meter")
    parser.add_argument("--seed", type=int, default=0, help="the same seed behaves the same")


def build_meters(arguments: argparse.Namespace, start_ms: int) -> list[SimulatedMeter]:
    """Return the meters that the options ask for; raise ``SimulationError`` for none or wrong ones."""
    groups = _read(arguments.file) if arguments.file else _groups(arguments)
    meters = [meter for group in groups for meter in _build_group(group, start_ms, arguments.seed)]
    if not meters:
        counts = ", ".join(f"--{family} N" for family in broker_families())
        raise SimulationError(f"no meters: name some with {counts} or --file")
    names = [meter.name for meter in meters]
    twice = (
        next((name for name in names if names.count(name) > 1), None)
        if len(set(names)) < len(names)
        else None
    )
    if twice is not None:
        raise SimulationError(f"two meters are called '{twice}': give each group a name of its own")
    return meters


async def run_from_args(
    arguments: argparse.Namespace,
    *,
    clock: Callable[[], int] = wall_clock_ms,
    stop: asyncio.Event | None = None,
) -> int:
    """Run the meters until cancelled or ``stop`` is set; return the exit code."""
    try:
        meters = build_meters(arguments, clock())
        fleet = Fleet(arguments.url, meters, clock=clock)
    except (SimulationError, BrokerSettingsError) as error:
        return _fail(str(error))
    try:
        await fleet.start(CONNECT_TIMEOUT_S)
    except TimeoutError:
        await fleet.stop()
        return _fail(
            f"no broker at {arguments.url}: start one, or name it with --url;"
            f" 'meter-bridge run' starts one at {BROUGHT_ALONG}"
        )
    number = "1 simulated meter" if len(meters) == 1 else f"{len(meters)} simulated meters"
    sys.stdout.write(f"{number} at {arguments.url}; end with Ctrl+C\n")
    sys.stdout.flush()
    with suppress(asyncio.CancelledError):
        await (stop or asyncio.Event()).wait()
    await fleet.stop()
    return 0


def _fail(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 2


def _groups(arguments: argparse.Namespace) -> list[MeterGroup]:
    return [
        MeterGroup(
            family=family,
            count=count,
            load_w=arguments.load,
            interval_s=arguments.interval,
            register_wh=arguments.register,
            faults=arguments.fault,
        )
        for family in broker_families()
        if (count := getattr(arguments, family))
    ]


def _read(path: Path) -> list[MeterGroup]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return msgspec.convert(content, Simulation).meters
    except OSError as error:
        raise SimulationError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise SimulationError(f"{path}: {error}\n{EXAMPLE}") from error


def _build_group(group: MeterGroup, start_ms: int, seed: int) -> list[SimulatedMeter]:
    if group.family not in broker_families():
        raise SimulationError(f"unknown family '{group.family}': known are {', '.join(broker_families())}")
    models = broker_families()[group.family].simulated_models()
    if group.model is not None and group.model not in models:
        known = ", ".join(models) or "none: leave it out"
        raise SimulationError(f"unknown model '{group.model}' of {group.family}: known are {known}")
    unknown = sorted(set(group.faults) - set(FAULTS))
    if unknown:
        raise SimulationError(f"unknown fault '{unknown[0]}': known are {', '.join(FAULTS)}")
    meters = [_meter(group, number, start_ms, seed) for number in range(1, group.count + 1)]
    for meter in meters:
        for fault in group.faults:
            setattr(meter.faults, fault, True)
    return meters


def _meter(group: MeterGroup, number: int, start_ms: int, seed: int) -> SimulatedMeter:
    own = simulator_of(group.family).name_form.format(number)
    name = own if group.name is None else group.name if group.count == 1 else f"{group.name}-{number}"
    return simulated_meter(
        name,
        group.family,
        load_w=group.load_w,
        load=group.load(),
        register_wh=group.register_wh,
        interval_s=group.interval_s,
        closed=group.closed,
        model=group.model,
        start_ms=start_ms,
        seed=seed,
    )
