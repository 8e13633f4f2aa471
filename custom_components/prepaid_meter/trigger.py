"""Triggers of the integration: what happened to an account, each thing once.

They follow the bridge's durable events and forecasts, not the states of entities: an entity that becomes
unavailable, a restart and a reload change states, and nothing has happened. What happened while the network
was gone fires when it is back, unless it is over by then; what happened while Home Assistant was away never.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Final, cast, override
from weakref import WeakKeyDictionary

from homeassistant.const import ATTR_DEVICE_ID, CONF_OPTIONS, CONF_TARGET
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.trigger import (
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType
import probatio

from .accounts import Place, async_account_ids, async_device_id, async_loaded
from .amounts import decimal_text, money, price
from .client.protocol import AccountView, AlertKind, Event, EventKind, SupplyReason, SupplyState
from .const import SIGNAL_ACCOUNTS, SIGNAL_EVENT
from .coordinator import Happening, PrepaidMeterCoordinator
from .status import runs_out

CONF_MINIMUM_AMOUNT: Final = "minimum_amount"
CONF_REASON: Final = "reason"
CONF_WITHIN: Final = "within"

REARM_PERCENT: Final = 110
"""How far above its limit a forecast must rise before it can fall below it again: forecasts jitter."""

type Options = dict[probatio.Marker, Any]
type Details = Mapping[str, Any]


class AccountTrigger(Trigger):
    """A trigger of the accounts that its target names."""

    options_schema: ClassVar[Options] = {}

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Validate config."""
        schema = probatio.Schema(
            {
                probatio.Required(CONF_TARGET): cv.TARGET_FIELDS,
                probatio.Required(CONF_OPTIONS, default={}): cls.options_schema,
            }
        )
        return cast("ConfigType", schema(config))

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Keep target and options."""
        super().__init__(hass, config)
        self._target: dict[str, Any] = config.target or {}
        self._options: dict[str, Any] = config.options or {}

    @callback
    def _is_chosen(self, place: Place) -> bool:
        """Return whether the target names the account; worked out when it matters, as targets change."""
        of_entry = (place.coordinator.config_entry.entry_id, place.account.id)
        return of_entry in async_account_ids(self._hass, self._target)

    @callback
    def _fire(self, run_action: TriggerActionRunner, place: Place, what: str, details: Details) -> None:
        account = place.account
        payload = {
            ATTR_DEVICE_ID: async_device_id(place),
            "account": account.name,
            "account_id": account.id,
            "currency": account.currency,
            "balance": str(money(account.available, account)),
            "seconds_left": account.seconds_left,
            "runs_out": runs_out(account),
            "last_top_up_at": account.last_top_up.at if account.last_top_up else None,
        }
        run_action({**payload, **details}, f"{what} of {account.name}")


class EventTrigger(AccountTrigger):
    """A trigger of something that the bridge says has happened."""

    _kind: EventKind
    _what: str

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Attach the trigger to an action runner."""

        @callback
        def happened(what: Happening) -> None:
            event, account = what.event, what.account
            if event.kind is not self._kind or (details := self._details(event, account)) is None:
                return
            place = Place(what.coordinator, account)
            if (not what.late or self._still_holds(account)) and self._is_chosen(place):
                self._fire(run_action, place, self._what, {"at": event.at, "late": what.late, **details})

        return async_dispatcher_connect(self._hass, SIGNAL_EVENT, happened)

    @abstractmethod
    def _details(self, event: Event, account: AccountView) -> Details | None:
        """Return what an automation may want to know, or None if the event is not meant."""

    def _still_holds(self, account: AccountView) -> bool:  # noqa: ARG002 - what happened, happened
        """Return whether what happened before the connection came back is not over by now."""
        return True


class CreditBecameLow(EventTrigger):
    """Credit fell to a warning threshold."""

    _kind = EventKind.ALERT_OPENED
    _what = "low credit"

    @override
    def _details(self, event: Event, account: AccountView) -> Details | None:
        if event.data.get("kind") != AlertKind.LOW_CREDIT:
            return None
        return {"threshold": _threshold(event, account), "message": event.data.get("message")}

    @override
    def _still_holds(self, account: AccountView) -> bool:
        return account.low_credit


