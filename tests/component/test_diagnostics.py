"""Diagnostics are safe to share."""

from dataclasses import asdict, fields, is_dataclass
from enum import StrEnum
import json
import re
import types
from typing import Any, Final, get_args, get_origin, get_type_hints

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.prepaid_meter.client.protocol import AccountView, AlertView, ServerInfo
from custom_components.prepaid_meter.diagnostics import async_get_config_entry_diagnostics
from tests.component.fake_bridge import TOKEN

MARK: Final = "text of "


def marked(kind: Any, path: str) -> Any:  # noqa: ANN401
    """Return a value of a type in which every text is its own path, such as ``text of HoldView.reason``."""
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(
            **{
                field.name: marked(hints[field.name], f"{kind.__name__}.{field.name}")
                for field in fields(kind)
            }
        )
    if get_origin(kind) is types.UnionType:
        return marked(next(part for part in get_args(kind) if part is not types.NoneType), path)
    if get_origin(kind) is tuple:
        return (marked(get_args(kind)[0], path),)
    if get_origin(kind) is dict:
        return {f"{MARK}{path}": marked(get_args(kind)[1], path)}
    if issubclass(kind, StrEnum):
        return next(iter(kind))
    return f"{MARK}{path}" if kind is str else kind()


def texts_in(value: object) -> set[str]:
    return set(re.findall(rf"{MARK}([\w.]+)", json.dumps(value)))


async def test_diagnostics_contain_the_state_but_no_names_or_secrets(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    diagnostics = await async_get_config_entry_diagnostics(hass, loaded)

    text = json.dumps(diagnostics)
    assert diagnostics["connected"] is True
    assert diagnostics["accounts"][0]["available"] == 187_118_700
    assert diagnostics["accounts"][0]["meters"][0]["relay"]["proof"] == "confirmed"
    for secret in (TOKEN, "Thandi", "Long Street", "Flat 1", "receipt 7", "127.0.0.1", "0192f0c1"):
        assert secret not in text


async def test_diagnostics_contain_no_text_but_the_listed_ones(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """A text that is added to a view later is redacted until somebody adds it here and there on purpose."""
    coordinator = loaded.runtime_data
    coordinator.accounts = {"flat-1": marked(AccountView, "")}
    coordinator.alerts = (marked(AlertView, ""),)
    coordinator.server = marked(ServerInfo, "")
    hass.config_entries.async_update_entry(loaded, data={**loaded.data, "added_later": "x" + MARK + "entry"})

    diagnostics = await async_get_config_entry_diagnostics(hass, loaded)

    everything = texts_in(asdict(marked(AccountView, "")))
    assert everything >= {"HoldView.reason", "DebtView.description", "AlertView.message"}
    assert texts_in(diagnostics) == {
        *("AccountView.closed_at", "AccountView.currency", "AccountView.payment_mode"),
        *("AccountView.period_start", "AccountView.time_zone"),
        *("AlertView.acknowledged_at", "AlertView.closed_at", "AlertView.opened_at"),
        *("DebtView.cap_every", "DebtView.every", "DebtView.next_recovery"),
        *("FriendlyHoursView.end", "FriendlyHoursView.start", "HoldView.since"),
        *("MeterView.family", "MeterView.firmware", "MeterView.last_seen", "MeterView.model"),
        *("QuarantineView.cause", "QuarantineView.opened_at"),
        *("RelayView.reported_at", "RelayView.requested_at"),
        *("RunOutView.at", "RunOutView.latest", "RunOutView.soonest"),
        *("ServerInfo.latest_version", "ServerInfo.version"),
        *("SupplyView.cut_at", "SupplyView.since", "TariffNow.next_change", "TopUpView.at"),
        *("TopUpView.split", "TripView.since"),
    }
