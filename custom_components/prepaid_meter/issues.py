"""Repair issues: what only the user can mend."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .client import BridgeTooOldError, VersionError
from .const import DOMAIN


def _version_issue_id(entry_id: str) -> str:
    return f"version_{entry_id}"


@callback
def async_report_version(hass: HomeAssistant, entry: ConfigEntry, error: VersionError) -> None:
    """Tell that bridge and integration do not fit, and which of them is to be updated."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        _version_issue_id(entry.entry_id),
        is_fixable=False,
        severity=ir.IssueSeverity.ERROR,
        translation_key="bridge_too_old" if isinstance(error, BridgeTooOldError) else "bridge_too_new",
        translation_placeholders={"name": entry.title, "version": error.version},
    )


@callback
def async_forget(hass: HomeAssistant, entry_id: str) -> None:
    """Take back every issue of an entry."""
    ir.async_delete_issue(hass, DOMAIN, _version_issue_id(entry_id))
