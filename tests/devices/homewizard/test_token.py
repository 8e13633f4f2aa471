"""HomeWizard's second interface, HTTPS with a token, against a stand-in for a device.

The library trusts HomeWizard's authority alone, whose key nobody here has: the tests replace it.
"""

from collections.abc import AsyncIterator
from pathlib import Path
import ssl
from typing import Final

from aiohttp import web
import pytest

from tests.certificates import certificate
from tests.devices.homewizard.test_link import KWH, SERIAL, linked
from tests.devices.support import eventually

TOKEN: Final = "0123456789ABCDEF"
MEASUREMENT: Final = {
    "energy_import_kwh": 123.456,
    "energy_export_kwh": 78.910,
    "power_w": 123,
    "voltage_v": 230,
    "current_a": 1.5,
    "frequency_hz": 50,
}
DEVICE: Final = {
    "product_type": "HWE-KWH1",
    "product_name": "kWh Meter",
    "serial": SERIAL,
    "firmware_version": "4.06",
    "api_version": "2.0.0",
}


async def _answer(request: web.Request) -> web.Response:
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        return web.json_response({"error": {"code": "user:unauthorized"}}, status=401)
    return web.json_response(DEVICE if request.path == "/api" else MEASUREMENT)


@pytest.fixture(params=[f"appliance/energymeter/{SERIAL}"])
async def host(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    chain, key = certificate(tmp_path, common_name=request.param)
    monkeypatch.setattr("homewizard_energy.v2.CACERT", chain.read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    application = web.Application()
    application.router.add_get("/api", _answer)
    application.router.add_get("/api/measurement", _answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    bound = runner.addresses[0]
    yield f"{bound[0]}:{bound[1]}"
    await runner.cleanup()


async def test_a_meter_is_read_with_its_token(host: str) -> None:
    async with linked(host, [KWH], TOKEN) as bench:
        await eventually(lambda: any(each.register_wh == 123_456 for each in bench.told()))
        told = bench.told()[-1]
        assert (told.returned_wh, told.power_mw, told.voltage_mv, told.relay) == (
            78_910,
            123_000,
            230_000,
            None,
        )


async def test_a_wrong_token_is_told_with_the_remedy(host: str) -> None:
    async with linked(host, [KWH], "wrong") as bench:
        await eventually(lambda: "refuses the token: make a new one" in str(bench.link.problem))
        assert not bench.link.connected


@pytest.mark.parametrize("host", ["appliance/energymeter/3c39e7000000"], indirect=True)
async def test_a_device_with_another_name_in_its_certificate_is_not_told_the_token(host: str) -> None:
    async with linked(host, [KWH], TOKEN) as bench:
        await eventually(lambda: bench.link.problem)
        assert bench.items == []
