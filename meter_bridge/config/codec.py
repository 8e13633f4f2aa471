"""JSON of plans and their parts for storage; the same object always gives the same text."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from sys import intern
from typing import Any, Final

import msgspec

from meter_bridge.config.plan import DEFAULT_RULE_SLOT, InstallationPlan, MeterPlan
from meter_bridge.core.supply.alerts import ElectricalLimits
from meter_bridge.core.supply.decision import Policy
from meter_bridge.core.supply.local_cutoff import WithoutBridge
from meter_bridge.core.tariff.tariff import TariffVersion
from meter_bridge.devices.family import FamilySettings

# Sets have no order of their own; sorted, equal objects have equal text on every run.
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


class CodecError(ValueError):
    """A stored document that cannot be read; the message names the place in it."""


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """The part of a meter's plan that has no column of its own."""

    rating_w: int
    limits: ElectricalLimits
    host: str | None
    password_env: str | None
    offline_after_s: int
    register_modulus_wh: int | None = None
    returns_energy: bool = False
    read_by_hand: bool = False
    without_bridge: WithoutBridge = WithoutBridge.HOLD
    rule_slot: int = DEFAULT_RULE_SLOT


class _StoredFamilies(msgspec.Struct):
    families: dict[str, dict[str, Any]] = {}


_PLAN: Final = msgspec.json.Decoder(InstallationPlan)
_FAMILIES: Final = msgspec.json.Decoder(_StoredFamilies)
_TARIFF_VERSION: Final = msgspec.json.Decoder(TariffVersion)
_POLICY: Final = msgspec.json.Decoder(Policy)
_METER_SETTINGS: Final = msgspec.json.Decoder(MeterSettings)
_DISTINCT: Final = 4_096
"""Documents whose object is cached and shared: most units of a house have the same."""


def encode(value: InstallationPlan | TariffVersion | Policy) -> str:
    """Return an installation, a tariff version or a policy as JSON."""
    return _ENCODER.encode(value).decode()


def decode_plan(document: str) -> InstallationPlan:
    """Return the installation of a stored document; raises ``CodecError``."""
    return _decode(_PLAN, document, "installation")


def decode_families(document: str) -> FamilySettings:
    """Return the settings of meter families in a stored installation; raises ``CodecError``."""
    return _decode(_FAMILIES, document, "installation").families


def decode_tariff_version(document: str) -> TariffVersion:
    """Return the tariff version of a stored document; raises ``CodecError``."""
    return _decode(_TARIFF_VERSION, document, "tariff version")


@lru_cache(_DISTINCT)
def decode_policy(document: str) -> Policy:
    """Return the policy of a stored document; raises ``CodecError``."""
    return _decode(_POLICY, document, "policy")


def encode_meter_settings(meter: MeterPlan) -> str:
    """Return as JSON what a meter's row keeps in its ``settings``."""
    return _ENCODER.encode(msgspec.convert(meter, MeterSettings, from_attributes=True)).decode()


def decode_meter(
    *, meter_id: str, name: str, energy_address: str, relay_address: str | None, settings: str
) -> MeterPlan:
    """Return the plan of a meter from the columns of its row; raises ``CodecError``."""
    return MeterPlan(
        id=meter_id,
        name=name,
        energy_address=intern(energy_address),
        relay_address=None if relay_address is None else intern(relay_address),
        **_meter_settings(settings),
    )


@lru_cache(_DISTINCT)
def _meter_settings(document: str) -> Mapping[str, Any]:
    settings = _decode(_METER_SETTINGS, document, "meter settings")
    return {entry.name: getattr(settings, entry.name) for entry in fields(settings)}


def _decode[T](decoder: msgspec.json.Decoder[T], document: str, name: str) -> T:
    try:
        return decoder.decode(document)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise CodecError(f"stored {name} cannot be read: {error}") from error
