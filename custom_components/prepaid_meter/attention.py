"""Ask for a person's attention through repair issues, for as long as the bridge says that it is needed."""

from collections.abc import Collection, Iterable
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from . import issues
from .client.protocol import AccountView, AlertKind, MeterView, Role
from .const import DOMAIN
from .coordinator import PrepaidMeterConfigEntry

BRIDGE_ALERTS: Final[dict[AlertKind, ir.IssueSeverity]] = {
    AlertKind.CLOCK_WRONG: ir.IssueSeverity.ERROR,
    AlertKind.STORAGE_FAILING: ir.IssueSeverity.ERROR,
    AlertKind.BROKER_LOST: ir.IssueSeverity.ERROR,
    AlertKind.VOUCHER_GUESSING: ir.IssueSeverity.WARNING,
}
"""Alerts of the bridge itself that close by themselves once a person has seen to it."""
STAFF: Final = frozenset({Role.LANDLORD, Role.CARETAKER})
"""Who may decide on a quarantine; a tenant would only be worried."""


class IssueKeeper:
    """Keep an entry's issues in step with what its bridge says."""

    def __init__(self, hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> None:
        """Report what there is now, and take back what was mended while the entry was not loaded."""
        self._hass = hass
        self._entry = entry
        self._coordinator = entry.runtime_data
        self._of_bridge: set[str] = set()
        self._of_account: dict[str, set[str]] = {}
        self._bridge_changed()
        self._accounts_changed(self._coordinator.accounts.values(), ())
        known = self._of_bridge.union(*self._of_account.values())
        for issue_id in set(issues.async_issue_ids(hass, entry.entry_id)) - known:
            ir.async_delete_issue(hass, DOMAIN, issue_id)
        entry.async_on_unload(self._coordinator.async_on_bridge(self._bridge_changed))
        entry.async_on_unload(self._coordinator.async_on_accounts(self._accounts_changed))

    @callback
    def _bridge_changed(self) -> None:
        """Report what is wrong with the bridge; while it is not heard, nothing is known to be mended."""
        if not self._coordinator.available:
            return
        open_alerts = {alert.kind: alert for alert in self._coordinator.alerts if alert.closed_at is None}
        now = set()
        for kind, severity in BRIDGE_ALERTS.items():
            if alert := open_alerts.get(kind):
                issue_id = f"{kind}_{self._entry.entry_id}"
                texts = {"name": self._entry.title, "message": alert.message}
                issues.async_report(self._hass, issue_id, kind.value, texts, severity)
                now.add(issue_id)
        self._of_bridge = self._replaced(self._of_bridge, now)

    @callback
    def _accounts_changed(self, changed: Iterable[AccountView], removed: Collection[str]) -> None:
        for account_id in removed:
            self._replaced(self._of_account.pop(account_id, set()), set())
        for account in changed:
            before = self._of_account.get(account.id, set())
            waiting = self._quarantined(account)
            if before or waiting:
                self._of_account[account.id] = self._replaced(before, waiting)

    def _quarantined(self, account: AccountView) -> set[str]:
        """Report the account's meters that wait for a decision; return their issues."""
        if self._coordinator.role not in STAFF:
            return set()
        waiting = set()
        for meter in account.meters:
            if meter.quarantined:
                issue_id = f"quarantine_{self._entry.entry_id}_{meter.id}"
                self._report_quarantine(issue_id, account, meter)
                waiting.add(issue_id)
        return waiting

    def _report_quarantine(self, issue_id: str, account: AccountView, meter: MeterView) -> None:
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id,
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key="quarantine",
            translation_placeholders={"account": account.name, "meter": meter.name},
            data={"entry_id": self._entry.entry_id, "account_id": account.id, "meter_id": meter.id},
        )

    def _replaced(self, before: set[str], now: set[str]) -> set[str]:
        for issue_id in before - now:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        return now
