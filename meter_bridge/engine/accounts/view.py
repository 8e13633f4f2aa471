"""Views of the state as they go over the wire."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import DAY_MS, day_start, iso, local_day
from meter_bridge.core.forecast.cost_projection import Depletion
from meter_bridge.core.ledger.credit import (
    CreditState,
    emergency_left,
    emergency_state,
    headroom,
    usable_credit,
)
from meter_bridge.core.ledger.debt import recovery_order
from meter_bridge.core.money import amount_digits
from meter_bridge.core.rating.period_to_date import accrued_total, amount_if_closed, charged_in_period
from meter_bridge.core.rating.rating import (
    LineKind,
    OpenSegment,
    block_at,
    block_views,
    energy_to_next_block,
    price_per_kwh,
    wh_for_amount,
)
from meter_bridge.core.supply.decision import may_restore
from meter_bridge.core.supply.friendly_hours import friendly_span
from meter_bridge.core.tariff.tariff import BlockBasis, next_price_change
from meter_bridge.engine.access.visibility import may_see_alert_kind
from meter_bridge.engine.alerts.view import alert_view
from meter_bridge.engine.forecasting.stored_forecast import account_depletion
from meter_bridge.engine.ledger.credit import credit_now, top_up_question
from meter_bridge.engine.ledger.entries import debt_view
from meter_bridge.engine.ledger.purchases import units_worth
from meter_bridge.engine.metering.view import meter_view
from meter_bridge.engine.state.model import Account, Supply
from meter_bridge.engine.supply.local_cutoff import meters_to_withdraw
from meter_bridge.engine.supply.view import supply_view
from meter_bridge.protocol.messages import (
    AccountView,
    BlockView,
    DebtView,
    EmergencyCreditView,
    FriendlyHoursView,
    OwedView,
    RunOutView,
    TariffNow,
)
from meter_bridge.protocol.vocabulary import EmergencyCreditState, SupplyReason
from meter_bridge.text.catalogue import ENGLISH


def account_view_for(actor: Actor, account: Account, at: int) -> AccountView:
    """Return what an actor sees of an account: a customer sees none of the alerts that are for staff."""
    shown = account_view(account, at, actor.language)
    alerts = tuple(alert for alert in shown.alerts if may_see_alert_kind(actor, alert.kind))
    return shown if len(alerts) == len(shown.alerts) else replace(shown, alerts=alerts)


def account_view(account: Account, at: int, language: str = ENGLISH) -> AccountView:
    """Return everything that staff see of an account, its alerts in the reader's language."""
    credit = credit_now(account)
    left = max(headroom(account.policy.credit, credit), units_worth(account))
    supply = account.supplies[0] if account.supplies else None
    units = _units_left(supply, left, at) if supply else None
    ends = account_depletion(account, at)
    energy_wh = _energy(account)
    today = [_totals_of_today(supply, at) for supply in account.supplies]
    return AccountView(
        id=account.id,
        name=account.name,
        site_id=account.site.id,
        site_name=account.site.name,
        customer=account.customer,
        currency=account.site.currency,
        amount_digits=amount_digits(account.site.currency),
        time_zone=account.site.time_zone,
        payment_mode=account.policy.payment_mode,
        balance=account.balance,
        available=credit.balance,
        units_left_wh=units,
        seconds_left=None if ends is None else (ends.at - at) // 1000,
        low_credit=account.low_level > 0,
        low_credit_thresholds=account.policy.low_credit,
        energy_wh=energy_wh,
        energy_today_wh=None if energy_wh is None else sum(wh for wh, _ in today),
        cost_today=sum(amount for _, amount in today),
        cost_period=_cost_period_view(account, at),
        supply=supply_view(account),
        tariff=_tariff_view(supply, at) if supply else None,
        meters=tuple(meter_view(meter) for meter in account.meters),
        alerts=tuple(alert_view(key, alert, account, language) for key, alert in account.alerts.items()),
        last_top_up=account.last_top_up,
        headroom=left,
        emergency_credit=_emergency_credit(account, credit),
        arrears=account.arrears,
        debts=tuple(debt_view(debt) for debt in recovery_order(account.debts.values())),
        amount_to_restore=_amount_to_restore(account, credit, at),
        period_start=_period_start(account, at),
        friendly_hours=_friendly_hours(account, at),
        load_limit_mw=None if account.policy.load_limit is None else account.policy.load_limit.limit_mw,
        protection_pending=meters_to_withdraw(account),
        closed_at=None if account.closed_at is None else iso(account.closed_at),
        runs_out=None if ends is None else _depletion_view(ends),
    )


def _depletion_view(depletion: Depletion) -> RunOutView:
    return RunOutView(
        at=iso(depletion.at),
        soonest=None if depletion.earliest is None else iso(depletion.earliest),
        latest=None if depletion.latest is None else iso(depletion.latest),
    )


def _period_start(account: Account, at: int) -> str | None:
    """Return from when the cost of the period counts; None without a supply."""
    starts = [
        day_start(date.fromisoformat(version.period(at)[:10]), version.zone)
        for version in (supply.timeline.at(at) for supply in account.supplies)
    ]
    return iso(max(min(starts), account.tenancy.start)) if starts else None


def _friendly_hours(account: Account, at: int) -> FriendlyHoursView | None:
    """Return the present or next friendly hours; computed again only once they are over."""
    hours = account.policy.friendly_hours
    if not hours.windows and not hours.dates:
        return None
    if at >= account.friendly_hours_valid_until:
        span = account.next_friendly_hours = friendly_span(hours, at, account.site.time_zone)
        account.friendly_hours_valid_until = at + DAY_MS if span is None else span[1]
    span = account.next_friendly_hours
    return None if span is None else FriendlyHoursView(start=iso(span[0]), end=iso(span[1]))


