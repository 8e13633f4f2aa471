"""Simulated meters of every family, for tests, the demo and load generators."""

from meter_bridge.devices.simulators.catalogue import simulated_meter
from meter_bridge.devices.simulators.fleet import Fleet, wall_clock_ms
from meter_bridge.devices.simulators.meter import MeterSettings, SimulatedMeter
from meter_bridge.devices.simulators.physics import ConstantLoad, DailyProfile, Faults, Load
from meter_bridge.devices.simulators.shelly import ShellyMeter
from meter_bridge.devices.simulators.shelly_server import ShellyServer
from meter_bridge.devices.simulators.tasmota import TasmotaMeter
from meter_bridge.devices.simulators.zigbee2mqtt import Zigbee2MqttMeter

__all__ = [
    "ConstantLoad",
    "DailyProfile",
    "Faults",
    "Fleet",
    "Load",
    "MeterSettings",
    "ShellyMeter",
    "ShellyServer",
    "SimulatedMeter",
    "TasmotaMeter",
    "Zigbee2MqttMeter",
    "simulated_meter",
    "wall_clock_ms",
]
