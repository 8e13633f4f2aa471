"""Shapes of Shelly Gen2+ RPC frames and components, only the members that a meter needs.

Source: Shelly technical documentation, *RPC Protocol*, *Notifications*, *Switch*, *PM1*, *EM*, *EM1*.
Energy is in Wh.
"""

from typing import Final

import msgspec

from meter_bridge.devices.base.quantities import Minor

type Components = dict[str, msgspec.Raw]
ABSENT: Final = msgspec.Raw()
"""What a frame without the member holds."""


class Counter(msgspec.Struct, frozen=True):
    """``aenergy`` or ``ret_aenergy``; ``minute_ts`` tells which minute's notification brought it."""

    total: float | None = None
    minute_ts: Minor = None


class Switching(msgspec.Struct, frozen=True):
    """A ``switch`` or ``pm1`` component; a notification holds only what changed."""

    output: Minor = None
    apower: Minor = None
    voltage: Minor = None
    current: Minor = None
    freq: Minor = None
    pf: Minor = None
    aenergy: Counter | None = None
    ret_aenergy: Counter | None = None


class ThreePhase(msgspec.Struct, frozen=True):
    """An ``em`` component: three phases and their sums."""

    total_act_power: Minor = None
    total_current: Minor = None
    a_voltage: Minor = None
    a_current: Minor = None
    a_act_power: Minor = None
    a_pf: Minor = None
    a_freq: Minor = None
    b_voltage: Minor = None
    b_current: Minor = None
    b_act_power: Minor = None
    b_pf: Minor = None
    c_voltage: Minor = None
    c_current: Minor = None
    c_act_power: Minor = None
    c_pf: Minor = None


class ThreePhaseData(msgspec.Struct, frozen=True):
    """An ``emdata`` component; ``total_act`` is imported energy alone."""

    total_act: float | None = None
    total_act_ret: Minor = None


class SinglePhase(msgspec.Struct, frozen=True):
    """An ``em1`` component."""

    act_power: Minor = None
    voltage: Minor = None
    current: Minor = None
    freq: Minor = None
    pf: Minor = None


class SinglePhaseData(msgspec.Struct, frozen=True):
    """An ``em1data`` component; ``total_act_energy`` is imported energy alone."""

    total_act_energy: float | None = None
    total_act_ret_energy: Minor = None


class Failure(msgspec.Struct, frozen=True):
    """Why a request was refused; with code 401 the message is a challenge in JSON."""

    code: int
    message: str = ""


class Identity(msgspec.Struct, frozen=True):
    """What a full status or ``Shelly.GetDeviceInfo`` says of which device answers."""

    mac: Minor = None
    sys: Minor = None


class Frame(msgspec.Struct, frozen=True):
    """A notification (``method``, ``params``) or an answer (``id``, ``result`` or ``error``)."""

    id: Minor = None
    src: Minor = None
    method: str | None = None
    params: msgspec.Raw = ABSENT
    result: msgspec.Raw = ABSENT
    error: Failure | None = None


class DeviceInformation(msgspec.Struct, frozen=True):
    """The answer to ``Shelly.GetDeviceInfo``."""

    name: Minor = None
    model: Minor = None
    ver: Minor = None


IDENTITY: Final = msgspec.json.Decoder(Identity)
FRAME: Final = msgspec.json.Decoder(Frame)
COMPONENTS: Final = msgspec.json.Decoder(Components)
SWITCHING: Final = msgspec.json.Decoder(Switching)
THREE_PHASE: Final = msgspec.json.Decoder(ThreePhase)
THREE_PHASE_DATA: Final = msgspec.json.Decoder(ThreePhaseData)
SINGLE_PHASE: Final = msgspec.json.Decoder(SinglePhase)
SINGLE_PHASE_DATA: Final = msgspec.json.Decoder(SinglePhaseData)
DEVICE_INFORMATION: Final = msgspec.json.Decoder(DeviceInformation)
ANYTHING: Final[msgspec.json.Decoder[Minor]] = msgspec.json.Decoder()
