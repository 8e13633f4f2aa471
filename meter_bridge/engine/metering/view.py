"""How a meter looks from outside."""

import msgspec

from meter_bridge.core.calendar import iso
from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.devices.registry import family_title
from meter_bridge.engine.state.model import Meter
from meter_bridge.protocol.messages import MeterView, PhaseView, QuarantineView, RelayView
from meter_bridge.protocol.vocabulary import AlertKind, RelayProof


def meter_view(meter: Meter) -> MeterView:
    """Return a meter with its newest readings."""
    register = meter.register
    family = meter.plan.energy_address.partition(":")[0]
    return MeterView(
        id=meter.id,
        name=meter.plan.name,
        family=family,
        address=meter.plan.energy_address,
        account_id=meter.supply.account.id,
        online=meter.online,
        last_seen=iso(meter.last_seen) if meter.last_seen else None,
        register_wh=register.watermark_wh if register else None,
        energy_wh=meter.energy_wh,
        epoch=register.epoch if register else 0,
        power_mw=meter.power_mw,
        voltage_mv=meter.voltage_mv,
        current_ma=meter.current_ma,
        frequency_mhz=meter.frequency_mhz,
        relay=_relay_view(meter) if meter.plan.relay_address is not None else None,
        quarantined=meter.quarantine_id is not None,
        returned_wh=meter.reverse_energy.wh if meter.reverse_energy else None,
        quarantine=_quarantine_view(meter),
        power_factor_permille=meter.power_factor_permille,
        phases=tuple(msgspec.convert(meter.phases, list[PhaseView], from_attributes=True)),
        family_title=family_title(family),
    )


def _quarantine_view(meter: Meter) -> QuarantineView | None:
    if meter.quarantine_id is None or meter.register is None or meter.register.doubt is None:
        return None
    doubt, account = meter.register.doubt, meter.supply.account
    alert = account.alerts.get(AlertKey(AlertKind.REGISTER_QUARANTINED, account.id, meter.id))
    return QuarantineView(
        cause=doubt.cause, opened_at=iso(alert.opened_at) if alert else None, register_wh=doubt.register_wh
    )


def _relay_view(meter: Meter) -> RelayView:
    relay = meter.relay
    proof_at = max(meter.proven_at, relay.requested_at) if relay.requested else 0
    return RelayView(
        requested=relay.requested,
        requested_at=iso(relay.requested_at) if relay.requested_at else None,
        revision=relay.revision,
        reported=relay.reported,
        reported_at=iso(relay.reported_at) if relay.reported_at else None,
        proof=relay.proof if relay.requested else RelayProof.UNKNOWN,
        proof_at=iso(proof_at) if proof_at else None,
    )