class CreditRecovered(AccountTrigger):
    """Credit is above every warning threshold again, and was not before.

    It follows the account and not the alerts, as each threshold has an alert of its own.
    """

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Attach the trigger to an action runner."""
        low: WeakKeyDictionary[PrepaidMeterCoordinator, set[str]] = WeakKeyDictionary()

        @callback
        def changed(coordinator: PrepaidMeterCoordinator, accounts: Iterable[AccountView]) -> None:
            were_low = low.setdefault(coordinator, set())
            for account in accounts:
                if account.low_credit:
                    were_low.add(account.id)
                elif account.id in were_low:
                    were_low.discard(account.id)
                    place = Place(coordinator, account)
                    if self._is_chosen(place):
                        self._fire(run_action, place, "recovery of credit", {})

        for coordinator in async_loaded(self._hass):
            changed(coordinator, coordinator.accounts.values())
        return async_dispatcher_connect(self._hass, SIGNAL_ACCOUNTS, changed)


class SupplyCut(EventTrigger):
    """The supply was cut, for any reason or for some."""

    _kind = EventKind.SUPPLY_CHANGED
    _what = "cut"
    options_schema: ClassVar[Options] = {
        probatio.Optional(CONF_REASON): probatio.All(
            cv.ensure_list, [probatio.In([reason.value for reason in SupplyReason])]
        )
    }

    @override
    def _details(self, event: Event, account: AccountView) -> Details | None:
        data, reasons = event.data, self._options.get(CONF_REASON)
        if data.get("was") != SupplyState.CONNECTED or data.get("state") == SupplyState.CONNECTED:
            return None
        if reasons and data.get("reason") not in reasons:
            return None
        return _supply(data)

    @override
    def _still_holds(self, account: AccountView) -> bool:
        return account.supply.state is not SupplyState.CONNECTED


class SupplyRestored(EventTrigger):
    """The supply is connected again."""

    _kind = EventKind.SUPPLY_CHANGED
    _what = "supply restored"

    @override
    def _details(self, event: Event, account: AccountView) -> Details | None:
        was, now = event.data.get("was"), event.data.get("state")
        restored = was not in {None, SupplyState.CONNECTED} and now == SupplyState.CONNECTED
        return _supply(event.data) if restored else None

    @override
    def _still_holds(self, account: AccountView) -> bool:
        return account.supply.state is SupplyState.CONNECTED


class TopUpReceived(EventTrigger):
    """Money or a voucher came in."""

    _kind = EventKind.TOP_UP
    _what = "top-up"
    options_schema: ClassVar[Options] = {
        probatio.Optional(CONF_MINIMUM_AMOUNT): probatio.All(probatio.Coerce(float), probatio.Range(min=0))
    }

    @override
    def _details(self, event: Event, account: AccountView) -> Details | None:
        amount, after = event.data.get("amount"), event.data.get("balance_after")
        if not isinstance(amount, int) or not isinstance(after, int):
            return None  # of a shape that only a newer bridge knows
        if price(amount, account) < Decimal(str(self._options.get(CONF_MINIMUM_AMOUNT, 0))):
            return None
        return {
            "amount": decimal_text(amount, account),
            "balance_after": str(money(after, account)),
            "method": event.data.get("method"),
            "reference": event.data.get("reference"),
        }


class RunsOutWithin(AccountTrigger):
    """The credit is forecast to run out within a time, and was not before."""

    options_schema: ClassVar[Options] = {
        probatio.Required(CONF_WITHIN): probatio.All(
            cv.positive_time_period, probatio.Range(min=timedelta(1 / 86400))
        )
    }

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Attach the trigger to an action runner."""
        limit = round(cast("timedelta", self._options[CONF_WITHIN]).total_seconds())
        # By coordinator, as one that was loaded anew has nothing to be compared with.
        known: WeakKeyDictionary[PrepaidMeterCoordinator, dict[str, bool]] = WeakKeyDictionary()

        @callback
        def changed(coordinator: PrepaidMeterCoordinator, accounts: Iterable[AccountView]) -> None:
            armed = known.setdefault(coordinator, {})
            for account in accounts:
                left, was_armed = account.seconds_left, armed.get(account.id)
                if left is None:
                    continue
                if left > limit:
                    # The first forecast arms at once; later ones only once they are clear of the limit.
                    armed[account.id] = was_armed in {None, True} or left * 100 > limit * REARM_PERCENT
                    continue
                armed[account.id] = False
                place = Place(coordinator, account)
                if was_armed and self._is_chosen(place):
                    self._fire(run_action, place, "run-out", {})

        for coordinator in async_loaded(self._hass):
            changed(coordinator, coordinator.accounts.values())
        return async_dispatcher_connect(self._hass, SIGNAL_ACCOUNTS, changed)


def _threshold(event: Event, account: AccountView) -> str | None:
    """Return the threshold that was passed, as a decimal."""
    try:
        return decimal_text(int(str(event.data.get("detail"))), account)
    except ValueError, InvalidOperation:
        return None


def _supply(data: Mapping[str, object]) -> Details:
    return {"state": data.get("state"), "reason": data.get("reason"), "note": data.get("note")}


TRIGGERS: Final[dict[str, type[AccountTrigger]]] = {
    "credit_became_low": CreditBecameLow,
    "credit_recovered": CreditRecovered,
    "runs_out_within": RunsOutWithin,
    "supply_cut": SupplyCut,
    "supply_restored": SupplyRestored,
    "top_up_received": TopUpReceived,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:  # noqa: ARG001
    """Return the triggers of the integration."""
    return dict(TRIGGERS)
