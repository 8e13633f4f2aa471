"""Making simulated meters by family."""

from collections.abc import Mapping
import random
from typing import Final

from meter_bridge.devices.base.driver import Family
from meter_bridge.devices.simulators.meter import MeterSettings, SimulatedMeter
from meter_bridge.devices.simulators.physics import Load
from meter_bridge.devices.simulators.shelly import ShellyMeter
from meter_bridge.devices.simulators.tasmota import TasmotaMeter
from meter_bridge.devices.simulators.zigbee2mqtt import Zigbee2MqttMeter

METERS: Final[Mapping[Family, type[SimulatedMeter]]] = {
    Family.TASMOTA: TasmotaMeter,
    Family.SHELLY: ShellyMeter,
    Family.ZIGBEE2MQTT: Zigbee2MqttMeter,
}


def simulated_meter(  # noqa: PLR0913 - each says one thing of a meter, and all but two have defaults
    name: str,
    family: Family = Family.TASMOTA,
    *,
    load_w: float = 100.0,
    load: Load | None = None,
    register_wh: int = 0,
    interval_s: float = 10.0,
    closed: bool = True,
    phases: int = 1,
    start_ms: int,
    seed: int = 0,
) -> SimulatedMeter:
    """Return a meter whose time begins at ``start_ms`` (ms since 1970); the same seed behaves the same."""
    settings = MeterSettings(
        name=name,
        load=load,
        load_w=load_w,
        register_wh=register_wh,
        interval_ms=max(1, round(interval_s * 1000)),
        closed=closed,
        phases=phases,
    )
    return METERS[family](settings, random=random.Random(f"{seed}/{name}"), start_ms=start_ms)  # noqa: S311
