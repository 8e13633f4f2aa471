"""Supply is cut when credit is used up, after a warning, and comes back as its policy says."""

from pathlib import Path

import pytest

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, SupplyAction
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition, SupplyReason, SupplyState
from tests.engine.harness import HOUR, LANDLORD, SITE, House, VirtualTime, house, opened, zar

OPEN, CLOSED = RelayPosition.OPEN, RelayPosition.CLOSED


def site(**policy: str) -> str:
    """Return the site with other words of supply policy; underscores stand for spaces."""
    lines = "\n        ".join(f"{key.replace('_', ' ')}: {value}" for key, value in policy.items())
    return SITE.replace("low credit: [5.00]", lines or "low credit: [5.00]")


async def use(house: House, kwh: int) -> None:
    """Use energy at up to 10 kW, an hour at a time."""
    register = house.meter.register
    wh = register.watermark_wh if register else 0
    if register is None:
        await house.read(0, power_w=5_000)
    for _ in range(kwh):
        wh += 1_000
        await house.read(wh, after=HOUR // 4, power_w=5_000)


async def deplete(house: House) -> None:
    """Use more than the 100 rand of credit."""
    await use(house, 51)


async def test_supply_is_cut_at_depletion_after_a_warning(flat: House) -> None:
    await use(flat, 47)
    assert flat.alert_kinds() == set()
    await use(flat, 1)
    assert flat.alert_kinds() == {AlertKind.LOW_CREDIT}
    assert flat.state() is SupplyState.CONNECTED
    await use(flat, 2)
    assert (flat.state(), flat.account.reason) == (SupplyState.DISCONNECTED, SupplyReason.CREDIT_EXHAUSTED)
    assert flat.alert_kinds() == {AlertKind.LOW_CREDIT, AlertKind.SUPPLY_CUT}
    assert flat.transport.switched == [("flat-1/main", OPEN)]
    assert flat.problems() == []


async def test_what_the_cut_was_decided_on_is_posted_with_it(flat: House) -> None:
    await use(flat, 50)
    assert flat.rows("SELECT available FROM supply_decision ORDER BY seq DESC LIMIT 1") == [(0,)]
    assert flat.account.balance == 0


async def test_a_payment_restores_at_once_and_closes_the_alerts(flat: House) -> None:
    await deplete(flat)
    await flat.top_up("50.00")
    assert flat.state() is SupplyState.CONNECTED
    assert flat.alert_kinds() == set()
    assert flat.transport.switched[-1] == ("flat-1/main", CLOSED)


async def test_a_payment_that_does_not_cover_the_overshoot_restores_nothing(flat: House) -> None:
    await deplete(flat)
    assert flat.available == -zar("2")
    await flat.top_up("2.00")
    assert flat.state() is SupplyState.DISCONNECTED
    await flat.top_up("0.01")
    assert flat.state() is SupplyState.CONNECTED


async def test_an_armed_supply_waits_for_the_customer(tmp_path: Path) -> None:
    async with house(tmp_path, site(restore="armed")) as made:
        await made.supply(SupplyAction.CONFIRM)
        await deplete(made)
        sent = len(made.transport.switched)
        await made.top_up("50.00")
        assert (made.state(), made.alert_kinds()) == (SupplyState.ARMED, {AlertKind.SUPPLY_ARMED})
        assert len(made.transport.switched) == sent
        await made.supply(SupplyAction.CONFIRM)
        assert (made.state(), made.alert_kinds()) == (SupplyState.CONNECTED, set())
        assert made.transport.switched[-1] == ("flat-1/main", CLOSED)


async def test_only_an_armed_supply_can_be_confirmed(flat: House) -> None:
    with pytest.raises(RequestRefused) as refusal:
        await flat.supply(SupplyAction.CONFIRM)
    assert refusal.value.code is ErrorCode.CONFLICT
    await deplete(flat)
    with pytest.raises(RequestRefused):
        await flat.supply(SupplyAction.CONFIRM)
    assert flat.state() is SupplyState.DISCONNECTED


async def test_a_cut_supply_comes_back_only_above_its_minimum(tmp_path: Path) -> None:
    async with house(tmp_path, site(minimum_to_restore="10.00")) as made:
        await deplete(made)
        await made.top_up("12.00")
        assert made.account.reason is SupplyReason.BELOW_RESTORE_MINIMUM
        await made.top_up("0.01")
        assert made.state() is SupplyState.CONNECTED


async def test_no_money_lifts_the_landlords_hold(flat: House) -> None:
    await flat.hold_off("leak")
    sent = list(flat.transport.switched)
    await flat.top_up("500.00")
    await flat.tick(24 * HOUR)
    assert (flat.state(), flat.account.reason) == (SupplyState.DISCONNECTED, SupplyReason.LANDLORD_OFF)
    assert {position for _, position in flat.transport.switched[len(sent) :]} <= {OPEN}
    await flat.supply(SupplyAction.AUTO)
    assert flat.state() is SupplyState.CONNECTED
    assert flat.account.note is None


async def test_a_landlord_switches_on_what_has_no_credit_and_its_use_is_charged(flat: House) -> None:
    await deplete(flat)
    await flat.supply(SupplyAction.ON, "visitors")
    assert (flat.state(), flat.account.reason) == (SupplyState.CONNECTED, SupplyReason.LANDLORD_ON)
    await use(flat, 5)
    assert flat.state() is SupplyState.CONNECTED
    assert flat.available == -zar("12")
    await flat.supply(SupplyAction.AUTO)
    assert flat.state() is SupplyState.DISCONNECTED


@pytest.mark.parametrize(
    "policy,reason",
    [({"never_cut": "yes"}, SupplyReason.NEVER_CUT), ({"payment_mode": "credit"}, SupplyReason.CREDIT_MODE)],
)
async def test_protected_and_billed_supplies_are_never_cut_by_credit(
    tmp_path: Path, policy: dict[str, str], reason: SupplyReason
) -> None:
    async with house(tmp_path, site(**policy)) as made:
        await deplete(made)
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, reason)
        assert made.available < 0
        assert ("flat-1/main", OPEN) not in made.transport.switched
        assert made.problems() == []


