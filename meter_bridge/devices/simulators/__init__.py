"""Simulated meters of every family, for tests, the demo and load generators."""

from meter_bridge.devices.simulators.fleet import Fleet, wall_clock_ms
from meter_bridge.devices.simulators.meter import MeterSettings, SimulatedMeter
from meter_bridge.devices.simulators.physics import ConstantLoad, DailyProfile, Faults, Load
from meter_bridge.devices.simulators.tasmota import TasmotaMeter

__all__ = [
    "ConstantLoad",
    "DailyProfile",
    "Faults",
    "Fleet",
    "Load",
    "MeterSettings",
    "SimulatedMeter",
    "TasmotaMeter",
    "wall_clock_ms",
]
