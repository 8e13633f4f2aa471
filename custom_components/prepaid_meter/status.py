"""The current state of an account for scripts, voice assistants and language models.

Amounts are in whole minor units, like those of the entities; only the price has all its digits.
"""

from datetime import timedelta

from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from .amounts import decimal_text, kilowatt_hours_text, money
from .client.protocol import AccountView


def readable_status(account: AccountView) -> JsonObjectType:
    """Return the current state of the account; what the bridge does not know is None, never zero."""
    return {
        "account": account.name,
        "site": account.site_name,
        "currency": account.currency,
        "balance": _amount(account.available, account),
        "low_credit": account.low_credit,
        "units_left_kwh": kilowatt_hours_text(account.units_left_wh),
        "seconds_left": account.seconds_left,
        "runs_out": runs_out(account),
        "supply": _supply(account),
        "emergency_credit": _emergency_credit(account),
        "debt": _debt(account),
        "price": _price(account),
        "energy_today_kwh": kilowatt_hours_text(account.energy_today_wh),
        "cost_today": _amount(account.cost_today, account),
        "cost_this_period": _amount(account.cost_period, account),
        "period_start": account.period_start,
        "last_top_up": _last_top_up(account),
        "alerts": [alert.message for alert in account.alerts],
    }


def runs_out(account: AccountView) -> str | None:
    """Return when the credit is forecast to run out, or None while there is no forecast."""
    if account.seconds_left is None:
        return None
    now = dt_util.utcnow().replace(microsecond=0)
    return (now + timedelta(seconds=account.seconds_left)).isoformat()


def _amount(amount: int | None, account: AccountView) -> str | None:
    return None if amount is None else str(money(amount, account))


def _supply(account: AccountView) -> JsonObjectType:
    supply = account.supply
    return {"state": supply.state.value, "reason": supply.reason.value, "note": supply.note}


def _emergency_credit(account: AccountView) -> JsonObjectType | None:
    credit = account.emergency_credit
    if credit is None:
        return None
    return {"state": credit.state.value, "left": _amount(credit.left, account)}


def _debt(account: AccountView) -> str | None:
    return _amount(account.arrears + sum(debt.owed for debt in account.debts), account)


def _price(account: AccountView) -> JsonObjectType | None:
    tariff = account.tariff
    if tariff is None:
        return None
    return {
        "per_kwh": decimal_text(tariff.price_per_kwh, account),
        "band": tariff.band,
        "block": tariff.block,
        "blocks": tariff.blocks,
        "next_change": tariff.next_change,
    }


def _last_top_up(account: AccountView) -> JsonObjectType | None:
    top_up = account.last_top_up
    if top_up is None:
        return None
    amount = _amount(top_up.amount, account)
    return {"at": top_up.at, "amount": amount, "method": top_up.method}
