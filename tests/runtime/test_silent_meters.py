"""Meters that report no register to a running bridge, over a real broker."""

from pathlib import Path
import time

from meter_bridge.config.settings import Settings
from meter_bridge.config.site_file import load
from meter_bridge.devices.broker.url import parse_broker_url
from meter_bridge.devices.simulators import Fleet, simulated_meter, wall_clock_ms
from meter_bridge.engine.jobs import Intervals
from meter_bridge.engine.metrics import render
from meter_bridge.runtime.bridge import Environment, RunningBridge, running
from meter_bridge.text.alerts import alert_text
from tests.devices.support import Mosquitto, eventually
from tests.engine.harness import LANDLORD, SITE

ADDRESSES = ("tasmota:well/1", "tasmota:relay/1", "shelly:no-rpc/0", "tasmota:typo/1")
UNIT = SITE[SITE.index("      flat-1:") :]


def street() -> str:
    """Return a site with a flat for each address."""
    flats = [
        UNIT.replace("flat-1:", f"flat-{n}:")
        .replace("Flat 1", f"Flat {n}")
        .replace("tasmota:flat-1/1", address)
        .replace("rating: 10 kW", "offline after: 3 s")
        for n, address in enumerate(ADDRESSES, 1)
    ]
    return SITE.replace(UNIT, "".join(flats))


def told(bridge: RunningBridge) -> list[str]:
    """Return what is told of meters, by unit."""
    accounts = bridge.engine.session.installation.accounts.values()
    alerts = [item for account in accounts for item in account.alerts.items()]
    return sorted(alert_text(key.kind, alert.facts) for key, alert in alerts if key.kind == "meter_offline")


async def test_who_reports_no_register_is_told_of(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    meters = [
        simulated_meter(name, family, interval_s=0.5, start_ms=wall_clock_ms())
        for name, family in (("well", "tasmota"), ("relay", "tasmota"), ("no-rpc", "shelly"))
    ]
    meters[1].faults.relay_only = meters[2].faults.no_register = True
    fleet = Fleet(broker.url, meters)
    await fleet.start()
    environment = Environment(pace=Intervals(silence=0.2))
    async with running(Settings(data=tmp_path), parse_broker_url(broker.url), environment) as bridge:
        await bridge.app.sites.apply(LANDLORD, load(street()), document=street(), dry_run=False)
        began = time.monotonic()
        await eventually(lambda: len(told(bridge)) == 3, "told")
        assert time.monotonic() - began > 2.5
        relay, no_rpc, typo = told(bridge)
        assert relay.startswith("Flat 2: meter flat-2/main reports its relay but no register")
        assert no_rpc.startswith("Flat 3: meter flat-3/main has never reported")
        assert "switch on 'RPC status notifications'" in no_rpc
        assert typo.startswith("Flat 4: meter flat-4/main has never reported")
        assert "prepaid_meters_offline 3.0" in render(bridge.engine.session).decode()
        meters[1].faults.relay_only = meters[2].faults.no_register = False
        await eventually(lambda: told(bridge) == [typo], "told again")
    await fleet.stop()
    broker.kill()
