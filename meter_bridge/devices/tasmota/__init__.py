"""Tasmota, over MQTT."""

from collections.abc import Iterable, Iterator
import re
from typing import TYPE_CHECKING, Final

from meter_bridge.devices.family import (
    ANY,
    BrokerRights,
    Family,
    SettingMistake,
    Settings,
    Written,
    topic_mistake,
)
from meter_bridge.devices.tasmota.names import NAME, TITLE
from meter_bridge.text.marks import N_

if TYPE_CHECKING:
    from meter_bridge.devices.base.driver import Driver
    from meter_bridge.devices.base.simulated_meter import SimulatedMeter

TOTAL: Final = "1"
"""Channel of the register that a device counts over all its phases."""
FULL_TOPICS: Final = "full topics"
"""Key of the setting: layouts of devices that announce none."""
USUAL: Final = ("%prefix%/%topic%", "%topic%/%prefix%")
_REMEDY: Final = "write it as FullTopic is in the device, such as house/%prefix%/%topic%/"


def _full_topics(settings: Settings) -> tuple[str, ...]:
    written = settings.get(FULL_TOPICS, [])
    return tuple(
        each for each in (written if isinstance(written, list) else [written]) if isinstance(each, str)
    )


def _check_settings(settings: Settings) -> Iterator[SettingMistake]:
    written = settings.get(FULL_TOPICS, [])
    several = isinstance(written, list)
    for number, each in enumerate(written if isinstance(written, list) else [written]):
        mistake = _full_topic_mistake(each)
        if mistake is not None:
            yield SettingMistake((FULL_TOPICS, number) if several else (FULL_TOPICS,), *mistake)


def _full_topic_mistake(written: Written) -> tuple[str, str] | None:
    if not isinstance(written, str):
        return "one FullTopic is expected here", _REMEDY
    levels = written.removesuffix("/").split("/")
    if levels.count("%prefix%") != 1 or levels.count("%topic%") != 1:
        return f"{written!r} does not hold %prefix% and %topic% once each, as levels of their own", _REMEDY
    if any("%" in level for level in levels if level not in {"%prefix%", "%topic%"}):
        return (
            f"{written!r} holds what only the device knows",
            "write that part as its topics have it",
        )
    return topic_mistake(written.removesuffix("/"))


def _driver(settings: Settings) -> Driver:
    from meter_bridge.devices.tasmota.driver import TasmotaDriver  # noqa: PLC0415 - only where it is used

    return TasmotaDriver(_full_topics(settings))


def _simulator() -> type[SimulatedMeter]:
    from meter_bridge.devices.tasmota.simulator import TasmotaMeter  # noqa: PLC0415 - only where it is used

    return TasmotaMeter


def _rights(topic: str, settings: Settings) -> BrokerRights:
    """Source: Tasmota documentation, *MQTT*: ``tele`` and ``stat`` are the device's, ``cmnd`` is others'.

    Its discovery is written by nobody: whoever may write it could announce a neighbour's topic with another
    layout, and take the neighbour's commands away.
    """
    layouts = (*USUAL, *_full_topics(settings))
    return BrokerRights(
        f"Tasmota {topic}", _topics(("tele", "stat"), topic, layouts), _topics(("cmnd",), topic, layouts)
    )


def _topics(prefixes: Iterable[str], topic: str, full_topics: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        f"{full_topic.removesuffix('/')}/+".replace("%prefix%", prefix).replace("%topic%", topic)
        for prefix in prefixes
        for full_topic in full_topics
    )


def _commands(device: str, settings: Settings) -> tuple[str, ...]:
    usual = ("cmnd/#", "+/cmnd/#") if device == ANY else (f"{device}/cmnd/+",)
    return usual + _topics(("cmnd",), device, _full_topics(settings))


def _local_cut_off(energy: str, relay: str) -> str | None:
    if energy != TOTAL or not relay.isdecimal():
        return "a tasmota device watches the register of all its phases, not of one"
    return None


FAMILY: Final = Family(
    name=NAME,
    title=TITLE,
    rank=1,
    channel=re.compile(r"[1-8]|phase[1-8]"),
    channel_meaning=(
        "the relay's number from 1 to 8 (1 has the register), or phase1 to phase8 with SetOption129"
    ),
    example="tasmota:kitchen/1",
    settings=(FULL_TOPICS,),
    check_settings=lambda settings: tuple(_check_settings(settings)),
    driver=_driver,
    rights=_rights,
    commands=_commands,
    no_register=N_(
        "switch its energy measurement on in Tasmota, or let the script of a smart meter name its total"
        " 'Total_in' under 'SML'"
    ),
    local_cut_off=_local_cut_off,
    simulator=_simulator,
)
