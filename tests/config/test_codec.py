"""What is stored is read back as it was."""

import json

from hypothesis import given, strategies as st
import pytest

from meter_bridge.config import codec
from meter_bridge.config.plan import InstallationPlan, MeterPlan
from meter_bridge.config.site_file import load
from meter_bridge.core.supply.alerts import ElectricalLimits
from meter_bridge.core.supply.decision import LoadLimit, PaymentMode, Policy, RestoreMode
from meter_bridge.core.supply.friendly_hours import FriendlyHours
from meter_bridge.core.supply.protection import ProtectionRule, Protections
from meter_bridge.core.tariff.bands import Window

amounts = st.integers(0, 10**15)
texts = st.text(max_size=20).filter(lambda text: text.isprintable())
windows = st.builds(
    Window, st.frozensets(st.integers(0, 7), min_size=1), st.integers(0, 1439), st.integers(0, 1439)
)
dates = st.lists(st.dates(), max_size=3).map(tuple)
friendly_hours = st.builds(FriendlyHours, st.lists(windows, max_size=3).map(tuple), dates, dates, amounts)
rules = st.builds(ProtectionRule, amounts, st.none() | amounts, st.integers(0, 60))
policies = st.builds(
    Policy,
    payment_mode=st.sampled_from(PaymentMode),
    restore=st.sampled_from(RestoreMode),
    never_cut=st.booleans(),
    minimum_to_restore=st.none() | amounts,
    low_credit=st.lists(amounts, max_size=4).map(tuple),
    friendly_hours=friendly_hours,
    load_limit=st.none() | st.builds(LoadLimit, amounts, rules),
    power_limit=st.none() | st.builds(LoadLimit, amounts, rules),
    switchings_per_day=st.none() | amounts,
    protections=st.builds(Protections, st.none() | rules, st.none() | rules, st.none() | rules),
    top_up_maximum=st.none() | amounts,
)
limits = st.builds(ElectricalLimits, over_voltage_mv=st.none() | amounts, overload_mw=st.none() | amounts)
meters = st.builds(MeterPlan, texts, texts, texts, st.none() | texts, amounts, limits, st.none() | texts)


@pytest.fixture
def plan(flats: str) -> InstallationPlan:
    return load(flats)


def test_a_plan_survives_storage(plan: InstallationPlan) -> None:
    assert codec.decode_plan(codec.encode(plan)) == plan


def test_a_tariff_version_survives_storage_and_use(plan: InstallationPlan) -> None:
    version = plan.sites[0].tariffs[0].versions[0]
    fresh = codec.encode(version)
    assert version.zone.key == "Africa/Johannesburg"
    assert codec.encode(version) == fresh
    assert codec.decode_tariff_version(fresh) == version
    assert json.loads(fresh)["ladders"][0]["prices"][0] == [3_100_000_000, 2_200_000_000]


@given(policies)
def test_every_policy_survives_storage(policy: Policy) -> None:
    document = codec.encode(policy)
    assert codec.decode_policy(document) == policy
    assert codec.encode(codec.decode_policy(document)) == document


@given(meters)
def test_every_meter_survives_storage(meter: MeterPlan) -> None:
    found = codec.decode_meter(
        meter_id=meter.id,
        name=meter.name,
        energy_address=meter.energy_address,
        relay_address=meter.relay_address,
        settings=codec.encode_meter_settings(meter),
    )
    assert found == meter


def test_a_document_of_an_older_version_gets_the_defaults() -> None:
    assert codec.decode_policy("{}") == Policy()


@pytest.mark.parametrize(
    "document", ["", "{", "[]", '{"never_cut": 1}', '{"restore": "later"}', '{"low_credit": 5}']
)
def test_a_document_that_is_something_else_is_refused(document: str) -> None:
    with pytest.raises(codec.CodecError, match="policy"):
        codec.decode_policy(document)


def test_a_plan_that_is_something_else_is_refused() -> None:
    for decode in (codec.decode_plan, codec.decode_tariff_version):
        with pytest.raises(codec.CodecError):
            decode('{"id": 3}')
