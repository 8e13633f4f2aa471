"""Holds the state that the bridge pushes, and notifies listeners of changes."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
import time
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_PORT, CONF_SSL, CONF_TOKEN, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.dispatcher import async_dispatcher_send

from . import issues
from .client import (
    BridgeAddress,
    BridgeConnection,
    BridgeStream,
    NotAllowedError,
    NotAuthenticatedError,
    PrepaidMeterError,
)
from .client.protocol import AccountView, AlertView, Event, Role, ServerInfo, Snapshot, SupplyView, Update
from .const import DOMAIN, LOGGER, SIGNAL_ACCOUNTS, SIGNAL_EVENT
from .helpers import error_key
from .store import PrepaidMeterStore

type PrepaidMeterConfigEntry = ConfigEntry[PrepaidMeterCoordinator]
type Unsubscribe = Callable[[], None]
type AccountsListener = Callable[[Collection[AccountView], Collection[str]], None]
type EventListener = Callable[[Event], None]

FIRST_RETRY_SECONDS = 1.0
RESTART_SECONDS = 300.0
"""How long after the start of the entry triggers may still be attached as part of the same restart."""
TOKEN_ERRORS: Final = (NotAuthenticatedError, NotAllowedError)
"""Errors that only another token solves: it was revoked, or may not subscribe."""


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """A durable event of an account."""

    coordinator: PrepaidMeterCoordinator
    account: AccountView
    """The newest view, which may be newer than a late event."""
    event: Event
    late: bool
    """Whether it happened before the connection was restored."""


class PrepaidMeterCoordinator:
    """The current state of one bridge.

    Not a DataUpdateCoordinator: that would update every entity on every change, and a landlord's entry may
    have a thousand accounts of which only one has changed.
    """

    server: ServerInfo
    role: Role
    accounts: dict[str, AccountView]
    alerts: tuple[AlertView, ...]

    def __init__(self, hass: HomeAssistant, entry: PrepaidMeterConfigEntry, store: PrepaidMeterStore) -> None:
        """Create the connection to the entry's bridge without opening it."""
        self.hass = hass
        self.config_entry = entry
        self.available = False
        self.lost_because: str | None = None
        """Translation key of the error that keeps the connection from being restored."""
        self.setup_complete = asyncio.Event()
        """Set once the entry is set up; background work waits for it."""
        self.accounts = {}
        self.connection = BridgeConnection(
            async_get_clientsession(hass, verify_ssl=entry.data[CONF_VERIFY_SSL]),
            BridgeAddress(host=entry.data[CONF_HOST], port=entry.data[CONF_PORT], tls=entry.data[CONF_SSL]),
            entry.data[CONF_TOKEN],
            hass.config.language,
        )
        self.store = store
        self._started = time.monotonic()
        self._forecasts_before = store.forecasts
        self._stream = BridgeStream(
            self.connection, self, entry.unique_id, FIRST_RETRY_SECONDS, store.last_event
        )
        self._seq_at_start: int | None = None
        """Newest event at the first connection; older ones happened while Home Assistant was not running."""
        self._seq_at_connection = 0
        self._account_listeners: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
        self._bridge_listeners: list[Callable[[], None]] = []
        self._accounts_listeners: list[AccountsListener] = []
        self._event_listeners: defaultdict[str, list[EventListener]] = defaultdict(list)

    @property
    def installation_id(self) -> str:
        """Return the id of the bridge, which does not depend on its address."""
        return self.server.installation_id

    def forecast_before_restart(self, account_id: str) -> int | None:
        """Return the last forecast from before a restart that has just taken place, in seconds."""
        if time.monotonic() - self._started > RESTART_SECONDS:
            return None
        return self._forecasts_before.get(account_id)

    async def async_connect(self) -> None:
        """Connect for the first time; raise a translated error if that fails."""
        self.config_entry.async_on_unload(self._stream.close)
        try:
            await self._stream.connect()
        except PrepaidMeterError as error:
            issues.async_report_connection(self.hass, self.config_entry, error)
            LOGGER.debug("Cannot connect to %s: %s", self.config_entry.title, error)
            error_class = ConfigEntryAuthFailed if isinstance(error, TOKEN_ERRORS) else ConfigEntryNotReady
            raise error_class(translation_domain=DOMAIN, translation_key=error_key(error)) from error

    @callback
    def async_start(self) -> None:
        """Process the bridge's stream until the entry is unloaded."""
        self.setup_complete.set()
        self.config_entry.async_create_background_task(
            self.hass, self._stream.run(), f"{DOMAIN} stream {self.config_entry.title}"
        )

    @callback
    def async_on_account(self, account_id: str, listener: Callable[[], None]) -> Unsubscribe:
        """Call ``listener`` when the account or the connection changes."""
        return _subscribe(self._account_listeners[account_id], listener)

    @callback
    def async_on_bridge(self, listener: Callable[[], None]) -> Unsubscribe:
        """Call ``listener`` when the bridge's own alerts or the connection change."""
        return _subscribe(self._bridge_listeners, listener)

    @callback
    def async_on_accounts(self, listener: AccountsListener) -> Unsubscribe:
        """Call ``listener`` with the new or changed accounts and the ids of the removed ones."""
        return _subscribe(self._accounts_listeners, listener)

    @callback
    def async_on_event(self, account_id: str, listener: EventListener) -> Unsubscribe:
        """Call ``listener`` with every event of the account."""
        return _subscribe(self._event_listeners[account_id], listener)

    @callback
    def async_apply_supply(self, account_id: str, supply: SupplyView) -> None:
        """Apply the response to a supply action at once, before the bridge pushes the update."""
        if account := self.accounts.get(account_id):
            self.accounts[account_id] = replace(account, supply=supply)
            self._notify((account_id,))

    @callback
    def async_apply_account(self, account: AccountView) -> None:
        """Apply the response to a change of an account at once, before the bridge pushes the update."""
        if account.id in self.accounts:
            self._update_accounts((account,), ())
            self._notify((account.id,))

    @callback
    def on_snapshot(self, info: ServerInfo, snapshot: Snapshot) -> None:
        """Replace the whole state."""
        self.server, self.role, self.alerts = info, snapshot.role, snapshot.alerts
        self._seq_at_connection = snapshot.seq
        if self.store.last_event is not None and snapshot.seq < self.store.last_event:
            # The bridge was restored from a backup: import its history again from the beginning.
            self.store.async_set_history(0)
        if self._seq_at_start is None:
            self._seq_at_start = snapshot.seq
        self._store_last_event()
        removed = self.accounts.keys() - {account.id for account in snapshot.accounts}
        self._update_accounts(snapshot.accounts, removed)
        self._set_available()

    @callback
    def on_update(self, update: Update) -> None:
        """Update the accounts that have changed."""
        if update.alerts is not None:
            self.alerts = update.alerts
            _call(self._bridge_listeners)
        self._update_accounts(update.accounts, update.removed)
        self._notify(account.id for account in update.accounts)

    @callback
    def on_event(self, event: Event) -> None:
        """Pass an event on to the listeners of its account."""
        self._store_last_event()
        if event.account_id is None:
            return
        for listener in list(self._event_listeners.get(event.account_id, ())):
            listener(event)
        account = self.accounts.get(event.account_id)
        if account is not None and event.seq > (self._seq_at_start or 0):
            late = event.seq <= self._seq_at_connection
            async_dispatcher_send(self.hass, SIGNAL_EVENT, ReceivedEvent(self, account, event, late))

    def _store_last_event(self) -> None:
        self.store.async_set_last_event(self._stream.last_seq)

    @callback
    def on_lost(self, error: PrepaidMeterError) -> None:
        """Mark all entities unavailable, and show why; log the loss of the connection only once."""
        known, self.lost_because = self.lost_because, error_key(error)
        issues.async_report_connection(self.hass, self.config_entry, error)
        if isinstance(error, TOKEN_ERRORS):
            self.config_entry.async_start_reauth(self.hass)
        if self.available:
            self.available = False
            LOGGER.warning("Connection to %s lost: %s", self.config_entry.title, error)
            self._notify_all()
        elif self.lost_because != known:
            _call(self._bridge_listeners)

    def _set_available(self) -> None:
        issues.async_connected(self.hass, self.config_entry.entry_id)
        if not self.available and self._bridge_listeners:
            LOGGER.warning("Connection to %s restored", self.config_entry.title)
        self.available, self.lost_because = True, None
        self._notify_all()

    def _update_accounts(self, accounts: Iterable[AccountView], removed: Collection[str]) -> None:
        changed = list(accounts)
        for account_id in removed:
            self.accounts.pop(account_id, None)
        for account in changed:
            self.accounts[account.id] = account
        self.store.forecasts = {
            account.id: account.seconds_left
            for account in self.accounts.values()
            if account.seconds_left is not None
        }
        for listener in list(self._accounts_listeners):
            listener(changed, removed)
        async_dispatcher_send(self.hass, SIGNAL_ACCOUNTS, self, changed)

    def _notify(self, account_ids: Iterable[str]) -> None:
        for account_id in account_ids:
            _call(self._account_listeners.get(account_id, ()))

    def _notify_all(self) -> None:
        _call(self._bridge_listeners)
        self._notify(list(self._account_listeners))


def _subscribe[L](listeners: list[L], listener: L) -> Unsubscribe:
    listeners.append(listener)
    return lambda: listeners.remove(listener)


def _call(listeners: Iterable[Callable[[], None]]) -> None:
    for listener in list(listeners):
        listener()
