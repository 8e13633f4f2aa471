"""``meter-bridge accounts``, ``exposure``, ``debts`` and ``tenancies``: tables of all accounts."""

from argparse import Namespace
from collections import defaultdict
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.commands.client import BridgeClient, asks, lists
from meter_bridge.commands.command import JSON, Command, argument
from meter_bridge.commands.output import NOT_KNOWN, Output, Table, duration, plain
from meter_bridge.core.energy import format_kwh
from meter_bridge.core.money import format_amount
from meter_bridge.protocol.answers import AccountExposure, Accounts, Debts, Exposures, Tenancies
from meter_bridge.protocol.messages import AccountView, DebtView, OwedView, TenancyView

NO_ACCOUNTS: Final = "There are no accounts yet; 'meter-bridge apply' adds those of a site file."
ACCOUNTS_EPILOG: Final = """\
AVAILABLE is the credit left now, BALANCE the balance after the latest ledger entry. LASTS is the time left at
the recent rate of consumption.

examples:
  meter-bridge accounts
  meter-bridge accounts --json
"""


def sells_units(account: AccountView) -> bool:
    """Return whether an account buys units: they are its credit, and its money may be nothing."""
    return account.last_top_up is not None and account.last_top_up.units_wh > 0


def _available(account: AccountView) -> str:
    """Return what is left: units where they are sold, else money."""
    if sells_units(account) and account.units_left_wh is not None:
        return format_kwh(account.units_left_wh)
    return format_amount(account.available, account.currency)


ACCOUNTS: Final = Table[AccountView](
    {
        "ACCOUNT": lambda account: account.id,
        "NAME": lambda account: plain(account.name),
        "SITE": lambda account: account.site_id,
        "SUPPLY": lambda account: (
            account.supply.state + (" (not yet protected)" if account.protection_pending else "")
        ),
        "AVAILABLE": _available,
        "BALANCE": lambda account: format_amount(account.balance, account.currency),
        "LASTS": lambda account: duration(account.seconds_left),
        "ALERTS": lambda account: (
            ", ".join(dict.fromkeys(alert.kind.replace("_", " ") for alert in account.alerts)) or "none"
        ),
    },
    right=("AVAILABLE", "BALANCE", "LASTS"),
)
EXPOSURE_EPILOG: Final = """\
Shows how much each account can consume beyond its credit if the bridge or broker fails now, at full rating
and the highest price. WITHOUT THE BRIDGE is what its relays then do, CUT BY THEMSELVES how many have
confirmed a local cut-off. AT MOST is the total that those can consume beyond credit; PER HOUR and PER DAY are
what all others can consume for as long as the failure lasts. Meters that share credit may each consume all of
it.

examples:
  meter-bridge exposure
  meter-bridge exposure --json
"""
HOURS: Final = 24


def _policies(account: AccountExposure) -> str:
    texts = [{"local_cut_off": "local cut-off"}.get(policy, policy) for policy in account.policies]
    return ", ".join(texts) or "no relay"


def _beyond_credit(wh: int, amount: int, account: AccountExposure) -> str:
    if not account.limited or not (wh or amount):
        return "nothing"
    return f"{format_kwh(wh)}, {format_amount(amount, account.currency)}"


EXPOSURE: Final = Table[AccountExposure](
    {
        "ACCOUNT": lambda account: account.account_id,
        "NAME": lambda account: plain(account.name),
        "WITHOUT THE BRIDGE": _policies,
        "CUT BY THEMSELVES": lambda account: f"{account.in_force} of {account.meters}",
        "AT MOST": lambda account: (
            _beyond_credit(account.once_wh, account.once_amount, account)
            if account.limited
            else "credit does not cut"
        ),
        "PER HOUR": lambda account: _beyond_credit(account.hourly_wh, account.hourly_amount, account),
        "PER DAY": lambda account: _beyond_credit(
            HOURS * account.hourly_wh, HOURS * account.hourly_amount, account
        ),
    },
    right=("AT MOST", "PER HOUR", "PER DAY"),
)
DEBTS_EPILOG: Final = """\
Lists debts, arrears, emergency credit in use, negative balances, and amounts still owed by former customers.
'meter-bridge debt' changes how a debt is recovered, 'meter-bridge settle' records a payment by a former
customer.

examples:
  meter-bridge debts
  meter-bridge debts --json
"""


def _kind(owed: OwedView) -> str:
    if owed.debt is not None:
        return f"debt {plain(owed.debt.id)}: {plain(owed.debt.description)}"
    if owed.former:
        return f"tenancy {owed.tenancy}, moved out"
    return "negative balance" if owed.kind == "balance" else owed.kind.replace("_", " ")


