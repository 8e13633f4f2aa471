"""Simulated meters of every family, for tests, the demo and load generators."""

from meter_bridge.devices.base.simulated_meter import MeterSettings, SimulatedMeter
from meter_bridge.devices.base.simulated_physics import ConstantLoad, DailyProfile, Faults, Load
from meter_bridge.devices.simulators.fleet import Fleet, simulated_meter, wall_clock_ms

__all__ = [
    "ConstantLoad",
    "DailyProfile",
    "Faults",
    "Fleet",
    "Load",
    "MeterSettings",
    "SimulatedMeter",
    "simulated_meter",
    "wall_clock_ms",
]
