"""A simulated HomeWizard device: its own HTTP server on loopback, as v1 of the interface describes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import random
from typing import Final

from aiohttp import web

from meter_bridge.devices.base.simulated_physics import MICROJOULES_PER_WH, Load, Physics

HOST: Final = "127.0.0.1"
PRODUCTS: Final = {"HWE-SKT": "Energy Socket", "HWE-KWH1": "kWh Meter", "HWE-KWH3": "kWh Meter 3-phase"}
RELAY: Final = "HWE-SKT"
THREE_PHASES: Final = "HWE-KWH3"


@dataclass(kw_only=True)
class Refusals:
    """What the device does not do."""

    local_api_off: bool = False
    silent: bool = False
    """Every request ends without an answer."""
    locked: bool = False
    """The switch is locked in the app."""


class SimulatedHomeWizard:
    """One device with its server."""

    def __init__(
        self,
        serial: str,
        load: Load,
        *,
        clock: Callable[[], int],
        product: str = RELAY,
        register_wh: int = 0,
    ) -> None:
        """``clock`` returns ms since 1970 UTC; ``product`` is one of ``PRODUCTS``."""
        start = clock()
        self.serial = serial
        self.product = product
        self.refusals = Refusals()
        self.physics = Physics(
            load,
            random.Random(serial),  # noqa: S311 - a simulation
            start,
            register_uj=register_wh * MICROJOULES_PER_WH,
        )
        self._clock = clock
        self._runner: web.AppRunner | None = None
        self.host = ""
        """Host and port where it serves, for the link."""

    async def start(self, port: int = 0) -> None:
        """Serve on loopback, on a free port unless one is named."""
        application = web.Application(middlewares=[self._refuse])
        application.router.add_get("/api", self._device)
        application.router.add_get("/api/v1/data", self._data)
        application.router.add_get("/api/v1/state", self._state)
        application.router.add_put("/api/v1/state", self._move)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, port).start()
        bound = self._runner.addresses[0]
        self.host = f"{bound[0]}:{bound[1]}"

    async def stop(self) -> None:
        """Close the server."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @web.middleware
    async def _refuse(self, request: web.Request, handler: Callable[..., object]) -> web.StreamResponse:
        if self.refusals.silent:
            assert request.transport is not None
            request.transport.close()
        if self.refusals.local_api_off:
            return web.json_response({"error": {"id": 201, "description": "API not enabled"}}, status=403)
        self.physics.advance(max(self._clock(), self.physics.now_ms))
        return await handler(request)  # type: ignore[misc, no-any-return]

    async def _device(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "product_type": self.product,
                "product_name": PRODUCTS[self.product],
                "serial": self.serial,
                "firmware_version": "4.19",
                "api_version": "v1",
            }
        )

    async def _data(self, _request: web.Request) -> web.Response:
        return web.json_response(self._measured())

    def _measured(self) -> Mapping[str, object]:
        physics = self.physics
        voltage = physics.voltage_mv()
        power = physics.power_mw / 1000
        told: dict[str, object] = {
            "wifi_ssid": "Simulated",
            "wifi_strength": 80,
            "total_power_import_kwh": physics.register_wh / 1000,
            "total_power_export_kwh": 0,
            "active_power_w": power,
        }
        if self.product == THREE_PHASES:
            current = physics.current_ma(voltage) / 3000
            each = {"power_l{}_w": power / 3, "voltage_l{}_v": voltage / 1000, "current_l{}_a": current}
            return told | {
                f"active_{name.format(line)}": value for line in (1, 2, 3) for name, value in each.items()
            }
        return told | {
            "active_power_l1_w": power,
            "active_voltage_v": voltage / 1000,
            "active_current_a": physics.current_ma(voltage) / 1000,
            "active_frequency_hz": physics.frequency_mhz() / 1000,
        }

    async def _state(self, _request: web.Request) -> web.Response:
        if self.product != RELAY:
            raise web.HTTPNotFound
        return web.json_response(
            {
                "power_on": self.physics.reported_closed,
                "switch_lock": self.refusals.locked,
                "brightness": 255,
            }
        )

    async def _move(self, request: web.Request) -> web.Response:
        if self.product != RELAY:
            raise web.HTTPNotFound
        wanted = await request.json()
        if "power_on" in wanted and not self.refusals.locked:
            self.physics.move(closed=bool(wanted["power_on"]))
        return web.json_response({"power_on": self.physics.reported_closed})
