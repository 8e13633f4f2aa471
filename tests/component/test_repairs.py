"""Repair issues open and close with the problem, and a quarantine is decided in its fix flow."""

from dataclasses import replace
from typing import Any

from homeassistant.components.repairs.const import DOMAIN as REPAIRS
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.prepaid_meter.client.protocol import AccountView, QuarantineView, Role
from custom_components.prepaid_meter.client.vocabulary import AlertKind
from custom_components.prepaid_meter.const import DOMAIN
from tests.component.conftest import Eventually
from tests.component.fake_bridge import FakeBridge, account_view, alert_view, meter_view

QUARANTINE = QuarantineView(cause="fell", opened_at="2026-11-10T09:00:00.000Z", register_wh=12_345)


def quarantined(account_id: str = "flat-1", **changes: Any) -> AccountView:  # noqa: ANN401
    """Return an account with a quarantined meter."""
    meter = meter_view("meter-1", account_id=account_id, quarantined=True, quarantine=QUARANTINE)
    return account_view(account_id, meters=(replace(meter, **changes),))


def issue_ids(registry: ir.IssueRegistry) -> set[str]:
    return {issue_id for domain, issue_id in registry.issues if domain == DOMAIN}


@pytest.mark.parametrize(
    "kind",
    [
        AlertKind.CLOCK_WRONG,
        AlertKind.STORAGE_FAILING,
        AlertKind.BROKER_LOST,
        AlertKind.VOUCHER_GUESSING,
        AlertKind.MAINTENANCE_FAILING,
        AlertKind.PAYMENT_WAITING,
    ],
)
async def test_an_issue_of_the_bridge_is_open_for_as_long_as_it_lasts(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    eventually: Eventually,
    issue_registry: ir.IssueRegistry,
    kind: AlertKind,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    issue_id = f"{kind}_{loaded.entry_id}"
    alert = alert_view(kind, account_id=None, site_id=None, message="The words of the bridge.")

    await bridge.update_alerts(alert)
    await eventually(lambda: issue_id in issue_ids(issue_registry))
    issue = issue_registry.async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    assert (issue.translation_key, issue.is_fixable, issue.is_persistent) == (kind.value, False, False)
    assert issue.translation_placeholders == {"name": "Long Street"}

    await bridge.update_alerts(replace(alert, closed_at="2026-11-10T10:00:00.000Z"))
    await eventually(lambda: not issue_ids(issue_registry))


async def test_an_issue_survives_a_lost_connection_and_is_checked_again_afterwards(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    eventually: Eventually,
    issue_registry: ir.IssueRegistry,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    await bridge.update_alerts(alert_view(AlertKind.BROKER_LOST, account_id=None))
    await eventually(lambda: issue_ids(issue_registry))
    bridge.alerts = ()
    await bridge.stop()
    await eventually(lambda: not loaded.runtime_data.available)
    assert issue_ids(issue_registry)
    await bridge.start()
    await eventually(lambda: not issue_ids(issue_registry))


async def test_an_issue_solved_while_the_entry_was_not_loaded_is_deleted(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, issue_registry: ir.IssueRegistry
) -> None:
    bridge.accounts["flat-1"] = quarantined()
    for waiting in (True, False):
        if not waiting:
            bridge.accounts["flat-1"] = account_view()
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        assert bool(issue_ids(issue_registry)) is waiting
        assert await hass.config_entries.async_unload(entry.entry_id)


async def test_removing_an_account_deletes_its_issues(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    eventually: Eventually,
    issue_registry: ir.IssueRegistry,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    await bridge.update(quarantined("flat-2"), account_view())
    await eventually(lambda: issue_ids(issue_registry))
    await bridge.update(removed=("flat-2",))
    await eventually(lambda: not issue_ids(issue_registry))


async def test_a_tenant_is_not_asked_to_decide(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, issue_registry: ir.IssueRegistry
) -> None:
    bridge.role = Role.TENANT
    bridge.accounts["flat-1"] = quarantined()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert not issue_ids(issue_registry)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_different_bridge_at_the_address_is_reported_until_the_right_one_responds(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, issue_registry: ir.IssueRegistry
) -> None:
    right = bridge.info
    bridge.info = replace(right, installation_id="another")
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert issue_ids(issue_registry) == {f"wrong_bridge_{entry.entry_id}"}
    bridge.info = right
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert not issue_ids(issue_registry)
    assert await hass.config_entries.async_unload(entry.entry_id)


class Fixing:
    """The fix flow of a repair issue, over HTTP like in a browser."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401
        self._client = client
        self._flow = ""

    async def begin(self, issue_id: str) -> dict[str, Any]:
        """Open the fix flow."""
        about = {"handler": DOMAIN, "issue_id": issue_id}
        return await self._said(await self._client.post("/api/repairs/issues/fix", json=about))

    async def answer(self, **data: str) -> dict[str, Any]:
        """Submit the form."""
        return await self._said(await self._client.post(f"/api/repairs/issues/fix/{self._flow}", json=data))

    async def _said(self, response: Any) -> dict[str, Any]:  # noqa: ANN401
        result: dict[str, Any] = await response.json()
        self._flow = result.get("flow_id", self._flow)
        return result


@pytest.fixture
async def fixing(hass: HomeAssistant, waiting: str, hass_client: ClientSessionGenerator) -> Fixing:
    assert await async_setup_component(hass, REPAIRS, {})
    return Fixing(await hass_client())


@pytest.fixture
async def waiting(bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually) -> str:
    """Quarantine a meter; return its issue."""
    await eventually(lambda: bridge.open_sockets)
    await bridge.update(quarantined())
    await eventually(lambda: loaded.runtime_data.accounts["flat-1"].meters[0].quarantined)
    return f"quarantine_{loaded.entry_id}_meter-1"


async def test_a_quarantine_is_decided_in_the_fix_flow(
    bridge: FakeBridge, fixing: Fixing, waiting: str, issue_registry: ir.IssueRegistry
) -> None:
    form = await fixing.begin(waiting)
    assert (form["type"], form["step_id"]) == ("form", "decide")
    assert form["description_placeholders"] == {
        "account": "Flat 1",
        "meter": "Meter 1",
        "charged": "8123.456",
        "register": "12.345",
    }

    done = await fixing.answer(decision="new_epoch", reason=" The meter was replaced. ")

    assert done["type"] == "create_entry"
    assert bridge.requests == [
        (
            "/api/v1/meters/meter-1/quarantine",
            "",
            {"decision": "new_epoch", "reason": "The meter was replaced."},
        )
    ]
    assert not issue_ids(issue_registry)


async def test_a_decision_that_is_refused_can_be_sent_again(
    bridge: FakeBridge, fixing: Fixing, waiting: str
) -> None:
    await fixing.begin(waiting)
    bridge.refuse_with = (403, {"code": "not_allowed", "message": "No."})
    refused = await fixing.answer(decision="discard", reason="seen")
    assert refused["errors"] == {"base": "not_allowed"}
    bridge.refuse_with = None
    assert (await fixing.answer(decision="discard", reason="seen"))["type"] == "create_entry"


async def test_a_decision_is_one_of_three_and_has_a_reason(
    bridge: FakeBridge, fixing: Fixing, waiting: str
) -> None:
    await fixing.begin(waiting)
    guess = await fixing.answer(decision="guess", reason="x")
    assert set(guess["errors"]) == {"decision"}
    await fixing.begin(waiting)
    for reason in ("  ", "x" * 501):
        empty = await fixing.answer(decision="accept", reason=reason)
        assert empty["errors"] == {"reason": "reason_wanted"}
    assert not bridge.requests


async def test_no_decision_is_possible_after_the_quarantine_or_while_disconnected(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    fixing: Fixing,
    waiting: str,
    eventually: Eventually,
) -> None:
    bridge.accounts["flat-1"] = quarantined()
    await fixing.begin(waiting)
    loaded.runtime_data.accounts["flat-1"] = quarantined(quarantined=False)
    assert (await fixing.answer(decision="accept", reason="x"))["reason"] == "not_quarantined"
    loaded.runtime_data.accounts.clear()
    assert (await fixing.begin(waiting))["reason"] == "not_quarantined"
    await bridge.stop()
    await eventually(lambda: not loaded.runtime_data.available)
    assert (await fixing.begin(waiting))["reason"] == "cannot_connect"
    await hass.config_entries.async_unload(loaded.entry_id)
    assert (await fixing.begin(waiting))["reason"] == "cannot_connect"


async def test_unknown_registers_are_shown_as_unknown(
    bridge: FakeBridge, loaded: MockConfigEntry, fixing: Fixing, waiting: str, eventually: Eventually
) -> None:
    await bridge.update(quarantined(quarantine=None, register_wh=None))
    await eventually(lambda: loaded.runtime_data.accounts["flat-1"].meters[0].quarantine is None)
    form = await fixing.begin(waiting)
    assert form["description_placeholders"]["charged"] == form["description_placeholders"]["register"] == "?"