def _recovery(debt: DebtView | None, currency: str) -> str:
    """Return how a debt is recovered, such as ``ZAR 3.50 a week, 10 % of top-ups``."""
    if debt is None:
        return ""
    parts = [f"{format_amount(debt.rate, currency)} a {debt.every}"] if debt.rate else []
    if debt.percent_ppm:
        cap = "" if debt.cap is None else f" up to {format_amount(debt.cap, currency)} a {debt.cap_every}"
        parts.append(f"{debt.percent_ppm / 10_000:g} % of top-ups{cap}")
    return ", ".join(parts)


DEBTS: Final = Table[OwedView](
    {
        "ACCOUNT": lambda owed: owed.account_id,
        "CUSTOMER": lambda owed: NOT_KNOWN if owed.customer is None else plain(owed.customer),
        "WHAT": _kind,
        "RECOVERED": lambda owed: _recovery(owed.debt, owed.currency),
        "OWED": lambda owed: format_amount(owed.owed, owed.currency),
    },
    right=("OWED",),
)


async def _list_debts(_arguments: Namespace, client: BridgeClient) -> Output:
    found = await client.get(Debts, "debts")
    if not found.debts:
        return Output(found, "No outstanding debts.")
    sums: defaultdict[str, int] = defaultdict(int)
    for owed in found.debts:
        sums[owed.currency] += owed.owed
    totals = (f"{format_amount(amount, currency)} in total" for currency, amount in sorted(sums.items()))
    return Output(found, "\n".join((DEBTS.text(found.debts), "", *totals)))


TENANCIES_EPILOG: Final = """\
OUTSTANDING is the amount still to be settled with a customer who has moved out: credit kept on record, or if
negative, an amount still owed. 'meter-bridge settle' records how it is settled, 'meter-bridge statement
ACCOUNT --tenancy N' shows its origin.

examples:
  meter-bridge tenancies
  meter-bridge tenancies flat-1
  meter-bridge tenancies --outstanding
"""


def _day(tenancy: TenancyView, instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(ZoneInfo(tenancy.time_zone or 'UTC')):%Y-%m-%d}"


def _until(tenancy: TenancyView) -> str:
    if tenancy.end is None:
        return "" if tenancy.closed else "current"
    return _day(tenancy, tenancy.end)


TENANCIES: Final = Table[TenancyView](
    {
        "ACCOUNT": lambda tenancy: f"{tenancy.account_id}{' (closed)' if tenancy.closed else ''}",
        "N": lambda tenancy: str(tenancy.n),
        "CUSTOMER": lambda tenancy: NOT_KNOWN if tenancy.customer is None else plain(tenancy.customer),
        "FROM": lambda tenancy: _day(tenancy, tenancy.start),
        "UNTIL": _until,
        "OUTSTANDING": lambda tenancy: (
            format_amount(tenancy.outstanding, tenancy.currency or "") if tenancy.outstanding else ""
        ),
    },
    right=("N", "OUTSTANDING"),
)


async def _list_tenancies(arguments: Namespace, client: BridgeClient) -> Output:
    path = ("tenancies",) if arguments.account is None else ("accounts", arguments.account, "tenancies")
    answer = await client.get(Tenancies, *path)
    found = [tenancy for tenancy in answer.tenancies if tenancy.outstanding or not arguments.outstanding]
    none = "There are no outstanding amounts." if arguments.outstanding else "There are no tenancies yet."
    return Output(found, TENANCIES.text(found) or none)


COMMANDS: Final = {
    "accounts": Command(
        lists(Accounts, "accounts", lambda answer: answer.accounts, ACCOUNTS, NO_ACCOUNTS),
        (JSON,),
        ACCOUNTS_EPILOG,
    ),
    "exposure": Command(
        lists(Exposures, "exposure", lambda answer: answer.accounts, EXPOSURE, NO_ACCOUNTS),
        (JSON,),
        EXPOSURE_EPILOG,
    ),
    "debts": Command(asks(_list_debts), (JSON,), DEBTS_EPILOG),
    "tenancies": Command(
        asks(_list_tenancies),
        (
            argument("account", metavar="ACCOUNT", nargs="?", help="account id (default: all)"),
            argument("--outstanding", action="store_true", help="only tenancies with an outstanding amount"),
            JSON,
        ),
        TENANCIES_EPILOG,
    ),
}
