"""A broker that does not let the bridge hear is an alert, also one that was never reached since the start."""

from pathlib import Path

import pytest

from meter_bridge.config.settings import Settings
from meter_bridge.config.site_file import load as parse
from meter_bridge.devices.broker import session
from meter_bridge.devices.broker.url import parse_broker_url
from meter_bridge.engine.metrics import render
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.runtime.bridge import RunningBridge, offline, running
from tests.certificates import certificate
from tests.devices.support import Mosquitto, eventually, mosquitto_that_allows, needs_mosquitto_plugin
from tests.engine.harness import LANDLORD, SITE

LOST = "The connection to the MQTT broker is lost; readings and commands wait"
UNREACHABLE = (
    "The MQTT broker has been unreachable since the bridge started; readings and commands wait:"
    " nothing listens there: start the broker, or correct host and port"
)


def told(bridge: RunningBridge) -> tuple[str, ...]:
    """Return what ``/health`` says, where the metric of the alert agrees with it."""
    health = bridge.app.status.health()
    counted = 'prepaid_alerts{kind="broker_lost"} 1.0' in render(bridge.engine.session).decode()
    assert (health.status == "degraded") is counted is bool(health.reasons)
    return health.reasons


async def test_a_broker_that_was_never_reached_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "PATIENCE_S", 1.0)
    mosquitto = Mosquitto(tmp_path)
    async with running(Settings(data=tmp_path), parse_broker_url(mosquitto.url)) as bridge:
        assert told(bridge) == ()
        await eventually(lambda: told(bridge), "told")
        assert told(bridge) == (UNREACHABLE,)
    mosquitto.start()
    async with running(Settings(data=tmp_path), parse_broker_url(mosquitto.url)) as bridge:
        await eventually(lambda: not told(bridge), "reached")
        mosquitto.kill()
        await eventually(lambda: told(bridge), "lost")
        assert told(bridge) == (LOST,)
        kinds = [alert.kind for alert in bridge.engine.session.installation.alerts]
        assert kinds == [AlertKind.BROKER_LOST]


MISSING = (
    "There is no connection to the MQTT broker, because the certificate authority {} is missing or may not be"
    " read by the bridge's user; readings and commands wait. The bridge connects by itself once the file is"
    " there"
)
NONSENSE = (
    "There is no connection to the MQTT broker, because {} holds no certificate authority in PEM format;"
    " readings and commands wait. The bridge connects by itself once the file is right"
)


async def test_without_the_brokers_authority_all_else_is_served_and_the_connection_comes_with_the_file(
    tmp_path: Path,
) -> None:
    made, key = certificate(tmp_path)
    mosquitto = Mosquitto(
        tmp_path, extra=f"certfile {made}\nkeyfile {key}\nuser root\nallow_anonymous true\n"
    )
    mosquitto.start()
    authority = tmp_path / "authority.pem"
    settings = parse_broker_url(f"mqtts://127.0.0.1:{mosquitto.port}", ca_file=str(authority))
    async with offline(Settings(data=tmp_path)) as app:
        await app.sites.apply(LANDLORD, parse(SITE), document=SITE, dry_run=False)
    async with running(Settings(data=tmp_path), settings) as bridge:
        await eventually(lambda: told(bridge), "told")
        assert told(bridge) == (MISSING.format(authority),)
        booked, _ = await bridge.app.accounts.top_up(
            LANDLORD, "flat-1", amount="50", method="cash", reference=None, key="k"
        )
        assert booked.top_up.amount == 50_000_000
        authority.write_text("nonsense")
        await eventually(lambda: told(bridge) == (NONSENSE.format(authority),), "told otherwise")
        authority.write_bytes(made.read_bytes())
        await eventually(lambda: not told(bridge), "connected")
        # Gone while the connection is lost: then it is the file that is told of, and not the broker.
        authority.unlink()
        mosquitto.kill()
        await eventually(lambda: told(bridge) == (MISSING.format(authority),), "told again")
        authority.write_bytes(made.read_bytes())
        await eventually(lambda: told(bridge) == (LOST,), "only the broker is missing now")
        mosquitto.start()
        await eventually(lambda: not told(bridge), "connected again")
    mosquitto.kill()


@needs_mosquitto_plugin
async def test_topics_that_the_broker_refuses_are_told_of(tmp_path: Path) -> None:
    mosquitto = mosquitto_that_allows(tmp_path, "tele/#", "+/tele/#")
    mosquitto.start()
    async with running(Settings(data=tmp_path), parse_broker_url(mosquitto.url)) as bridge:
        await eventually(lambda: told(bridge), "told")
        (text,) = told(bridge)
        assert text.startswith("The MQTT broker refuses topics, so some meters cannot report: ")
        assert "zigbee2mqtt/" in text
        assert "tele/#" not in text
        mosquitto.kill()
        await eventually(lambda: told(bridge) == (LOST,), "lost")


async def test_a_bridge_without_a_broker_misses_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PATIENCE_S", 0.0)
    async with running(Settings(data=tmp_path), None) as bridge:
        assert told(bridge) == ()