def _emergency_credit(account: Account, credit: CreditState) -> EmergencyCreditView | None:
    policy = account.policy.credit
    state = emergency_state(policy, credit)
    if state is EmergencyCreditState.UNSUPPORTED:
        return None
    if account.tenancy.end is not None and state is EmergencyCreditState.AVAILABLE:
        state = EmergencyCreditState.UNAVAILABLE  # nobody lives there who might select it
    return EmergencyCreditView(
        state=state,
        limit=policy.emergency_limit,
        left=emergency_left(policy, credit),
        threshold=policy.emergency_threshold,
    )


def _amount_to_restore(account: Account, credit: CreditState, at: int) -> int | None:
    if account.reason not in (SupplyReason.CREDIT_EXHAUSTED, SupplyReason.BELOW_RESTORE_MINIMUM):
        return None
    policy = account.policy
    least = top_up_question(account, credit, at).smallest_sufficient(
        lambda then: may_restore(policy, headroom(policy.credit, then), usable_credit(policy.credit, then))
    )
    return None if least is None else max(least, account.policy.top_up_minimum)


def _tariff_view(supply: Supply, at: int) -> TariffNow:
    interval = supply.timeline.interval_at(at)
    version = interval.version
    changes = [
        instant for instant in (next_price_change(version, at), supply.timeline.next_start(at)) if instant
    ]
    return TariffNow(
        tariff_id=supply.tariff_id,
        version_id=version.id,
        price_per_kwh=price_per_kwh(supply.rating, interval),
        band=interval.band,
        block=block_at(supply.rating, interval) + 1,
        blocks=interval.block_schedule.blocks,
        block_remaining_wh=energy_to_next_block(supply.rating, interval),
        next_change=iso(min(changes)) if changes else None,
        ladder=tuple(
            BlockView(number=n, end_wh=block.end_wh, used_wh=block.used_wh, price_per_kwh=block.price_per_kwh)
            for n, block in enumerate(block_views(supply.rating, interval), 1)
        ),
    )


def _units_left(supply: Supply, available: int, at: int) -> int | None:
    interval = supply.timeline.interval_at(at)
    if interval.version.basis is BlockBasis.PURCHASE_TIME:
        return supply.rating.units
    return wh_for_amount(supply.rating, interval, available)


def _energy(account: Account) -> int | None:
    """Return the energy charged by all meters in Wh, or None before the first reading."""
    known = [wh for meter in account.meters if (wh := meter.energy_wh) is not None]
    earlier = sum(supply.earlier_wh for supply in account.supplies)
    return sum(known) + earlier if known or earlier else None


def _totals_of_today(supply: Supply, at: int) -> tuple[int, int]:
    """Return energy and cost of the local day: what was settled of it, and what is still open."""
    rating, timeline = supply.rating, supply.timeline
    zone = timeline.at(at).zone
    day = local_day(at, zone)
    settled = next((total for total in supply.days if total.day == day.isoformat()), None)
    wh, amount = (settled.wh, settled.amount) if settled else (0, 0)
    parts = [
        part for parts in rating.open_segments.values() for part in parts if part.key.kind != LineKind.VACANT
    ]
    begun = day_start(day, zone)
    earlier = [part for part in parts if part.start < begun]
    open_wh = sum(part.wh for part in parts) - sum(part.wh for part in earlier)
    return wh + open_wh, amount + accrued_total(rating, timeline) - _cost_of_open(supply, earlier)


def _cost_of_open(supply: Supply, parts: Sequence[OpenSegment]) -> int:
    """Return the cost of open segments that have a price independent of the rest of their period."""
    plain = (
        part
        for part in parts
        if part.key.kind == LineKind.CONSUMPTION and not supply.timeline.has_period_to_date(part.key.period)
    )
    return amount_if_closed(supply.rating, supply.timeline, plain)


def _cost_period_view(account: Account, at: int) -> int | None:
    return sum(
        cost - account.earlier_costs.get(period, 0)
        for period, cost in (period_cost(supply, at) for supply in account.supplies)
    )


def period_cost(supply: Supply, at: int) -> tuple[str, int]:
    """Return the present block period of a supply, named with the supply, and its charges so far."""
    period = supply.timeline.at(at).period(at)
    return f"{supply.id} {period}", charged_in_period(supply.rating, supply.timeline, period)


def outstanding_of(account: Account) -> Iterator[OwedView]:
    """Yield what the present customer of an account owes, with what was used until now."""
    credit = credit_now(account)
    for debt in recovery_order(account.debts.values()):
        yield _view(account, "debt", debt.owed, debt_view(debt))
    sums = {
        "arrears": credit.arrears,
        "emergency_credit": credit.emergency_used,
        "balance": max(-credit.balance, 0),
    }
    for kind, amount in sums.items():
        if amount:
            yield _view(account, kind, amount)


def _view(account: Account, kind: str, owed: int, debt: DebtView | None = None) -> OwedView:
    currency = account.site.currency
    return OwedView(
        account_id=account.id,
        site_id=account.site.id,
        tenancy=account.tenancy.n,
        customer=account.customer,
        former=False,
        kind=kind,
        owed=owed,
        currency=currency,
        amount_digits=amount_digits(currency),
        debt=debt,
    )
