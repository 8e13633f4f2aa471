"""Conditions of the integration. A condition is never met while its value is not known."""

from abc import abstractmethod
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final, Unpack, cast, override

from homeassistant.const import CONF_OPTIONS, CONF_TARGET
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.condition import (
    ATTR_BEHAVIOR,
    BEHAVIOR_ALL,
    BEHAVIOR_ANY,
    Condition,
    ConditionCheckParams,
    ConditionConfig,
)
from homeassistant.helpers.typing import ConfigType
import probatio

from .accounts import async_target_accounts
from .amounts import price
from .client.protocol import AccountView
from .client.vocabulary import SupplyState
from .friendly_hours import in_friendly_hours

CONF_AMOUNT: Final = "amount"
CONF_WITHIN: Final = "within"

type Options = dict[probatio.Marker, Any]


class AccountCondition(Condition):
    """A condition of the accounts in its target: of any of them, or of all."""

    options_schema: ClassVar[Options] = {}

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Validate config."""
        behavior = probatio.Required(ATTR_BEHAVIOR, default=BEHAVIOR_ANY)
        options = {behavior: probatio.In([BEHAVIOR_ANY, BEHAVIOR_ALL]), **cls.options_schema}
        schema = probatio.Schema(
            {
                probatio.Required(CONF_TARGET): cv.TARGET_FIELDS,
                probatio.Required(CONF_OPTIONS, default={}): options,
            }
        )
        return cast("ConfigType", schema(config))

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Store target and options."""
        super().__init__(hass, config)
        self._target: dict[str, Any] = config.target or {}
        self._options: dict[str, Any] = config.options or {}

    @override
    def _async_check(self, **kwargs: Unpack[ConditionCheckParams]) -> bool:
        return self.is_met()

    def is_met(self) -> bool:
        """Return whether the condition is met for the accounts in the target."""
        results = [
            ref.coordinator.available and self._is_met_by(ref.account)
            for ref in async_target_accounts(self._hass, self._target)
        ]
        return (
            any(results) if self._options[ATTR_BEHAVIOR] == BEHAVIOR_ANY else bool(results) and all(results)
        )

    @abstractmethod
    def _is_met_by(self, account: AccountView) -> bool:
        """Return whether the condition is met by an account."""


class CreditIsBelow(AccountCondition):
    """The remaining credit, without emergency credit, is below an amount in the account's currency."""

    options_schema: ClassVar[Options] = {probatio.Required(CONF_AMOUNT): probatio.Coerce(float)}

    @override
    def _is_met_by(self, account: AccountView) -> bool:
        return price(account.available, account) < Decimal(str(self._options[CONF_AMOUNT]))


class RunsOutWithin(AccountCondition):
    """The credit is forecast to run out within a given time."""

    options_schema: ClassVar[Options] = {probatio.Required(CONF_WITHIN): cv.positive_time_period}

    @override
    def _is_met_by(self, account: AccountView) -> bool:
        within = cast("timedelta", self._options[CONF_WITHIN])
        return account.seconds_left is not None and account.seconds_left <= within.total_seconds()


class SupplyIsConnected(AccountCondition):
    """The supply is connected."""

    @override
    def _is_met_by(self, account: AccountView) -> bool:
        return account.supply.state is SupplyState.CONNECTED


class InFriendlyHours(AccountCondition):
    """Friendly hours apply, during which the supply is not cut when the credit is used up."""

    @override
    def _is_met_by(self, account: AccountView) -> bool:
        return in_friendly_hours(account)


CONDITIONS: Final[dict[str, type[AccountCondition]]] = {
    "credit_is_below": CreditIsBelow,
    "in_friendly_hours": InFriendlyHours,
    "runs_out_within": RunsOutWithin,
    "supply_is_connected": SupplyIsConnected,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:  # noqa: ARG001
    """Return the conditions of the integration."""
    return dict(CONDITIONS)
