"""Triggers of the integration. Each fires once per event.

They are based on the bridge's events and forecasts, not on the states of entities: states also change when an
entity becomes unavailable and after a restart or reload. Events from an interruption of the connection fire
after reconnecting, unless they no longer apply; events from before the start of Home Assistant never fire.
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

from .accounts import AccountRef, async_account_ids, async_device_id, async_loaded_bridges
from .amounts import decimal_text, money, price
from .client.protocol import AccountView, Event, EventKind
from .client.vocabulary import AlertKind, SupplyReason, SupplyState
from .const import SIGNAL_ACCOUNTS, SIGNAL_EVENT
from .coordinator import PrepaidMeterCoordinator, ReceivedEvent
from .status import runs_out

CONF_MINIMUM_AMOUNT: Final = "minimum_amount"
CONF_REASON: Final = "reason"
CONF_WITHIN: Final = "within"

REARM_PERCENT: Final = 110
"""A forecast must rise above this percentage of the limit before the trigger can fire again."""

type Options = dict[probatio.Marker, Any]
type Details = Mapping[str, Any]


class AccountTrigger(Trigger):
    """A trigger for the accounts in its target."""

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
        """Store target and options."""
        super().__init__(hass, config)
        self._target: dict[str, Any] = config.target or {}
        self._options: dict[str, Any] = config.options or {}

    @callback
    def _is_targeted(self, ref: AccountRef) -> bool:
        """Return whether the account is in the target, which is resolved each time because it may change."""
        entry_and_account = (ref.coordinator.config_entry.entry_id, ref.account.id)
        return entry_and_account in async_account_ids(self._hass, self._target)

    @callback
    def _fire(self, run_action: TriggerActionRunner, ref: AccountRef, summary: str, details: Details) -> None:
        account = ref.account
        payload = {
            ATTR_DEVICE_ID: async_device_id(ref),
            "account": account.name,
            "account_id": account.id,
            "currency": account.currency,
            "balance": str(money(account.available, account)),
            "seconds_left": account.seconds_left,
            "runs_out": runs_out(account),
            "last_top_up_at": account.last_top_up.at if account.last_top_up else None,
        }
        run_action({**payload, **details}, f"{summary} for {account.name}")


class EventTrigger(AccountTrigger):
    """A trigger for a kind of event of the bridge."""

    _kind: EventKind
    _summary: str

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Attach the trigger to an action runner."""

        @callback
        def handle(received: ReceivedEvent) -> None:
            event, account = received.event, received.account
            if event.kind is not self._kind or (details := self._details(event, account)) is None:
                return
            ref = AccountRef(received.coordinator, account)
            if (not received.late or self._still_applies(account)) and self._is_targeted(ref):
                details = {"at": event.at, "late": received.late, **details}
                self._fire(run_action, ref, self._summary, details)

        return async_dispatcher_connect(self._hass, SIGNAL_EVENT, handle)

    @abstractmethod
    def _details(self, event: Event, account: AccountView) -> Details | None:
        """Return the trigger variables, or None if the trigger is not for this event."""

    def _still_applies(self, account: AccountView) -> bool:  # noqa: ARG002 - some events always apply
        """Return whether an event from an interruption of the connection still describes the account."""
        return True


class CreditBecameLow(EventTrigger):
    """Credit fell to a warning threshold."""

    _kind = EventKind.ALERT_OPENED
    _summary = "low credit"

    @override
    def _details(self, event: Event, account: AccountView) -> Details | None:
        if event.data.get("kind") != AlertKind.LOW_CREDIT:
            return None
        return {"threshold": _threshold(event, account), "message": event.data.get("message")}

    @override
    def _still_applies(self, account: AccountView) -> bool:
        return account.low_credit


