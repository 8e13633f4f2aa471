"""Shelly, generation 2 and later: over MQTT, or without a broker over the device's own WebSocket."""

from collections.abc import Sequence
import re
from typing import TYPE_CHECKING, Final

from meter_bridge.devices.family import (
    BrokerRights,
    Family,
    SettingMistake,
    Settings,
    topic_mistake,
)
from meter_bridge.devices.shelly.names import NAME, TITLE
from meter_bridge.text.marks import N_

if TYPE_CHECKING:
    from meter_bridge.devices.base.driver import Driver, Link
    from meter_bridge.devices.base.simulated_meter import SimulatedMeter

SOURCE: Final = "prepaid-meter-bridge"
"""Topic under which devices answer where the site file names none; two bridges on one broker need two."""
ANSWER_TOPIC: Final = "answer topic"
"""Key of the setting."""
CLAMP: Final = "em1:"
"""Begins the channel of a single-phase clamp, which has no relay."""


def _source(settings: Settings) -> str:
    written = settings.get(ANSWER_TOPIC, SOURCE)
    return written if isinstance(written, str) else SOURCE


def _check_settings(settings: Settings) -> Sequence[SettingMistake]:
    mistake = topic_mistake(settings.get(ANSWER_TOPIC, SOURCE))
    return () if mistake is None else (SettingMistake((ANSWER_TOPIC,), *mistake),)


def _driver(settings: Settings) -> Driver:
    from meter_bridge.devices.shelly.driver import ShellyDriver  # noqa: PLC0415 - only where it is used

    return ShellyDriver(_source(settings))


def _link(host: str, addresses: Sequence[str], password: str | None) -> Link:
    from meter_bridge.devices.shelly.websocket import ShellyWebSocket  # noqa: PLC0415 - only where it is used

    return ShellyWebSocket(host, addresses, password=password, source=SOURCE)


def _simulator() -> type[SimulatedMeter]:
    from meter_bridge.devices.shelly.simulator import ShellyMeter  # noqa: PLC0415 - only where it is used

    return ShellyMeter


def _rights(prefix: str, settings: Settings) -> BrokerRights:
    """Source: Shelly technical documentation, *MQTT* and *RPC Channels*; answers go to who asked."""
    own = ("online", "events/rpc", "status/+")
    return BrokerRights(
        f"Shelly {prefix}",
        (*(f"{prefix}/{each}" for each in own), f"{_source(settings)}/{prefix}/rpc"),
        (f"{prefix}/rpc", f"{prefix}/command", f"{prefix}/command/+"),
    )


FAMILY: Final = Family(
    name=NAME,
    title=TITLE,
    rank=2,
    channel=re.compile(rf"[0-9]{{1,3}}|{CLAMP}[0-9]{{1,3}}"),
    channel_meaning="the number of its switch, pm1 or em component from 0, or em1:0 for a single-phase clamp",
    example="shelly:shellyplus1pm-a8032ab12345/0",
    has_relay=lambda address, _settings: not address.channel.startswith(CLAMP),
    settings=(ANSWER_TOPIC,),
    check_settings=_check_settings,
    driver=_driver,
    rights=_rights,
    commands=lambda device, _settings: (f"{device}/rpc",),
    no_register=N_(
        "switch on 'RPC status notifications' in the device's MQTT settings, and check its password if it is"
        " reached over Wi-Fi"
    ),
    link=_link,
    simulator=_simulator,
)