async def test_friendly_hours_keep_a_spent_supply_on_and_end_by_the_clock_alone(tmp_path: Path) -> None:
    friendly = site(friendly_hours='[{days: mon-sun, from: "18:00", to: "08:00"}]')
    async with house(tmp_path, friendly) as made:
        await use(made, 23)  # until 17:45
        await use(made, 30)
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.FRIENDLY_HOURS)
        sent = len(made.transport.switched)
        at_eight = made.time.wall // (24 * HOUR) * 24 * HOUR + 30 * HOUR
        await made.tick(at_eight - made.time.wall - 60_000)
        assert made.state() is SupplyState.CONNECTED
        await made.tick(60_000)
        assert made.state() is SupplyState.DISCONNECTED
        assert made.transport.switched[sent:] == [("flat-1/main", OPEN)]


async def test_a_warning_comes_once_per_threshold_and_closes_only_above_the_hysteresis(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, site(low_credit="[20.00, 5.00]", low_credit_hysteresis="3.00")) as made:
        await use(made, 41)
        opened = "SELECT count(*) FROM alert WHERE kind = 'low_credit'"
        before = made.rows(opened)
        await use(made, 2)
        assert made.rows(opened) == before
        await made.top_up("8.00")
        assert made.alert_kinds() == {AlertKind.LOW_CREDIT}
        await made.top_up("2.00")
        assert made.alert_kinds() == set()


async def test_a_standing_charge_alone_can_use_up_the_credit(tmp_path: Path) -> None:
    daily = SITE.replace("prices: [2.00]", "prices: [2.00]\n            standing charge: 60.00 per day")
    async with house(tmp_path, daily) as made:
        await made.tick(24 * HOUR)
        assert made.state() is SupplyState.CONNECTED
        await made.tick(24 * HOUR)
        assert made.state() is SupplyState.DISCONNECTED
        assert made.problems() == []


async def test_every_decision_is_on_record_with_who_took_it(flat: House) -> None:
    await flat.hold_off("leak")
    await flat.supply(SupplyAction.AUTO)
    query = "SELECT state, reason, actor, note FROM supply_decision ORDER BY seq DESC LIMIT 2"
    assert flat.rows(query) == [
        ("connected", "in_credit", "landlord", None),
        ("disconnected", "landlord_off", "landlord", "leak"),
    ]


UNLESS = "unless somebody tops up"
FRIENDLY = '[{days: mon-sun, from: "18:00", to: "08:00"}]'


async def until_evening(made: House) -> None:
    """Use the credit up at half past one in the night, within friendly hours that end at eight."""
    await use(made, 23)  # until 17:45
    await use(made, 30)


def clock(made: House, hours: int, minutes: int = 0) -> int:
    """Return how far it is to a time of the day after the first, in Johannesburg."""
    midnight = made.time.wall // (24 * HOUR) * 24 * HOUR
    return midnight + (22 + hours) * HOUR + minutes * 60_000 - made.time.wall


