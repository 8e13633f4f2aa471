"""What a customer is told before paying: how much is possible, and where it would go."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from meter_bridge.core.ledger.credit import after_top_up, split_top_up
from meter_bridge.core.money import DIGITS_BELOW_MINOR, SMALLEST_COIN, amount_digits, minor_digits
from meter_bridge.core.rating.rating import TAX_KINDS
from meter_bridge.core.rating.unit_purchase import NO_PURCHASE, purchase_units, trial_copy
from meter_bridge.engine.accounts import view
from meter_bridge.engine.accounts.top_ups import top_up_range
from meter_bridge.engine.ledger.credit import credit_now
from meter_bridge.engine.ledger.purchases import unit_selling_supply
from meter_bridge.engine.state.model import Account
from meter_bridge.payments.providers.provider import Provider
from meter_bridge.protocol.payments import PaymentOptions, ProviderView, TopUpPreview


def payment_options(account: Account, providers: list[Provider], at: int, *, keypad: bool) -> PaymentOptions:
    """Return how a customer may pay, and how much."""
    smallest, largest, _ = top_up_range(account, at)
    currency = account.site.currency
    return PaymentOptions(
        providers=tuple(ProviderView(id=each.id, name=each.name) for each in providers),
        currency=currency,
        amount_digits=amount_digits(currency),
        minor_digits=minor_digits(currency),
        smallest=max(smallest, SMALLEST_COIN),
        largest=largest - largest % 10**DIGITS_BELOW_MINOR,
        to_restore=view.account_view(account, at).amount_to_restore,
        keypad=keypad,
    )


def preview_top_up(account: Account, amount: int, at: int) -> TopUpPreview:
    """Return where a top-up would go now; changes nothing."""
    credit, policy = credit_now(account), account.policy.credit
    zone = ZoneInfo(account.site.time_zone)
    split = split_top_up(policy, credit, tuple(account.debts.values()), amount, at=at, zone=zone)
    after = after_top_up(credit, split)
    supply, purchase = unit_selling_supply(account, at), NO_PURCHASE
    if supply is not None and after.balance > 0:
        purchase = purchase_units(trial_copy(supply.rating), supply.timeline, at, after.balance, "preview")
    shown = split.parts()
    if purchase.wh:
        shown["units"] = min(purchase.charges.total, split.balance)
        shown["balance"] = split.balance - shown["units"]
    fees: dict[str, int] = {}
    for line in purchase.charges.lines:
        if line.key.kind in TAX_KINDS:
            name = line.key.band or line.key.kind
            fees[name] = fees.get(name, 0) + line.amount
    restore = view.account_view(account, at).amount_to_restore
    return TopUpPreview(
        amount=amount,
        currency=account.site.currency,
        amount_digits=amount_digits(account.site.currency),
        split=shown,
        units_wh=purchase.wh,
        fees=fees,
        balance_after=replace(after, balance=after.balance - purchase.charges.total).balance,
        restores=restore is not None and amount >= restore,
    )
