"""Creates and deletes repair issues."""

from collections.abc import Iterator

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .client import BridgeTooOldError, PrepaidMeterError, VersionError, WrongInstallationError
from .const import DOMAIN, RELEASES_URL


@callback
def async_report_connection(hass: HomeAssistant, entry: ConfigEntry, error: PrepaidMeterError) -> None:
    """Report that bridge and integration are incompatible, or that another bridge answers."""
    if isinstance(error, VersionError):
        key = "bridge_too_old" if isinstance(error, BridgeTooOldError) else "bridge_too_new"
        async_report(hass, f"version_{entry.entry_id}", key, {"name": entry.title, "version": error.version})
    elif isinstance(error, WrongInstallationError):
        async_report(hass, f"wrong_bridge_{entry.entry_id}", "wrong_bridge", {"name": entry.title})


@callback
def async_connected(hass: HomeAssistant, entry_id: str) -> None:
    """Delete the issues about the connection to the bridge."""
    for prefix in ("version", "wrong_bridge"):
        ir.async_delete_issue(hass, DOMAIN, f"{prefix}_{entry_id}")


@callback
def async_delete_all(hass: HomeAssistant, entry_id: str) -> None:
    """Delete every issue of an entry."""
    for issue_id in list(async_issue_ids(hass, entry_id)):
        ir.async_delete_issue(hass, DOMAIN, issue_id)


@callback
def async_issue_ids(hass: HomeAssistant, entry_id: str) -> Iterator[str]:
    """Return the ids of an entry's issues."""
    issues = ir.async_get(hass).issues
    return (issue_id for domain, issue_id in issues if domain == DOMAIN and entry_id in issue_id)


@callback
def async_report(
    hass: HomeAssistant,
    issue_id: str,
    key: str,
    placeholders: dict[str, str],
    severity: ir.IssueSeverity = ir.IssueSeverity.ERROR,
) -> None:
    """Report a problem that has to be solved outside of Home Assistant."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=False,
        learn_more_url=RELEASES_URL if issue_id.startswith("version_") else None,
        severity=severity,
        translation_key=key,
        translation_placeholders=placeholders,
    )