async def test_a_cut_at_the_end_of_friendly_hours_is_told_an_hour_before(tmp_path: Path) -> None:
    async with house(tmp_path, site(friendly_hours=FRIENDLY)) as made:
        await until_evening(made)
        assert AlertKind.CUT_SOON not in made.alert_kinds()
        assert made.app.accounts.view(LANDLORD, "flat-1").supply.cut_at == "2026-11-02T06:00:00.000Z"
        await made.tick(clock(made, 6, 59))
        assert AlertKind.CUT_SOON not in made.alert_kinds()
        await made.tick(60_000)
        (message,) = made.alert_texts(AlertKind.CUT_SOON)
        assert message == f"Flat 1: the credit is used up; supply is cut at 2026-11-02 08:00 {UNLESS}"
        await made.tick(HOUR)
        assert made.state() is SupplyState.DISCONNECTED
        assert AlertKind.CUT_SOON not in made.alert_kinds()


async def test_a_payment_before_the_end_calls_the_cut_off(tmp_path: Path) -> None:
    async with house(tmp_path, site(friendly_hours=FRIENDLY, grace="15 min")) as made:
        await until_evening(made)
        await made.tick(clock(made, 8, 5))
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.FRIENDLY_GRACE)
        assert AlertKind.CUT_SOON in made.alert_kinds()
        await made.top_up("50.00")
        assert AlertKind.CUT_SOON not in made.alert_kinds()
        await made.tick(HOUR)
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.IN_CREDIT)
        assert ("flat-1/main", OPEN) not in made.transport.switched


async def test_the_cut_comes_when_the_grace_is_over(tmp_path: Path) -> None:
    async with house(tmp_path, site(friendly_hours=FRIENDLY, grace="15 min")) as made:
        await until_evening(made)
        await made.tick(clock(made, 8))
        assert made.account.reason is SupplyReason.FRIENDLY_GRACE
        await made.tick(14 * 60_000)
        assert made.state() is SupplyState.CONNECTED
        await made.tick(60_000)
        assert made.state() is SupplyState.DISCONNECTED


async def test_outside_friendly_hours_a_grace_delays_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, site(friendly_hours=FRIENDLY, grace="15 min")) as made:
        await made.read(0)
        await made.read(50_000, after=5 * HOUR)
        assert made.account.reason is SupplyReason.CREDIT_EXHAUSTED


async def test_a_special_date_is_friendly_all_day(tmp_path: Path) -> None:
    async with house(tmp_path, site(friendly_dates="[2026-11-01]")) as made:
        await made.report(after=0)
        await made.read(0)
        await made.read(60_000, after=8 * HOUR)
        assert made.account.reason is SupplyReason.FRIENDLY_HOURS
        await made.tick(4 * HOUR)
        assert made.state() is SupplyState.DISCONNECTED


async def test_credit_switches_a_contactor_only_so_often_a_day(tmp_path: Path) -> None:
    async with house(tmp_path, site(credit_switchings_per_day="5")) as made:
        opened_at = made.time.wall  # cut without credit, and restored by the first payment
        await deplete(made)
        await made.top_up("4.00")
        await use(made, 1)
        assert (made.state(), len(made.account.switchings)) == (SupplyState.DISCONNECTED, 5)
        await made.top_up("1.00")
        assert made.state() is SupplyState.CONNECTED, "a payment restores whatever the contactor went through"
        await use(made, 1)
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.WEAR_LIMIT)
        assert AlertKind.CUT_SOON not in made.alert_kinds()
        await made.tick(opened_at + 23 * HOUR + HOUR // 2 - made.time.wall)
        assert AlertKind.CUT_SOON in made.alert_kinds()
        time = VirtualTime(made.time.wall, made.time.monotonic)
    async with opened(tmp_path, time) as again:
        await again.tick(HOUR // 2 - 60_000)
        assert again.account.reason is SupplyReason.WEAR_LIMIT
        await again.tick(60_000)
        assert again.state() is SupplyState.DISCONNECTED


async def test_the_wear_limit_delays_no_hold(tmp_path: Path) -> None:
    async with house(tmp_path, site(credit_switchings_per_day="1")) as made:
        await deplete(made)
        await made.top_up("50.00")
        await made.hold_off("leak")
        assert made.state() is SupplyState.DISCONNECTED


async def test_the_minimum_is_for_who_ran_out_also_behind_a_hold(tmp_path: Path) -> None:
    async with house(tmp_path, site(minimum_to_restore="10.00")) as made:
        await use(made, 48)
        await made.hold_off("leak")
        await made.supply(SupplyAction.AUTO)
        assert made.state() is SupplyState.CONNECTED, "4 rand are left and were never used up"
        await use(made, 2)
        await made.hold_off("leak")
        await made.top_up("8.00")
        await made.supply(SupplyAction.AUTO)
        assert made.account.reason is SupplyReason.BELOW_RESTORE_MINIMUM
