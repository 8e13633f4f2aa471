"""HomeWizard Energy Socket, kWh and P1 meters, over the device's own HTTP interface."""

from collections.abc import Sequence
import re
from typing import TYPE_CHECKING, Final

from meter_bridge.devices.family import Extra, Family
from meter_bridge.devices.homewizard.names import KWH_METER, NAME, P1_METER, SOCKET, TITLE
from meter_bridge.text.marks import N_

if TYPE_CHECKING:
    from meter_bridge.devices.base.driver import Link


def _link(host: str, addresses: Sequence[str], password: str | None) -> Link:
    from meter_bridge.devices.homewizard.link import HomeWizardLink  # noqa: PLC0415 - only where it is used

    return HomeWizardLink(host, addresses, token=password)


FAMILY: Final = Family(
    name=NAME,
    title=TITLE,
    rank=10,
    channel=re.compile(f"{SOCKET}|{KWH_METER}|{P1_METER}"),
    channel_meaning=(
        f"{SOCKET} for an Energy Socket; {KWH_METER} for a kWh meter and {P1_METER} for a P1 meter,"
        " which have no relay"
    ),
    example="homewizard:3c39e7aabbcc/1",
    has_relay=lambda address, _settings: address.channel == SOCKET,
    no_register=N_("switch on 'Local API' for it in the HomeWizard app"),
    link=_link,
    extra=Extra("homewizard", "homewizard_energy"),
)
