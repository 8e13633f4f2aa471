"""A HomeWizard device, asked over HTTP (v1), or over HTTPS with a token (v2).

Source: HomeWizard's API documentation. Only v1 switches an Energy Socket; v2 needs a token that the device
gives out within seconds of a press on its button.
"""

from collections.abc import Sequence
from typing import Final, override

import aiohttp
from homewizard_energy import HomeWizardEnergyV1, HomeWizardEnergyV2
from homewizard_energy.const import Model
from homewizard_energy.errors import (
    DisabledError,
    HomeWizardEnergyException,
    UnauthorizedError,
    UnsupportedError,
)
from homewizard_energy.models import Device, State, get_verification_hostname
from mashumaro.exceptions import InvalidFieldValue, MissingField

from meter_bridge.devices.addresses import parse_address
from meter_bridge.devices.base.driver import Discovered, Item, Rejected
from meter_bridge.devices.base.quantities import TELEMETRY_LIMIT, UnreadableError
from meter_bridge.devices.homewizard.names import KWH_METER, P1_METER, SOCKET
from meter_bridge.devices.homewizard.readings import items_of
from meter_bridge.devices.polling import INTERVAL_S, TIMEOUT_S, DeviceError, PollingLink
from meter_bridge.protocol.vocabulary import RelayPosition

REQUEST_TIMEOUT_S: Final = 5
NOT_READABLE: Final = (AttributeError, InvalidFieldValue, LookupError, MissingField, TypeError, ValueError)
"""What the library raises for an answer of another form."""
MODELS: Final = {
    SOCKET: Model.ENERGY_SOCKET,
    KWH_METER: Model.ENERGY_METER_1_PHASE,
    P1_METER: Model.P1_METER,
}
"""A model of each channel; all kWh meters name themselves alike in their certificates."""


LOCKED: Final = "its switch is locked, so that it cannot be cut: unlock it in the HomeWizard app"


class BoundedResponse(aiohttp.ClientResponse):
    """An answer of which no more is read than any device of the family sends."""

    @override
    async def read(self) -> bytes:
        if self._body is None:
            body = bytearray()
            async for part in self.content.iter_any():
                body += part
                if len(body) > TELEMETRY_LIMIT:
                    self.close()
                    raise UnreadableError("too_large", f"more than {TELEMETRY_LIMIT} bytes")
            self._body = bytes(body)
        return self._body


class HomeWizardLink(PollingLink):
    """One device."""

    def __init__(
        self,
        host: str,
        addresses: Sequence[str],
        *,
        token: str | None = None,
        interval_s: float = INTERVAL_S,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        super().__init__(host, addresses, interval_s=interval_s, timeout_s=timeout_s)
        self._token = token
        self._session: aiohttp.ClientSession | None = None
        self._client: HomeWizardEnergyV1 | HomeWizardEnergyV2 | None = None
        self._known: Device | None = None

    @override
    async def read(self) -> Sequence[Item]:
        client = self._opened()
        offered: Sequence[Item] = ()
        try:
            if self._known is None:
                self._known = await self._identified(client)
                offered = [self._offer(each, self._known) for each in self.addresses]
            told = await client.measurement()
            state = await client.state() if self._has_relay(self._known) else None
        except HomeWizardEnergyException as error:
            raise _explained(error) from error
        except UnreadableError:
            raise
        except NOT_READABLE as error:
            raise UnreadableError("wrong_type", str(error)) from error
        read = [item for each in self.addresses for item in items_of(each, told, state, self.host)]
        if state is not None and state.switch_lock:
            read.append(Rejected("switch_locked", self.host, LOCKED))
        return [*offered, *read]

    @override
    async def move(self, channel: str, position: RelayPosition) -> None:
        client = self._opened()
        if channel != SOCKET:
            raise DeviceError("a kWh or P1 meter has no relay: name another in the site file, or none")
        try:
            if self._known is None:
                self._known = await self._identified(client)
            state: State = await client.state(power_on=position is RelayPosition.CLOSED)
        except UnsupportedError as error:
            raise DeviceError(
                "it cannot be switched: name another relay, and reach an Energy Socket without a token"
            ) from error
        except HomeWizardEnergyException as error:
            raise _explained(error) from error
        except NOT_READABLE as error:
            raise DeviceError(f"it answered a command with something else: {error}") from error
        if state.power_on is not None and state.power_on is not (position is RelayPosition.CLOSED):
            raise DeviceError(LOCKED)

    @override
    async def close(self) -> None:
        session, self._session, self._client, self._known = self._session, None, None, None
        if session is not None:
            await session.close()

    def _opened(self) -> HomeWizardEnergyV1 | HomeWizardEnergyV2:
        if self._client is None:
            self._session = aiohttp.ClientSession(
                response_class=BoundedResponse, connector=aiohttp.TCPConnector(limit=1)
            )
            if self._token is None:
                self._client = HomeWizardEnergyV1(self.host, self._session, timeout=REQUEST_TIMEOUT_S)
            else:
                model = MODELS[parse_address(self.addresses[0]).channel]
                name = get_verification_hostname(model, self.device)
                self._client = HomeWizardEnergyV2(
                    self.host, name, self._token, self._session, timeout=REQUEST_TIMEOUT_S
                )
        return self._client

    async def _identified(self, client: HomeWizardEnergyV1 | HomeWizardEnergyV2) -> Device:
        device = await client.device()
        if device.serial != self.device:
            raise DeviceError(
                f"another device answers, {device.product_name} {device.serial}: correct its host or address"
            )
        return device

    def _has_relay(self, device: Device) -> bool:
        switched = any(parse_address(each).channel == SOCKET for each in self.addresses)
        return switched and device.supports_state() and self._token is None

    @staticmethod
    def _offer(address: str, device: Device) -> Discovered:
        return Discovered(
            address,
            device.product_name,
            model=device.product_type,
            firmware=device.firmware_version,
            has_relay=device.supports_state(),
        )


def _explained(error: HomeWizardEnergyException) -> DeviceError:
    if isinstance(error, DisabledError):
        return DeviceError("its local interface is off: switch on 'Local API' in the HomeWizard app")
    if isinstance(error, UnauthorizedError):
        return DeviceError("it refuses the token: make a new one and set it in the password variable")
    return DeviceError(str(error))
