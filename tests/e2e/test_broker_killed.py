"""Without its broker the bridge serves what it knows, reports it, and recovers by itself."""

from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.homeassistant import HomeAssistant
from scripts.lib.demo.mosquitto import Mosquitto
from scripts.lib.demo.street import Street
from scripts.lib.demo.waiting import until

SOON_S = 40.0


async def health_is(api: BridgeApi, wanted: str) -> tuple[str, ...] | None:
    status, reasons = await api.health()
    return tuple(reasons) if status == wanted else None


async def alerts_are(api: BridgeApi, wanted: list[str]) -> bool | None:
    """Return True once these alerts are open; health changes at once, an alert once it is stored."""
    return [alert.kind.value for alert in await api.alerts() if alert.account_id is None] == wanted or None


async def test_a_killed_broker_is_reported_and_reconnected(
    mosquitto: Mosquitto, bridge: BridgeProcess, api: BridgeApi, home: HomeAssistant, street: Street
) -> None:
    await until("the bridge is well", lambda: health_is(api, "ok"), SOON_S)
    pid, before = bridge.pid, await api.account("calm")
    await mosquitto.kill()
    reasons = await until("the bridge says so", lambda: health_is(api, "degraded"), SOON_S)
    assert any("broker" in reason for reason in reasons), reasons
    await until("an alert is open", lambda: alerts_are(api, ["broker_lost"]), SOON_S)
    assert (await api.account("calm")).balance == before.balance
    assert await home.state("sensor.calm_balance") not in {None, "unavailable", "unknown"}
    await until("Home Assistant says so", lambda: is_state(home, "on"), SOON_S)

    await mosquitto.start()
    await until("the bridge is well again", lambda: health_is(api, "ok"), SOON_S)
    await until("Home Assistant is calm", lambda: is_state(home, "off"), SOON_S)
    street.dials["calm"].watts = 10_000
    known = before.meters[0].register_wh or 0

    async def rises() -> bool | None:
        register = (await api.account("calm")).meters[0].register_wh or 0
        return register > known + 5 or None

    await until("readings come again", rises, SOON_S)
    street.dials["calm"].watts = 150
    assert bridge.pid == pid


async def is_state(home: HomeAssistant, wanted: str) -> bool | None:
    return (await home.state("binary_sensor.test_house_alerts")) == wanted or None


async def test_a_wifi_meter_does_not_need_the_broker(
    mosquitto: Mosquitto, api: BridgeApi, street: Street
) -> None:
    meter = street.meter("shellyplugsg3-e2e002")
    await mosquitto.kill()
    try:
        await api.supply("shelly-wifi", "off", "a test")
        await until("the contact opens", lambda: position(street, closed=False), SOON_S)
        await api.supply("shelly-wifi", "on", "a test")
        await until("the contact closes", lambda: position(street, closed=True), SOON_S)
        await api.supply("shelly-wifi", "auto")
    finally:
        await mosquitto.start()
    assert meter.physics.reported_closed


async def position(street: Street, *, closed: bool) -> bool | None:
    return street.meter("shellyplugsg3-e2e002").physics.contact_closed is closed or None
