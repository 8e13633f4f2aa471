"""The states of each platform, which are never a false zero."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, snapshot_platform
from syrupy.assertion import SnapshotAssertion

from custom_components.prepaid_meter import binary_sensor, const, friendly_hours, sensor
from custom_components.prepaid_meter.client.protocol import EventKind, RunOutView
from custom_components.prepaid_meter.client.vocabulary import AlertKind, RelayProof, SupplyReason, SupplyState
from tests.component.conftest import Eventually
from tests.component.fake_bridge import (
    CONNECTED,
    FakeBridge,
    account_view,
    alert_view,
    meter_view,
    rich_account,
)

pytestmark = pytest.mark.usefixtures("all_entities_enabled")

NOW = datetime(2026, 11, 10, 10, 0, tzinfo=UTC)


class Clock:
    """The clock of the sensors; the event loop's clock must keep running for real sockets."""

    now = NOW

    def move_to(self, now: datetime) -> None:
        self.now = now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the sensors' clock: forecasts and days depend on it."""
    clock = Clock()
    monkeypatch.setattr(sensor, "utcnow", lambda: clock.now)
    monkeypatch.setattr(friendly_hours, "utcnow", lambda: clock.now)
    monkeypatch.setattr(binary_sensor, "utcnow", lambda: clock.now)
    return clock


def value(hass: HomeAssistant, entity_id: str) -> str:
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state.state


@pytest.fixture
async def following(bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually) -> FakeBridge:
    """Run a bridge to which Home Assistant is connected."""
    await eventually(lambda: bridge.open_sockets)
    return bridge