class CreditRecovered(AccountTrigger):
    """Credit rose above every warning threshold.

    This is based on the account and not on alerts, because each threshold has its own alert.
    """

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Attach the trigger to an action runner."""
        low_by_bridge: WeakKeyDictionary[PrepaidMeterCoordinator, set[str]] = WeakKeyDictionary()

        @callback
        def handle(coordinator: PrepaidMeterCoordinator, accounts: Iterable[AccountView]) -> None:
            low = low_by_bridge.setdefault(coordinator, set())
            for account in accounts:
                if account.low_credit:
                    low.add(account.id)
                elif account.id in low:
                    low.discard(account.id)
                    ref = AccountRef(coordinator, account)
                    if self._is_targeted(ref):
                        self._fire(run_action, ref, "credit recovered", {})

        for coordinator in async_loaded_bridges(self._hass):
            handle(coordinator, coordinator.accounts.values())
        return async_dispatcher_connect(self._hass, SIGNAL_ACCOUNTS, handle)


class SupplyCut(EventTrigger):
    """The supply was cut, for any reason or for one of the given reasons."""

    _kind = EventKind.SUPPLY_CHANGED
    _summary = "supply cut"
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
    def _still_applies(self, account: AccountView) -> bool:
        return account.supply.state is not SupplyState.CONNECTED


class SupplyRestored(EventTrigger):
    """The supply is connected again."""

    _kind = EventKind.SUPPLY_CHANGED
    _summary = "supply restored"

    @override
    def _details(self, event: Event, account: AccountView) -> Details | None:
        old, new = event.data.get("was"), event.data.get("state")
        restored = old not in {None, SupplyState.CONNECTED} and new == SupplyState.CONNECTED
        return _supply(event.data) if restored else None

    @override
    def _still_applies(self, account: AccountView) -> bool:
        return account.supply.state is SupplyState.CONNECTED


class TopUpReceived(EventTrigger):
    """A top-up was booked: a payment or a voucher."""

    _kind = EventKind.TOP_UP
    _summary = "top-up"
    options_schema: ClassVar[Options] = {
        probatio.Optional(CONF_MINIMUM_AMOUNT): probatio.All(probatio.Coerce(float), probatio.Range(min=0))
    }

    @override
    def _details(self, event: Event, account: AccountView) -> Details | None:
        amount, balance = event.data.get("amount"), event.data.get("balance_after")
        if not isinstance(amount, int) or not isinstance(balance, int):
            return None  # in a form that only a newer bridge sends
        if price(amount, account) < Decimal(str(self._options.get(CONF_MINIMUM_AMOUNT, 0))):
            return None
        return {
            "amount": decimal_text(amount, account),
            "balance_after": str(money(balance, account)),
            "method": event.data.get("method"),
            "reference": event.data.get("reference"),
        }


class RunsOutWithin(AccountTrigger):
    """The forecast of how long the credit lasts fell to a given time, even while nobody was watching."""

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
        # By coordinator: after a reload the first forecast is compared with the last one before.
        armed_by_bridge: WeakKeyDictionary[PrepaidMeterCoordinator, dict[str, bool]] = WeakKeyDictionary()

        @callback
        def handle(coordinator: PrepaidMeterCoordinator, accounts: Iterable[AccountView]) -> None:
            armed = armed_by_bridge.setdefault(coordinator, {})
            for account in accounts:
                left, was_armed = account.seconds_left, armed.get(account.id)
                if left is None:
                    continue
                if was_armed is None and (before := coordinator.forecast_before_restart(account.id)):
                    was_armed = before > limit
                if left > limit:
                    # The first forecast arms the trigger at once, later ones only when well above the limit.
                    armed[account.id] = was_armed in {None, True} or left * 100 > limit * REARM_PERCENT
                    continue
                armed[account.id] = False
                ref = AccountRef(coordinator, account)
                if was_armed and self._is_targeted(ref):
                    self._fire(run_action, ref, "credit running out", {})

        for coordinator in async_loaded_bridges(self._hass):
            handle(coordinator, coordinator.accounts.values())
        return async_dispatcher_connect(self._hass, SIGNAL_ACCOUNTS, handle)


def _threshold(event: Event, account: AccountView) -> str | None:
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
