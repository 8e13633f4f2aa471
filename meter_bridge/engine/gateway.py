"""The way to the devices: MQTT drivers and links without a broker, behind one transport."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
import logging
import os
from typing import Final

from meter_bridge.core.supply.local_cutoff import CutOffRequest
from meter_bridge.devices.addresses import is_same_device, parse_address
from meter_bridge.devices.base.driver import (
    Driver,
    Link,
    LinkCutsLocally,
    Publish,
    ReportSink,
    SupportsLocalCutOff,
)
from meter_bridge.devices.broker.connection import MqttConnection
from meter_bridge.devices.broker.session import MakeClient, gmqtt_client
from meter_bridge.devices.broker.url import MqttSettings
from meter_bridge.devices.family import NO_SETTINGS, FamilySettings
from meter_bridge.devices.registry import build_drivers, families
from meter_bridge.engine.state.model import CutOffSlot, Installation, Meter
from meter_bridge.protocol.vocabulary import RelayPosition
from meter_bridge.storage.shards import WHOLE, Shard

_LOGGER: Final = logging.getLogger(__name__)
LINK_PAUSE_S: Final = 5.0
"""After an error in a link, before it begins anew."""


class Gateway:
    """Owns the connections and finds the right one for a meter."""

    def __init__(
        self,
        settings: MqttSettings | None,
        sink: ReportSink,
        on_connected: Callable[[bool], None],
        *,
        shard: Shard = WHOLE,
        make_client: MakeClient = gmqtt_client,
    ) -> None:
        """Build the drivers; nothing connects before ``start``. Without settings there is no broker."""
        self._sink = sink
        self._families: FamilySettings = NO_SETTINGS
        self._drivers: dict[str, Driver] = {driver.family: driver for driver in build_drivers()}
        self._links: dict[str, Link] = {}
        self._link_of: dict[str, Link] = {}
        self._link_settings: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._send_tasks: set[asyncio.Task[None]] = set()
        self.connection = (
            MqttConnection(
                settings,
                list(self._drivers.values()),
                sink,
                on_connected,
                own_topics_only=shard.count > 1,
                make_client=make_client,
            )
            if settings is not None
            else None
        )

    def start(self, installation: Installation) -> None:
        """Connect to everything in use."""
        self.set_meters(installation)
        if self.connection is not None:
            self.connection.start()

    async def stop(self) -> None:
        """End every connection."""
        if self.connection is not None:
            await self.connection.stop()
        tasks = [*self._tasks.values(), *self._send_tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def set_meters(self, installation: Installation) -> None:
        """Tell drivers and links which meters are in use, and build those anew whose settings changed."""
        self._apply_settings(installation.families)
        addresses = dict.fromkeys([*installation.by_energy_address, *installation.by_relay_address])
        for family, driver in self._drivers.items():
            # A driver reads each address that it is given; with many meters only its own are worth it.
            driver.assign([address for address in addresses if address.startswith(f"{family}:")])
        if self.connection is not None:
            self.connection.use_drivers(self._drivers.values())
            self.connection.refresh()
        self._assign_links(installation)

    def _apply_settings(self, families: FamilySettings) -> None:
        changed = [
            name
            for name in self._drivers
            if families.get(name, NO_SETTINGS) != self._families.get(name, NO_SETTINGS)
        ]
        self._families = families
        self._drivers |= {each.family: each for each in build_drivers(names=changed, settings=families)}

    def _assign_links(self, installation: Installation) -> None:
        wanted: dict[str, tuple[str, tuple[str, ...]]] = {}
        for meter in installation.meters.values():
            if meter.plan.host is not None:
                password, found = wanted.get(meter.plan.host, (meter.plan.password_env or "", ()))
                wanted[meter.plan.host] = (password, tuple(dict.fromkeys((*found, *_at_host(meter)))))
        for host in [host for host, what in self._link_settings.items() if wanted.get(host) != what]:
            self._tasks.pop(host).cancel()
            self._links.pop(host)
            del self._link_settings[host]
        for host, (password_env, addresses) in wanted.items():
            if host not in self._link_settings:
                self._start_link(host, password_env, addresses)
        self._link_of = {address: link for link in self._links.values() for address in link.addresses}

    @staticmethod
    def missing_passwords(installation: Installation) -> list[str]:
        """Return what is wrong with the passwords that meters name, each with its remedy."""
        return [
            f"meter {meter.id}: the environment variable {name} with its password is not set; set it for the"
            " bridge, or change 'password variable' in the site file"
            for meter in installation.meters.values()
            if (name := meter.plan.password_env) and name not in os.environ
        ]

    def _start_link(self, host: str, password_env: str, addresses: tuple[str, ...]) -> None:
        password = os.environ.get(password_env) if password_env else None
        if password_env and password is None:
            _LOGGER.warning(
                "%s: the environment variable %s with its password is not set", host, password_env
            )
        make_link = families()[parse_address(addresses[0]).family].link
        if make_link is None:
            return
        try:
            link = make_link(host, addresses, password)
        except ValueError as error:
            _LOGGER.warning("No connection to %s: %s", host, error)
            return
        self._links[host] = link
        self._link_settings[host] = (password_env, addresses)
        self._tasks[host] = asyncio.create_task(_keep_running(link, host, self._sink), name=f"link {host}")

    def switch(self, meter: Meter, position: RelayPosition) -> bool:
        """Hand over a relay command; False while there is no way to the device."""
        address = meter.plan.relay_address
        if address is None:
            return False
        link = self._link_of.get(address)
        if link is not None:
            return self._send_over(link, link.switch(address, position))
        return self._publish(address, lambda driver, of: driver.switch(of, position))

    def query(self, meter: Meter) -> bool:
        """Ask for a fresh reading and the relay; False while there is no way to the device."""
        # One question tells everything of a device that is reached by a link.
        by_way = {self._link_of.get(address, address): address for address in reversed(_addresses(meter))}
        asked = [self._query(address) for address in by_way.values()]
        return all(asked)

    def cut_off(
        self, place: CutOffSlot, step: CutOffRequest, relay_address: str, limit_wh: int | None
    ) -> bool:
        """Ask for, write or withdraw a local cut-off; False while there is no way to the device."""
        address, slot = place
        link = self._link_of.get(address)
        if isinstance(link, LinkCutsLocally):
            return self._send_over(link, _cut_off_of(link, place, step, relay_address, limit_wh))

        def messages(driver: Driver, address: str) -> Sequence[Publish]:
            if not isinstance(driver, SupportsLocalCutOff):
                return ()
            if step is CutOffRequest.ASK:
                return driver.ask_cut_off(address, slot)
            if step is CutOffRequest.WITHDRAW or limit_wh is None:
                return driver.withdraw_cut_off(address, slot)
            return driver.write_cut_off(address, slot, relay_address, limit_wh)

        return self._publish(address, messages)

    def _query(self, address: str) -> bool:
        link = self._link_of.get(address)
        if link is not None:
            return self._send_over(link, link.query(address))
        return self._publish(address, lambda driver, of: driver.query(of))

    def _send_over(self, link: Link, sending: Coroutine[object, object, None]) -> bool:
        if not link.connected:
            sending.close()
            return False
        task = asyncio.create_task(_send_ignoring_loss(sending))
        self._send_tasks.add(task)
        task.add_done_callback(self._send_tasks.discard)
        return True

    def _publish(self, address: str, messages: Callable[[Driver, str], Sequence[Publish]]) -> bool:
        connection = self.connection
        if connection is None or not connection.connected:
            return False
        driver = self._drivers.get(parse_address(address).family)
        if driver is None:
            return False
        sent = [connection.send(message) for message in messages(driver, address)]
        return all(sent)


def _cut_off_of(
    link: LinkCutsLocally, place: CutOffSlot, step: CutOffRequest, relay_address: str, limit_wh: int | None
) -> Coroutine[object, object, None]:
    address, slot = place
    if step is CutOffRequest.ASK:
        return link.ask_cut_off(address, slot)
    if step is CutOffRequest.WITHDRAW or limit_wh is None:
        return link.withdraw_cut_off(address, slot)
    return link.write_cut_off(address, slot, relay_address, limit_wh)


def _addresses(meter: Meter) -> tuple[str, ...]:
    both = (meter.plan.energy_address, meter.plan.relay_address)
    return tuple(dict.fromkeys(address for address in both if address is not None))


def _at_host(meter: Meter) -> tuple[str, ...]:
    """Return the addresses of the device that counts; a relay may be another's, behind the broker."""
    energy = meter.plan.energy_address
    return tuple(address for address in _addresses(meter) if is_same_device(energy, address))


async def _keep_running(link: Link, host: str, sink: ReportSink) -> None:
    """Run a link for ever: an error of ours or of a library must not end the only way to a device."""
    while True:
        try:
            await link.run(sink)
        except Exception:
            _LOGGER.exception("The connection to %s ended in an error; trying again", host)
        await asyncio.sleep(LINK_PAUSE_S)


async def _send_ignoring_loss(sending: Coroutine[object, object, None]) -> None:
    """Send; a connection lost meanwhile is retried by the outbox."""
    try:
        await sending
    except (ConnectionError, TimeoutError) as error:
        _LOGGER.debug("A command was not sent: %s", error)
