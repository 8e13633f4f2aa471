"""What an account can use beyond its credit if bridge or broker stop now."""

from meter_bridge.core.money import amount_digits
from meter_bridge.core.supply import local_cutoff as cutoff_rules
from meter_bridge.core.supply.exposure import Exposure, MeterExposure, supply_exposure
from meter_bridge.engine.state.model import Account, Installation, Meter, Supply
from meter_bridge.engine.supply.local_cutoff import is_never_cut, slot_of, spendable_credit, tariff_versions
from meter_bridge.engine.supply.relays import remains_open
from meter_bridge.protocol.answers import AccountExposure


def account_exposure(installation: Installation, account: Account, now: int) -> AccountExposure:
    """Return the exposure of an account; each of its supplies alone may use all of its credit."""
    switched = [meter for meter in account.meters if meter.plan.relay_address is not None]
    limited = not is_never_cut(account)
    found = [_supply_exposure(installation, supply, now) for supply in account.supplies] if limited else []
    return AccountExposure(
        account_id=account.id,
        name=account.name,
        currency=account.site.currency,
        amount_digits=amount_digits(account.site.currency),
        policies=tuple(sorted({meter.plan.without_bridge for meter in switched})),
        limited=limited,
        meters=len(switched),
        in_force=sum(_latest_cut_off(installation, meter) is not None for meter in switched),
        once_wh=sum(exposure_of_supply.once_wh for exposure_of_supply in found),
        once_amount=sum(exposure_of_supply.once_amount for exposure_of_supply in found),
        hourly_wh=sum(exposure_of_supply.hourly_wh for exposure_of_supply in found),
        hourly_amount=sum(exposure_of_supply.hourly_amount for exposure_of_supply in found),
    )


def _supply_exposure(installation: Installation, supply: Supply, now: int) -> Exposure:
    """Return the exposure of a supply; what is proven cut already has none."""
    outlets = [
        MeterExposure(meter.plan.rating_w, _energy_to_cut_off(installation, meter))
        for meter in supply.meters
        if meter.plan.relay_address is not None and not remains_open(meter.relay)
    ]
    dearest = cutoff_rules.price_range(tariff_versions(supply, now))[1]
    return supply_exposure(outlets, supply.rating.units, spendable_credit(supply.account), dearest)


def _energy_to_cut_off(installation: Installation, meter: Meter) -> int | None:
    limit = _latest_cut_off(installation, meter)
    return None if limit is None else max(limit - min_register_wh(meter), 0)


def min_register_wh(meter: Meter) -> int:
    """Return where a meter's register stands at least, doubted readings included: it may have been reset."""
    register = meter.register
    if register is None:
        return 0
    doubt = register.doubt
    return register.watermark_wh if doubt is None else min(register.watermark_wh, doubt.register_wh)


def _latest_cut_off(installation: Installation, meter: Meter) -> int | None:
    """Return the register at which a meter's device cuts at the latest, as the device confirmed."""
    kept = installation.cut_offs.get(slot_of(meter))
    return None if kept is None or not kept.answered else cutoff_rules.latest_cut_off_wh(kept.state)