@pytest.mark.usefixtures("all_entities_enabled")
@pytest.mark.parametrize("platform", const.PLATFORMS)
async def test_entities_of_an_account(
    hass: HomeAssistant,
    bridge: FakeBridge,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    monkeypatch: pytest.MonkeyPatch,
    platform: Platform,
) -> None:
    monkeypatch.setattr("custom_components.prepaid_meter.PLATFORMS", [platform])
    bridge.accounts["flat-1"] = rich_account()
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await snapshot_platform(hass, entity_registry, snapshot, entry.entry_id)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_what_is_not_known_is_unknown_and_never_zero(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    silent = meter_view(
        "meter-of-flat-1",
        online=None,
        power_mw=None,
        voltage_mv=None,
        current_ma=None,
        frequency_mhz=None,
        relay=None,
    )
    nothing = account_view(
        units_left_wh=None, seconds_left=None, energy_wh=None, energy_today_wh=None, cost_today=None,
        cost_period=None, tariff=None, last_top_up=None, meters=(silent,),
        supply=replace(CONNECTED, state=SupplyState.UNKNOWN, reason=SupplyReason.UNKNOWN),
    )  # fmt: skip

    await following.update(nothing)

    await eventually(lambda: value(hass, "sensor.flat_1_units_left") == "unknown")
    known = {
        state.entity_id: state.state
        for state in hass.states.async_all()
        if state.entity_id.split(".")[1].startswith("flat_1") and state.state != "unknown"
    }
    assert known == {
        "sensor.flat_1_balance": "187.12",
        "binary_sensor.flat_1_low_credit": "off",
        "binary_sensor.flat_1_alerts": "off",
        "binary_sensor.flat_1_overload": "off",
        "binary_sensor.flat_1_power_outage": "off",
        "binary_sensor.flat_1_tamper": "off",
        "binary_sensor.flat_1_voltage_out_of_range": "off",
        "number.flat_1_low_credit_threshold": "20.0",
        "sensor.flat_1_relay_confirmation": "confirmed",
    }


async def test_an_offline_meter_has_no_power_but_keeps_its_energy(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    await following.update(account_view(meters=(meter_view("meter-of-flat-1", online=False),)))

    await eventually(lambda: value(hass, "sensor.flat_1_voltage") == "unavailable")
    assert value(hass, "sensor.flat_1_power") == "unknown"
    assert value(hass, "sensor.flat_1_energy") == "1234.560"
    assert value(hass, "binary_sensor.flat_1_meter_connection") == "off"


async def test_a_cut_shows_its_reason(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    cut = replace(CONNECTED, state=SupplyState.DISCONNECTED, reason=SupplyReason.CREDIT_EXHAUSTED)
    await following.update(
        account_view(available=-300, low_credit=True, supply=cut, alerts=(alert_view(AlertKind.SUPPLY_CUT),))
    )

    await eventually(lambda: value(hass, "sensor.flat_1_supply_state") == "disconnected")
    assert value(hass, "sensor.flat_1_supply_reason") == "credit_exhausted"
    assert value(hass, "sensor.flat_1_balance") == "0.00"
    assert value(hass, "binary_sensor.flat_1_low_credit") == "on"
    alerts = hass.states.get("binary_sensor.flat_1_alerts")
    assert alerts is not None
    assert alerts.state == "on"
    assert alerts.attributes["alerts"][0]["kind"] == "supply_cut"


async def test_a_relay_that_does_not_respond_is_a_problem(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    assert value(hass, "binary_sensor.flat_1_relay") == "off"
    meter = meter_view("meter-of-flat-1")
    assert meter.relay is not None
    wrong = replace(meter, relay=replace(meter.relay, proof=RelayProof.DISOBEYS))
    await following.update(account_view(meters=(wrong,)))
    await eventually(lambda: value(hass, "binary_sensor.flat_1_relay") == "on")


async def test_a_relay_whose_device_does_not_answer_says_since_when(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    meter, since = meter_view("meter-of-flat-1"), "2026-11-10T09:00:00.000Z"
    assert meter.relay is not None
    away = replace(meter.relay, proof=RelayProof.NO_ANSWER, proof_at=since)
    supply = replace(CONNECTED, proof=RelayProof.NO_ANSWER)
    await following.update(account_view(meters=(replace(meter, relay=away),), supply=supply))
    await eventually(lambda: value(hass, "sensor.flat_1_relay_confirmation") == "no_answer")
    seen = hass.states.get("sensor.flat_1_relay_confirmation")
    assert seen is not None
    assert seen.attributes["since"].isoformat() == "2026-11-10T09:00:00+00:00"


async def test_small_changes_of_the_forecast_are_ignored(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    before = value(hass, "sensor.flat_1_runs_out")
    assert before == "2026-11-14T10:00:00+00:00"
    await following.update(account_view(seconds_left=345_660, available=1_000_000))
    await eventually(lambda: value(hass, "sensor.flat_1_balance") == "1.00")
    assert value(hass, "sensor.flat_1_runs_out") == before

    await following.update(account_view(seconds_left=86_400))

    await eventually(lambda: value(hass, "sensor.flat_1_runs_out") == "2026-11-11T10:00:00+00:00")
    assert value(hass, "sensor.flat_1_time_left") == "1.0"


async def test_the_run_out_time_stays_fixed_once_the_credit_has_run_out(
    hass: HomeAssistant, following: FakeBridge, clock: Clock, eventually: Eventually
) -> None:
    await following.update(account_view(seconds_left=0))
    await eventually(lambda: value(hass, "sensor.flat_1_runs_out") == NOW.isoformat())

    clock.now = NOW + timedelta(hours=1)
    await following.update(account_view(seconds_left=0, available=-1_000_000))
    await eventually(lambda: value(hass, "sensor.flat_1_balance") == "-1.00")
    assert value(hass, "sensor.flat_1_runs_out") == NOW.isoformat()

    await following.update(account_view(seconds_left=7_200))
    await eventually(lambda: value(hass, "sensor.flat_1_runs_out") == "2026-11-10T13:00:00+00:00")


async def test_a_forecast_has_a_prediction_interval(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    def band() -> tuple[Any, Any]:
        state = hass.states.get("sensor.flat_1_runs_out")
        assert state is not None
        return state.attributes.get("soonest"), state.attributes.get("latest")

    assert band() == (None, None)
    forecast = RunOutView(
        at="2026-11-13T10:00:00.000Z", soonest="2026-11-12T08:00:00.000Z", latest="2026-11-15T20:00:00.000Z"
    )
    await following.update(account_view(seconds_left=259_200, runs_out=forecast))
    await eventually(lambda: band()[0] is not None)
    assert band() == (datetime(2026, 11, 12, 8, tzinfo=UTC), datetime(2026, 11, 15, 20, tzinfo=UTC))
    await following.update(account_view(seconds_left=None, runs_out=None))
    await eventually(lambda: band() == (None, None))


async def test_a_daily_total_is_reset_when_the_bridge_starts_the_day(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually, clock: Clock
) -> None:
    def last_reset() -> Any:  # noqa: ANN401
        state = hass.states.get("sensor.flat_1_cost_today")
        assert state is not None
        return state.attributes["last_reset"]

    assert last_reset() == "2026-11-10T00:00:00+02:00"
    clock.move_to(datetime(2026, 11, 10, 22, 0, 30, tzinfo=UTC))
    await following.update(account_view(cost_today=12_000_000))
    await eventually(lambda: value(hass, "sensor.flat_1_cost_today") == "12.00")
    assert last_reset() == "2026-11-10T00:00:00+02:00"

    await following.update(account_view(cost_today=10_000))

    await eventually(lambda: value(hass, "sensor.flat_1_cost_today") == "0.01")
    assert last_reset() == "2026-11-11T00:00:00+02:00"


async def test_a_daily_total_without_updates_is_reset_by_the_clock(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually, clock: Clock
) -> None:
    clock.move_to(datetime(2026, 11, 12, 9, 0, tzinfo=UTC))
    await following.update(account_view(cost_today=20_000_000))
    await eventually(lambda: value(hass, "sensor.flat_1_cost_today") == "20.00")
    state = hass.states.get("sensor.flat_1_cost_today")
    assert state is not None
    assert state.attributes["last_reset"] == "2026-11-12T00:00:00+02:00"


async def test_alert_events_include_their_message(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    data = {"id": "a", "kind": "low_credit", "message": "Low", "detail": ""}
    await following.happen(EventKind.ALERT_OPENED, data)
    await eventually(lambda: value(hass, "event.flat_1_alert") != "unknown")
    state = hass.states.get("event.flat_1_alert")
    assert state is not None
    assert (state.attributes["event_type"], state.attributes["message"]) == ("opened", "Low")


async def test_an_event_in_an_unknown_form_still_fires(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    await following.happen(EventKind.TOP_UP, {"new": "shape"})
    await eventually(lambda: value(hass, "event.flat_1_top_up") != "unknown")
