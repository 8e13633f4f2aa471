"""Making simulated meters by family."""

import random

from meter_bridge.devices.base.simulated_meter import MeterSettings, SimulatedMeter
from meter_bridge.devices.base.simulated_physics import Load
from meter_bridge.devices.registry import families, usual_family


def simulated_meter(  # noqa: PLR0913 - each says one thing of a meter, and all but two have defaults
    name: str,
    family: str | None = None,
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
    """Return a meter whose time begins at ``start_ms`` (ms since 1970); the same seed behaves the same.

    ``family`` is a family's name, by default that of the usual one.
    """
    kind = usual_family() if family is None else families()[family]
    settings = MeterSettings(
        name=name,
        load=load,
        load_w=load_w,
        register_wh=register_wh,
        interval_ms=max(1, round(interval_s * 1000)),
        closed=closed,
        phases=phases,
    )
    return kind.simulator()(settings, random=random.Random(f"{seed}/{name}"), start_ms=start_ms)  # noqa: S311
