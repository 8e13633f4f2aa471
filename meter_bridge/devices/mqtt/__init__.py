"""Meters over MQTT whose models are data, in ``models/`` and in the site file: no model needs code."""

from collections.abc import Iterator, Mapping
import re
from typing import TYPE_CHECKING, Final

from meter_bridge.devices.family import (
    ANY,
    NO_SETTINGS,
    Address,
    BrokerRights,
    Family,
    ModelCatalogue,
    SettingMistake,
    Settings,
)
from meter_bridge.devices.mqtt.names import MODELS, NAME, TITLE
from meter_bridge.text.marks import N_

if TYPE_CHECKING:
    from meter_bridge.devices.base.driver import Driver
    from meter_bridge.devices.base.simulated_meter import SimulatedMeter
    from meter_bridge.devices.mqtt.model import Channel, Model

_EXAMPLE: Final = "mqtt:esphome/kitchen/main"


def _models(settings: Settings) -> Mapping[str, Model]:
    from meter_bridge.devices.mqtt.model_list import models_of  # noqa: PLC0415 - only where it is used

    return models_of(settings)


def _parts(device: str) -> tuple[str, str]:
    """Return model and device of the middle part of an address."""
    model, _, name = device.partition("/")
    return model, name


def _driver(settings: Settings) -> Driver:
    from meter_bridge.devices.mqtt.driver import ModelDriver  # noqa: PLC0415 - only where it is used

    return ModelDriver(_models(settings))


def _catalogue(settings: Settings) -> ModelCatalogue:
    from meter_bridge.devices.mqtt.catalogue import Models  # noqa: PLC0415 - only where it is used

    return Models(settings)


def _simulator() -> type[SimulatedMeter]:
    from meter_bridge.devices.mqtt.simulator import ModelSimulator  # noqa: PLC0415 - only where it is used

    return ModelSimulator


def _check_settings(settings: Settings) -> tuple[SettingMistake, ...]:
    from meter_bridge.devices.mqtt.model_list import check_models  # noqa: PLC0415 - only where it is used

    return tuple(check_models(settings))


def _address_mistake(address: Address, settings: Settings) -> tuple[str, str] | None:
    from difflib import get_close_matches  # noqa: PLC0415 - only where something is wrong

    models, (name, device) = _models(settings), _parts(address.device)
    if name not in models or not device:
        near = get_close_matches(name, models, n=1)
        remedy = f"did you mean '{near[0]}'?" if near else "'meter-bridge model list' lists them all"
        if name in models:
            return f"'{address}' names no device", f"write it like {_EXAMPLE}: model, device, channel"
        return f"'{address}' names no model, as '{name}' is none", remedy
    if models[name].channel(address.channel) is None:
        known = ", ".join(models[name].channels)
        return f"model {name} has no channel '{address.channel}'", f"write one of {known}"
    return None


def _channel(address: Address, settings: Settings) -> Channel | None:
    model = _models(settings).get(_parts(address.device)[0])
    return None if model is None else model.channel(address.channel)


def _has_relay(address: Address, settings: Settings) -> bool:
    channel = _channel(address, settings)
    return channel is not None and channel.command is not None


def _rights(device: str, settings: Settings) -> BrokerRights:
    """Return what a device may do: say what its model reads, and hear what its model sends."""
    name, own = _parts(device)
    model = _models(settings).get(name)
    if model is not None and model.is_behind_gateway:
        first = own.partition("/")[0]
        topics = (f"{first}/#",)
        return BrokerRights(f"gateway at {first}", topics, topics, user=first)
    said = dict.fromkeys(topic for topic in _said(model, own))
    return BrokerRights(f"{model.title if model else name} {own}", tuple(said), _heard(model, own))


def _said(model: Model | None, device: str) -> Iterator[str]:
    for name, channel in model.channels.items() if model else ():
        for source in channel.sources():
            yield from (_topic(each, device, name) for each in source.topics)
    if model is not None and model.availability is not None:
        yield from (_topic(each, device, "") for each in model.availability.source.topics)


def _heard(model: Model | None, device: str) -> tuple[str, ...]:
    messages = (
        _topic(each.topic, device, name)
        for name, channel in (model.channels.items() if model else ())
        for each in channel.messages()
    )
    return tuple(dict.fromkeys(messages))


def _topic(topic: str, device: str, channel: str) -> str:
    from meter_bridge.devices.mqtt.model import ANY_CHANNEL, fill  # noqa: PLC0415 - only where it is used

    if channel == ANY_CHANNEL:
        topic = "/".join("+" if "{channel" in level else level for level in topic.split("/"))
    return fill(topic, device, channel)


def _commands(device: str, settings: Settings) -> tuple[str, ...]:
    if device == ANY:
        return ()
    name, own = _parts(device)
    return _heard(_models(settings).get(name), own)


FAMILY: Final = Family(
    name=NAME,
    title=TITLE,
    rank=4,
    channel=re.compile(r"[A-Za-z0-9_-]{1,40}"),
    channel_meaning="what its model calls it, after the model and the device",
    example=_EXAMPLE,
    has_relay=_has_relay,
    address_mistake=_address_mistake,
    settings=(MODELS,),
    check_settings=_check_settings,
    driver=_driver,
    rights=_rights,
    commands=_commands,
    no_register=N_("test its model on a message of the device with 'meter-bridge model try'"),
    simulator=_simulator,
    models=_catalogue,
    simulated_models=lambda: tuple(_models(NO_SETTINGS)),
)
