"""What an account can use beyond its credit if bridge or broker stop now."""

from meter_bridge.core.money import amount_digits
from meter_bridge.core.supply import local_cutoff as cutoff_rules
from meter_bridge.core.supply.exposure import Exposure, Outlet, exposure
from meter_bridge.engine.state.model import Account, Installation, Meter, Supply
from meter_bridge.engine.supply.local_cutoff import place_of, protected, spendable, versions
from meter_bridge.engine.supply.relays import proven_open
from meter_bridge.protocol.exposure import AccountExposure


def account_exposure(installation: Installation, account: Account, now: int) -> AccountExposure:
    """Return the exposure of an account; each of its supplies alone may use all of its credit."""
    switched = [meter for meter in account.meters if meter.plan.relay_address is not None]
    limited = not protected(account)
    found = [_supply(installation, supply, now) for supply in account.supplies] if limited else []
    return AccountExposure(
        account_id=account.id,
        name=account.name,
        currency=account.site.currency,
        amount_digits=amount_digits(account.site.currency),
        policies=tuple(sorted({meter.plan.without_bridge for meter in switched})),
        limited=limited,
        meters=len(switched),
        in_force=sum(_limit(installation, meter) is not None for meter in switched),
        once_wh=sum(each.once_wh for each in found),
        once_amount=sum(each.once_amount for each in found),
        hourly_wh=sum(each.hourly_wh for each in found),
        hourly_amount=sum(each.hourly_amount for each in found),
    )


def _supply(installation: Installation, supply: Supply, now: int) -> Exposure:
    """Return the exposure of one supply; what is proven cut already is none."""
    outlets = [
        Outlet(meter.plan.rating_w, _reach(installation, meter))
        for meter in supply.meters
        if meter.plan.relay_address is not None and not proven_open(meter.relay)
    ]
    dearest = cutoff_rules.price_range(versions(supply, now))[1]
    return exposure(outlets, supply.rating.units, spendable(supply.account), dearest)


def _reach(installation: Installation, meter: Meter) -> int | None:
    """Return the energy until a meter's device cuts by itself, or None if it does not."""
    limit = _limit(installation, meter)
    return None if limit is None else max(limit - least_register_wh(meter), 0)


def least_register_wh(meter: Meter) -> int:
    """Return where a meter's register stands at least, doubted readings included: it may have been reset."""
    register = meter.register
    if register is None:
        return 0
    doubt = register.doubt
    return register.watermark_wh if doubt is None else min(register.watermark_wh, doubt.register_wh)


def _limit(installation: Installation, meter: Meter) -> int | None:
    """Return the register value at which a meter's device cuts at the latest, as it said itself."""
    kept = installation.cut_offs.get(place_of(meter))
    return None if kept is None or not kept.heard else cutoff_rules.sure_wh(kept.cut_off)
