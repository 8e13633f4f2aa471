"""Whatever others publish is counted and survived, and charges nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
import json
import re

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.broker.session import BrokerSession
from meter_bridge.devices.broker.url import parse_broker_url
from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.mosquitto import Mosquitto
from scripts.lib.demo.street import Street
from scripts.lib.demo.waiting import until

SOON_S = 30.0
DEEP = b"[" * 20_000 + b"]" * 20_000
PAYLOADS = (
    b"",
    b"\xff\xfe\x00garbage",
    b"{",
    b"null",
    b'"text"',
    b"[]",
    b"NaN",
    b'{"ENERGY": null}',
    b'{"ENERGY": {"Total": "much", "Power": []}}',
    b'{"ENERGY": {"Total": -1e308, "Power": 1e308}}',
    b'{"ENERGY": {"Total": 99999999999999999999999}}',
    b'{"energy": "lots", "power": {}, "state": 7}',
    b'{"energy": -5}',
    b'{"src": 1, "method": "NotifyStatus", "params": {"switch:0": {"aenergy": {"total": "x"}}}}',
    b'{"src": "x", "method": "NotifyStatus", "params": {"switch:0": {"aenergy": {"total": -1}}}}',
    DEEP,
    b"x" * 3_000_000,
    json.dumps({"ENERGY": {"Total": 1, "note": "y" * 2_000_000}}).encode(),
)
TOPICS = (
    "tele/calm/SENSOR",
    "tele/calm/STATE",
    "stat/calm/RESULT",
    "stat/calm/STATUS10",
    "stat/calm/POWER",
    "tasmota/discovery/AABBCCDDEEFF/config",
    "tasmota/discovery/AABBCCDDEEFF/sensors",
    "shellyplugsg3-e2e001/events/rpc",
    "shellyplugsg3-e2e001/online",
    "shellyplugsg3-e2e001/status/switch:0",
    "zigbee2mqtt/Plug one",
    "zigbee2mqtt/Plug one/availability",
    "zigbee2mqtt/bridge/devices",
    "zigbee2mqtt/bridge/state",
    "homeassistant/sensor/foreign/config",
    "somebody/else/entirely",
    "tele//SENSOR",
    "/",
)
REJECTED = re.compile(rb"^prepaid_payloads_rejected_total\{.*\} ([0-9.]+)$", re.MULTILINE)


@asynccontextmanager
async def stranger(mosquitto: Mosquitto) -> AsyncIterator[BrokerSession]:
    """Return another client's connection to the broker."""
    there = asyncio.Event()
    session = BrokerSession(
        parse_broker_url(mosquitto.url("meters")),
        filters=lambda: (),
        on_message=lambda _topic, _payload, _retained: None,
        on_connected=lambda connected: there.set() if connected else None,
    )
    session.start()
    await asyncio.wait_for(there.wait(), SOON_S)
    yield session
    with suppress(TimeoutError):
        await asyncio.wait_for(sent(session), SOON_S)
    await session.stop()


async def sent(session: BrokerSession) -> None:
    while session.waiting or session.in_flight:  # noqa: ASYNC110 - the session has no event for it
        await asyncio.sleep(0.01)


async def rejected(api: BridgeApi) -> float:
    """Return how many payloads were counted as unreadable."""
    return sum(float(count) for count in REJECTED.findall(await api.get("/metrics")))


async def test_hostile_payloads_are_counted_and_charge_nothing(
    mosquitto: Mosquitto, bridge: BridgeProcess, api: BridgeApi, street: Street
) -> None:
    pid, counted = bridge.pid, await rejected(api)
    before = {account.id: account.meters[0].register_wh or 0 for account in await api.accounts()}
    async with stranger(mosquitto) as session:
        for topic in TOPICS:
            for payload in PAYLOADS:
                session.send(Publish(topic, payload), urgent=False)
            await sent(session)
        # The gateway lists its devices again, as at each of its starts.
        plug = street.meter("Plug one")
        for message in type(plug).gateway_greeting([plug]):
            session.send(message, urgent=False)

    async def many() -> float | None:
        now = await rejected(api)
        return now if now > counted + len(TOPICS) else None

    await until("they are counted", many, SOON_S)
    assert bridge.pid == pid
    assert (await api.health())[0] == "ok"
    for account in await api.accounts():
        meter = account.meters[0]
        assert not meter.quarantined, meter
        assert 0 <= (meter.register_wh or 0) - before[account.id] < 100, meter
    assert "Traceback" not in bridge.log.read_text(encoding="utf-8")
    assert await bridge.problems() == []


async def test_the_bridge_still_reads_its_meters_afterwards(api: BridgeApi) -> None:
    meters_seen = (await api.account("calm")).meters[0].last_seen or ""

    async def fresh() -> bool | None:
        return ((await api.account("calm")).meters[0].last_seen or "") > meters_seen or None

    await until("a fresh reading", fresh, SOON_S)
