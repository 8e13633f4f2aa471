"""Numbers by which a Zigbee device says that it has no value.

Source: Zigbee Cluster Library, *Data Types* (each type has an invalid value) and the attributes of
*Metering* and *Electrical Measurement*. The gateway multiplies what it heard by the device's multiplier and
divisor, so a marker is published at any power of ten: no active power is -32768, -3276.8 or -327.68 W. It may
have rounded the result to two decimals.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

INT16: Final = -0x8000
INT24: Final = -0x800000
INT32: Final = -0x80000000
UINT16: Final = 0xFFFF
UINT32: Final = 0xFFFFFFFF
UINT48: Final = 0xFFFFFFFFFFFF
PUBLISHED: Final = Decimal("0.01")


def _published(markers: tuple[int, ...], powers_of_ten: range) -> frozenset[float]:
    """Return the markers as they may arrive: exact, rounded, or as a product of floats."""
    exact = {Decimal(marker).scaleb(power) for marker in markers for power in powers_of_ten}
    rounded = {value.quantize(PUBLISHED, ROUND_HALF_UP) for value in exact}
    products = {marker * 10.0**power for marker in markers for power in powers_of_ten}
    in_watts = {marker * 10.0 ** (power - 3) * 1000 for marker in markers for power in powers_of_ten}
    return frozenset(map(float, exact | rounded)) | products | in_watts


NO_POWER: Final = _published((INT16, INT24, INT32), range(-3, 4))
"""``activePower``, ``instantaneousDemand`` (in kW, published in W), ``totalActivePower``."""
NO_VOLTAGE: Final = _published((UINT16, INT16), range(-3, 1))
"""``rmsVoltage``, ``dcVoltage``."""
NO_CURRENT: Final = NO_VOLTAGE
"""``rmsCurrent``, ``dcCurrent``."""
NO_ENERGY: Final = _published((UINT48,), range(-6, 1)) | _published((UINT32,), range(-3, 1))
"""``currentSummDelivered``, ``currentSummReceived``, and counters of 32 bits in clusters of manufacturers."""
