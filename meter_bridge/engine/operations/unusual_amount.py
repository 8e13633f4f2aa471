"""An amount that looks mistyped, such as a million for ten: a person is asked before it is booked."""

from collections.abc import Iterable, Sequence
from typing import Final

from meter_bridge.core.money import format_amount
from meter_bridge.core.supply.local_cutoff import price_range
from meter_bridge.core.tariff.tariff import EXACT_SCALE
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.supply.local_cutoff import tariff_versions
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode

FACTOR: Final = 10
"""More than so many times what is usual is asked about."""
STOCK_FACTOR: Final = 100
"""The same of vouchers, per account that may use them: two years' worth of weekly purchases."""
USUAL_WH: Final = 100_000
"""What a customer may well buy at once: a quarter to half of a household's month."""


def check_usual(account: Account, amounts: Iterable[int], now: int) -> None:
    """Refuse an amount that somebody has to confirm first."""
    usual = usual_amount(account, now)
    unusual = max(map(abs, amounts), default=0)
    if 0 < usual * FACTOR < unusual:
        currency = account.site.currency
        what = format_amount(unusual, currency)
        raise _confirmation_needed(what, f"{FACTOR} times what is usual for {account.name}", usual, currency)


def check_usual_vouchers(accounts: Sequence[Account], count: int, amount: int, now: int) -> None:
    """Refuse vouchers that somebody has to confirm first, for their value or for what all are worth.

    ``accounts`` are those that may use them.
    """
    usual = max((usual_amount(account, now) for account in accounts), default=0)
    if not usual:
        return
    currency = accounts[0].site.currency
    if amount > usual * FACTOR:
        what = f"a voucher of {format_amount(amount, currency)}"
        raise _confirmation_needed(what, f"{FACTOR} times what an account usually pays", usual, currency)
    if count * amount > usual * STOCK_FACTOR * len(accounts):
        what = f"{count} vouchers, {format_amount(count * amount, currency)} in all,"
        than = f"{STOCK_FACTOR} times what every account usually pays"
        raise _confirmation_needed(what, than, usual, currency, verb="are")


def _confirmation_needed(
    what: str, than: str, usual: int, currency: str, *, verb: str = "is"
) -> RequestRefused:
    return RequestRefused(
        ErrorCode.CONFIRMATION_NEEDED,
        f"{what} {verb} more than {than} ({format_amount(usual, currency)})",
        field="amount",
        value=what,
        remedy="count its digits, then confirm it",
    )


def usual_amount(account: Account, now: int) -> int:
    """Return the largest of last top-up, warning thresholds and the price of 100 kWh; 0 if unknown."""
    prices = [
        -(-price_range(tariff_versions(supply, now))[1] * USUAL_WH // EXACT_SCALE)
        for supply in account.supplies
        if supply.timeline.versions[0].valid_from <= now
    ]
    last = account.last_top_up
    policy = account.policy
    return max(*prices, *policy.low_credit, policy.top_up_minimum, 0 if last is None else last.amount, 0)
