"""Zigbee2MQTT: meters behind its gateway."""

from collections.abc import Iterator
import re
from typing import TYPE_CHECKING, Final

from meter_bridge.devices.family import (
    ANY,
    BrokerRights,
    Family,
    SettingMistake,
    Settings,
    topic_mistake,
)
from meter_bridge.devices.zigbee2mqtt.names import BASE, BASE_TOPICS, NAME, TITLE
from meter_bridge.text.marks import N_

if TYPE_CHECKING:
    from meter_bridge.devices.base.driver import Driver
    from meter_bridge.devices.base.simulated_meter import SimulatedMeter


def _base_topics(settings: Settings) -> tuple[str, ...]:
    """Return the base topic of each gateway; devices of the first are named without it."""
    written = settings.get(BASE_TOPICS, [BASE])
    named = written if isinstance(written, list) else [written]
    return tuple(each for each in named if isinstance(each, str)) or (BASE,)


def _gateway(device: str, settings: Settings) -> tuple[str, str]:
    """Return the base topic of a device's gateway, and the device's name there."""
    first, *others = _base_topics(settings)
    base = next((each for each in others if device.startswith(f"{each}/")), None)
    return (first, device) if base is None else (base, device.removeprefix(f"{base}/"))


def _check_settings(settings: Settings) -> Iterator[SettingMistake]:
    written = settings.get(BASE_TOPICS, [BASE])
    named = written if isinstance(written, list) else [written]
    if not named:
        yield SettingMistake(
            (BASE_TOPICS,), "no base topic is named", "write at least one, or remove the key"
        )
    for number, each in enumerate(named):
        path = (BASE_TOPICS, number) if isinstance(written, list) else (BASE_TOPICS,)
        mistake = topic_mistake(each)
        if mistake is not None:
            yield SettingMistake(path, *mistake)
            continue
        other = next((other for other in named[:number] if _overlap(str(each), str(other))), None)
        if other is not None:
            yield SettingMistake(
                path,
                f"topics of {each!r} and of {other!r} cannot be told apart",
                "give each gateway a base topic of its own, such as zigbee2mqtt and zigbee-garage",
            )


def _overlap(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _driver(settings: Settings) -> Driver:
    from meter_bridge.devices.zigbee2mqtt.driver import Zigbee2MqttDriver  # noqa: PLC0415 - only where used

    return Zigbee2MqttDriver(*_base_topics(settings))


def _simulator() -> type[SimulatedMeter]:
    from meter_bridge.devices.zigbee2mqtt.simulator import Zigbee2MqttMeter  # noqa: PLC0415 - only where used

    return Zigbee2MqttMeter


def _rights(device: str, settings: Settings) -> BrokerRights:
    """Return the rights of the gateway, which speaks for all of its devices."""
    base, _ = _gateway(device, settings)
    topics = (f"{base}/#",)
    whose = "Zigbee2MQTT gateway" if base == BASE else f"Zigbee2MQTT gateway at {base}"
    return BrokerRights(whose, topics, topics, user=base)


def _commands(device: str, settings: Settings) -> tuple[str, ...]:
    if device == ANY:
        return tuple(f"{base}/+/{verb}" for base in _base_topics(settings) for verb in ("set", "get"))
    base, name = _gateway(device, settings)
    return f"{base}/{name}/set", f"{base}/{name}/get"


FAMILY: Final = Family(
    name=NAME,
    title=TITLE,
    rank=3,
    channel=re.compile(r"state[A-Za-z0-9_]{0,60}|[a-z0-9_]{0,30}(?:energy|summ_delivered)[a-z0-9_]{0,30}"),
    channel_meaning="the property of its relay such as state or state_l1, or of its register such as energy",
    example="zigbee2mqtt:Plug 7/state",
    has_relay=lambda address, _settings: address.channel.startswith("state"),
    settings=(BASE_TOPICS,),
    check_settings=lambda settings: tuple(_check_settings(settings)),
    driver=_driver,
    rights=_rights,
    commands=_commands,
    no_register=N_("set 'output: json' in Zigbee2MQTT, and look there whether the device has a register"),
    simulator=_simulator,
)
