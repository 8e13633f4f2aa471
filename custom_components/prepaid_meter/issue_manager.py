"""Keeps repair issues open for as long as the bridge reports the problem."""

from collections.abc import Collection, Iterable
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from . import issues
from .client.protocol import AccountView, MeterView
from .client.vocabulary import AlertKind
from .const import DOMAIN, STAFF_ROLES
from .coordinator import PrepaidMeterConfigEntry

BRIDGE_ALERTS: Final[dict[AlertKind, ir.IssueSeverity]] = {
    AlertKind.CLOCK_WRONG: ir.IssueSeverity.ERROR,
    AlertKind.STORAGE_FAILING: ir.IssueSeverity.ERROR,
    AlertKind.BROKER_LOST: ir.IssueSeverity.ERROR,
    AlertKind.VOUCHER_GUESSING: ir.IssueSeverity.WARNING,
    AlertKind.MAINTENANCE_FAILING: ir.IssueSeverity.WARNING,
    AlertKind.PAYMENT_WAITING: ir.IssueSeverity.WARNING,
}
"""Alerts of the bridge itself that need a person's attention; they close once the problem is solved."""


class IssueManager:
    """Synchronizes the issues of an entry with the state of its bridge."""

    def __init__(self, hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> None:
        """Create the current issues, and delete those that were solved while the entry was not loaded."""
        self._hass = hass
        self._entry = entry
        self._coordinator = entry.runtime_data
        self._bridge_issues: set[str] = set()
        self._account_issues: dict[str, set[str]] = {}
        self._bridge_changed()
        self._accounts_changed(self._coordinator.accounts.values(), ())
        current = self._bridge_issues.union(*self._account_issues.values())
        for issue_id in set(issues.async_issue_ids(hass, entry.entry_id)) - current:
            ir.async_delete_issue(hass, DOMAIN, issue_id)
        entry.async_on_unload(self._coordinator.async_on_bridge(self._bridge_changed))
        entry.async_on_unload(self._coordinator.async_on_accounts(self._accounts_changed))

    @callback
    def _bridge_changed(self) -> None:
        """Update the issues of the bridge; while it is disconnected they stay as they are."""
        if not self._coordinator.available:
            return
        open_alerts = {alert.kind for alert in self._coordinator.alerts if alert.closed_at is None}
        current = set()
        for kind, severity in BRIDGE_ALERTS.items():
            if kind in open_alerts:
                issue_id = f"{kind}_{self._entry.entry_id}"
                placeholders = {"name": self._entry.title}
                issues.async_report(self._hass, issue_id, kind.value, placeholders, severity)
                current.add(issue_id)
        self._bridge_issues = self._replace(self._bridge_issues, current)

    @callback
    def _accounts_changed(self, changed: Iterable[AccountView], removed: Collection[str]) -> None:
        for account_id in removed:
            self._replace(self._account_issues.pop(account_id, set()), set())
        for account in changed:
            previous = self._account_issues.get(account.id, set())
            current = self._report_quarantines(account)
            if previous or current:
                self._account_issues[account.id] = self._replace(previous, current)

    def _report_quarantines(self, account: AccountView) -> set[str]:
        """Create an issue for each meter of the account that needs a decision; return the issues' ids."""
        if self._coordinator.role not in STAFF_ROLES:
            return set()
        issue_ids = set()
        for meter in account.meters:
            if meter.quarantined:
                issue_id = f"quarantine_{self._entry.entry_id}_{meter.id}"
                self._report_quarantine(issue_id, account, meter)
                issue_ids.add(issue_id)
        return issue_ids

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

    def _replace(self, previous: set[str], current: set[str]) -> set[str]:
        for issue_id in previous - current:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        return current
