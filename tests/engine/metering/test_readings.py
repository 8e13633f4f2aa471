"""A reading becomes a charge, whatever happens to messages on their way."""

from pathlib import Path
import random

import pytest

from meter_bridge.devices.base.driver import Report
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.vocabulary import AlertKind, SupplyReason, SupplyState
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, NOON, SITE, House, apply, house, opened, zar


async def test_first_reading_charges_nothing(flat: House) -> None:
    await flat.read(5_000)
    assert flat.meter.energy_wh == 0
    assert flat.app.accounts.view(LANDLORD, "flat-1").available == zar("100")


async def test_energy_is_charged_at_its_price(flat: House) -> None:
    await flat.read(5_000)
    await flat.read(6_000, after=HOUR)
    assert flat.app.accounts.view(LANDLORD, "flat-1").available == zar("98")


async def test_invariant_5_lost_repeated_and_reordered_readings_charge_the_register_and_nothing_else(
    flat: House,
) -> None:
    chance = random.Random(5)
    heard = list(range(1_000, 21_000, 100))
    await flat.read(heard[0])
    for newest, wh in enumerate(heard):
        if chance.random() < 0.3:
            flat.time.forward(60_000)
            continue
        late = heard[max(newest - chance.randrange(1, 4), 0)]
        await flat.read(late if chance.random() < 0.2 else wh, after=60_000)
        if chance.random() < 0.3:
            await flat.read(wh, after=1_000)
    await flat.read(heard[-1], after=60_000)
    assert flat.meter.energy_wh == heard[-1] - heard[0]
    assert flat.problems() == []


async def test_invariant_6_a_fallen_register_waits_for_a_person(flat: House) -> None:
    await flat.read(10_000)
    for _ in range(5):
        await flat.read(500, after=60_000)
    view = flat.app.accounts.view(LANDLORD, "flat-1")
    assert view.available == zar("100")
    held = view.meters[0].quarantine
    assert view.meters[0].quarantined
    assert held is not None
    assert (held.cause, held.register_wh) == ("fell", 500)
    assert [alert.kind for alert in view.alerts] == ["register_quarantined"]
    await flat.app.meters.decide_quarantine(LANDLORD, "flat-1/main", "new_epoch", reason="meter replaced")
    assert flat.meter.register is not None
    assert flat.app.accounts.view(LANDLORD, "flat-1").meters[0].quarantine is None
    told = {"decision": "new_epoch", "by": "landlord", "reason": "meter replaced", "charged_wh": 0}
    assert flat.events("quarantine_decided") == [told]
    await flat.read(1_500, after=HOUR)
    assert flat.app.accounts.view(LANDLORD, "flat-1").available == zar("98")
    assert flat.app.accounts.view(LANDLORD, "flat-1").alerts == ()
    assert flat.problems() == []


async def test_invariant_6_an_impossible_jump_is_not_charged_and_explains_itself(flat: House) -> None:
    await flat.read(10_000)
    for _ in range(4):
        await flat.read(500_000, after=10_000)
    assert flat.meter.quarantine_id is not None
    await flat.read(10_100, after=60_000)
    assert flat.meter.quarantine_id is None
    assert flat.app.accounts.view(LANDLORD, "flat-1").available == zar("99.80")
    assert flat.problems() == []


@pytest.mark.invariant(6)
@pytest.mark.parametrize("decision, credit", [("accept", "1.00"), ("discard", "100.00")])
async def test_a_decided_jump_is_charged_only_where_a_person_says_so(
    flat: House, decision: str, credit: str
) -> None:
    await flat.read(10_000)
    for _ in range(4):
        await flat.read(59_500, after=10_000)
    with pytest.raises(RequestRefused, match="no meter 'flat-9/main'"):
        await flat.app.meters.decide_quarantine(LANDLORD, "flat-9/main", decision, reason="x")
    await flat.app.meters.decide_quarantine(LANDLORD, "flat-1/main", decision, reason="seen on site")
    assert flat.available == zar(credit)
    with pytest.raises(RequestRefused, match="not in quarantine"):
        await flat.app.meters.decide_quarantine(LANDLORD, "flat-1/main", decision, reason="again")
    stored = flat.rows("SELECT decision, actor, reason FROM quarantine")
    assert stored == [(decision, "landlord", "seen on site")]
    assert flat.problems() == []


async def test_a_witnessed_reset_goes_on_in_a_new_epoch(flat: House) -> None:
    await flat.read(10_000, witness="2026-01-01T00:00:00")
    await flat.read(200, after=HOUR, witness="2026-11-01T12:30:00")
    assert flat.meter.energy_wh == 200
    assert flat.app.accounts.view(LANDLORD, "flat-1").available == zar("99.60")


WRAPS = SITE.replace("rating: 10 kW}", "rating: 10 kW, register wraps at: 1000 kWh}")


@pytest.mark.invariant(5)
async def test_a_register_that_rolls_over_goes_on_in_its_epoch(tmp_path: Path) -> None:
    async with house(tmp_path, WRAPS) as made:
        await made.read(999_500)
        await made.read(500, after=HOUR)
        await made.read(1_500, after=HOUR)
        assert (made.meter.energy_wh, made.alert_kinds()) == (2_000, set())
        assert made.available == zar("96")
        assert made.events("register_rolled_over") == [
            {"from_wh": 999_500, "to_wh": 500, "charged_wh": 1_000, "epoch": 0}
        ]
        assert made.problems() == []
        time = made.time
    async with opened(tmp_path, time) as again:
        await again.read(2_500, after=HOUR)
        assert again.meter.energy_wh == 3_000
        assert again.problems() == []


@pytest.mark.invariant(6)
async def test_without_a_modulus_the_same_fall_waits_for_a_person(flat: House) -> None:
    await flat.read(999_500)
    for _ in range(4):
        await flat.read(500, after=HOUR)
    assert flat.meter.energy_wh == 0
    assert flat.meter.quarantine_id is not None


@pytest.mark.invariant(6)
async def test_what_a_register_lost_at_a_restart_is_not_charged_again_nor_asked_for(flat: House) -> None:
    address = flat.meter.plan.energy_address
    await flat.report(Report(address, boot_id="7"))
    await flat.read(10_000)
    await flat.report(Report(address, boot_id="8"))
    for wh in (9_700, 9_701, 9_702, 10_702):
        await flat.read(wh, after=HOUR)
    assert (flat.meter.energy_wh, flat.meter.quarantine_id) == (1_000, None)
    assert [each["to_wh"] for each in flat.events("register_reset")] == [9_702]
    assert flat.problems() == []


@pytest.mark.invariant(6)
async def test_zeros_at_a_boot_and_then_the_old_total_are_charged_once(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        address = made.meter.plan.energy_address
        await made.report(Report(address, boot_id="7"))
        await made.read(0)
        await made.read(1_215, after=HOUR)
        await made.report(Report(address, boot_id="8"))
        for wh in (0, 0, 0, 0):
            await made.read(wh)
        time = made.time
        await made.tick()
    async with opened(tmp_path, time) as again:
        for wh in (1_215, 1_215, 1_216, 1_217):
            await again.read(wh, after=300_000)
        assert (again.meter.energy_wh, again.available) == (1_217, zar("97.566"))
        assert again.alert_kinds() == set()
        assert again.problems() == []


@pytest.mark.invariant(6)
async def test_another_plug_with_a_higher_total_is_charged_nothing_and_told(flat: House) -> None:
    """R4 to R170 were charged for nothing where a plug was replaced."""
    await flat.read(10_000, witness="2026-01-01T00:00:00")
    for step in range(4):
        await flat.read(12_000 + step, after=HOUR, witness="2025-06-01T00:00:00")
    assert (flat.meter.energy_wh, flat.available) == (0, zar("100"))
    (text,) = flat.alert_texts(AlertKind.REGISTER_QUARANTINED)
    assert "looks like another device" in text
    view = flat.app.accounts.view(LANDLORD, "flat-1").meters[0].quarantine
    assert view is not None
    assert view.cause == "other_counter"
    await flat.app.meters.decide_quarantine(LANDLORD, "flat-1/main", "new_epoch", reason="plug replaced")
    await flat.read(12_103, after=HOUR, witness="2025-06-01T00:00:00")
    assert (flat.meter.energy_wh, flat.problems()) == (100, [])


A, B = "0xa8032ab12345", "0xa8032ab1ffff"


@pytest.mark.invariant(6)
async def test_the_first_device_that_says_which_one_it_is_replaces_none(flat: House) -> None:
    """As after an upgrade of the bridge or of a firmware."""
    await flat.read(10_000)
    await flat.read(11_000, after=HOUR, witness=A)
    await flat.read(12_000, after=HOUR, witness=A)
    assert (flat.meter.energy_wh, flat.alert_kinds()) == (2_000, set())


@pytest.mark.invariant(6)
async def test_another_device_is_not_charged_before_it_says_which_one_it_is(tmp_path: Path) -> None:
    """The bridge starts, a device answers whose messages do not say whose they are, and is asked."""
    async with house(tmp_path) as made:
        await made.read(10_000, witness=A)
        await made.read(11_000, after=HOUR, witness=A)
        time = made.time
    async with opened(tmp_path, time) as again:
        await again.read(11_500, after=HOUR)
        for _ in range(4):
            await again.read(11_600, witness=B)
        assert again.meter.energy_wh == 1_000
        assert "looks like another device" in again.alert_texts(AlertKind.REGISTER_QUARANTINED)[0]


async def test_a_device_that_no_longer_says_which_one_it_is_is_charged_all_that_it_counts(
    flat: House,
) -> None:
    await flat.read(10_000, witness=A)
    charged = []
    for number in range(1, 31):
        await flat.read(10_000 + 10 * number, after=10_000)
        charged.append(flat.meter.energy_wh)
    assert charged[:6] == [0] * 6, "it is given a minute to say so"
    assert charged[-1] is not None
    assert charged[-1] >= 300 - 70
    assert flat.alert_kinds() == set()


async def outage(house: House, boot: str | None, wh: int, *, hours: int = 8) -> None:
    """Let a device be away, come back, be read, and then say which boot this is."""
    address = house.meter.plan.energy_address
    await house.report(Report(address, boot_id="7"))
    await house.read(10_000)
    await house.report(Report(address, online=False), after=45_000)
    await house.tick(hours * HOUR)
    await house.report(Report(address, online=True))
    await house.read(wh, after=1_000)
    if boot is not None:
        await house.report(Report(address, boot_id=boot))
    for _ in range(40):
        await house.read(wh, after=60_000)


@pytest.mark.invariant(6)
async def test_what_a_counter_shows_after_an_outage_that_cannot_have_flowed_is_doubted(flat: House) -> None:
    """Tasmota issue 16791: +2.868 kWh were charged from 15 minutes on."""
    await outage(flat, "8", 12_868)
    assert (flat.meter.energy_wh, flat.alert_kinds()) == (0, {AlertKind.REGISTER_QUARANTINED})
    assert flat.problems() == []


@pytest.mark.parametrize("boot", ["7", None])
async def test_what_a_device_counted_while_only_its_link_was_away_is_charged(
    flat: House, boot: str | None
) -> None:
    await outage(flat, boot, 12_868)
    assert (flat.meter.energy_wh, flat.alert_kinds()) == (2_868, set())


async def test_a_device_that_reports_more_rarely_than_it_counts_as_offline_is_charged(flat: House) -> None:
    address = flat.meter.plan.energy_address
    await flat.report(Report(address, boot_id="7"))
    await flat.read(10_000)
    for hour in range(1, 5):
        await flat.tick(4 * HOUR - 1_000)
        await flat.read(10_000 + hour * 1_000, after=1_000)
    assert flat.meter.energy_wh == 4_000


async def test_what_flowed_before_an_outage_and_since_is_charged(flat: House) -> None:
    await outage(flat, "8", 10_200)
    assert (flat.meter.energy_wh, flat.alert_kinds()) == (200, set())
    assert flat.meter.absence is None


async def test_a_restart_without_a_fall_changes_nothing(flat: House) -> None:
    address = flat.meter.plan.energy_address
    await flat.report(Report(address, boot_id="7"))
    await flat.read(10_000)
    for boot, wh in (("8", 10_100), ("9", 10_100), ("9", 10_200)):
        await flat.report(Report(address, boot_id=boot))
        await flat.read(wh, after=HOUR)
    assert (flat.meter.energy_wh, flat.events("register_reset")) == (200, [])


@pytest.mark.parametrize(
    "device_ms,counts", [(-60_000, True), (-60_001, False), (30_000, False), (-600_000, False)]
)
async def test_a_devices_own_time_counts_within_a_minute_of_receipt(
    flat: House, device_ms: int, *, counts: bool
) -> None:
    address = flat.meter.plan.energy_address
    await flat.read(10_000)
    flat.time.forward(HOUR)
    received = flat.time.wall
    await flat.report(Report(address, register_wh=10_500, measured_at_ms=received + device_ms))
    register = flat.meter.register
    assert register is not None
    assert register.at == received + (device_ms if counts else 0)
    await flat.read(10_600, after=1_000)
    assert (flat.meter.energy_wh, flat.problems()) == (600, [])


@pytest.mark.invariant(5)
async def test_what_a_device_kept_and_sends_late_is_charged_once_and_when_it_was_used(flat: House) -> None:
    address = flat.meter.plan.energy_address
    await flat.read(10_000)
    begun = flat.time.wall
    flat.time.forward(6 * HOUR)
    kept = [
        Report(address, register_wh=10_000 + hour * 1_000, measured_at_ms=begun + hour * HOUR, buffered=True)
        for hour in (1, 2, 3)
    ]
    await flat.report(*kept, kept[1], kept[0], kept[2])
    register = flat.meter.register
    assert register is not None
    assert (flat.meter.energy_wh, register.at, register.doubt) == (3_000, begun + 3 * HOUR, None)
    await flat.read(13_100, after=10_000)
    spread = flat.rows("SELECT sum(wh) FROM segment WHERE end_ms <= " + str(begun + 3 * HOUR))
    assert spread == [(3_000,)]
    assert flat.problems() == []


async def test_a_lying_clock_of_a_device_moves_no_time_back_or_into_the_future(flat: House) -> None:
    address = flat.meter.plan.energy_address
    await flat.read(10_000)
    for device_ms in (-HOUR, 10 * HOUR):
        flat.time.forward(60_000)
        await flat.report(
            Report(
                address,
                register_wh=10_100,
                measured_at_ms=flat.time.wall + device_ms,
                buffered=True,
            )
        )
        register = flat.meter.register
        assert register is not None
        assert NOON <= register.at <= flat.time.wall
    assert flat.problems() == []


@pytest.mark.invariant(6)
async def test_energy_that_flows_back_credits_nothing_and_is_reported_as_tampering(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        address = made.meter.plan.energy_address
        await made.report(Report(address, register_wh=10_000, returned_wh=500))
        await made.report(Report(address, register_wh=10_000, returned_wh=3_500), after=HOUR)
        view = made.app.accounts.view(LANDLORD, "flat-1")
        assert (view.available, view.meters[0].returned_wh) == (zar("100"), 3_500)
        (alert,) = view.alerts
        assert (alert.kind, alert.meter_id) == ("tamper", "flat-1/main")
        assert "returns energy: yes" in alert.message
        await made.tick()
        time = made.time
    async with opened(tmp_path, time) as again:
        assert again.alert_kinds() == {"tamper"}
        await again.report(Report(address, register_wh=10_100, returned_wh=3_510), after=23 * HOUR)
        assert again.alert_kinds() == {"tamper"}
        await again.report(Report(address, register_wh=10_100, returned_wh=3_510), after=HOUR)
        assert again.alert_kinds() == set()
        assert again.problems() == []


async def test_where_solar_is_expected_energy_may_flow_back(tmp_path: Path) -> None:
    async with house(tmp_path, SITE) as made:
        address = made.meter.plan.energy_address
        for returned in (0, 5_000):
            await made.report(Report(address, returned_wh=returned), after=HOUR)
        assert made.alert_kinds() == {"tamper"}
        await apply(made, SITE.replace("rating: 10 kW}", "rating: 10 kW, returns energy: yes}"))
        await made.report(Report(address, returned_wh=6_000), after=HOUR)
        assert (made.alert_kinds(), made.meter.reverse_energy is not None) == (set(), True)


async def test_energy_of_a_gap_is_marked_as_spread_over_it_by_estimate(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.read(10_000, after=0)
        await made.read(10_600, after=HOUR)
        await made.read(15_000, after=2 * HOUR)
        await made.tick()
        time = made.time
    async with opened(tmp_path, time) as again:
        for _ in range(2):
            await again.read(15_010, after=HOUR)
        marked = (
            "SELECT start_ms >= {0} AND start_ms < {1}, estimated, sum(wh) FROM segment"
            " GROUP BY 1, 2 ORDER BY 1"
        )
        assert again.rows(marked.format(NOON + HOUR, NOON + 3 * HOUR)) == [(0, 0, 610), (1, 1, 4_400)]
        assert again.problems() == []


async def test_a_net_register_that_runs_backwards_is_neither_consumption_nor_credit(flat: House) -> None:
    await flat.read(10_000)
    for wh in range(9_900, 9_000, -100):
        await flat.read(wh, after=HOUR)
    assert (flat.meter.energy_wh, flat.available) == (0, zar("100"))
    assert flat.alert_kinds() == {"register_quarantined"}


async def test_retained_registers_are_not_readings(flat: House) -> None:
    await flat.read(10_000)
    for measured in (None, flat.time.wall):
        kept = Report("tasmota:flat-1/1", register_wh=11_000, stale=True, measured_at_ms=measured)
        await flat.report(kept, after=HOUR)
    assert flat.meter.energy_wh == 0


async def test_the_journal_grows_with_time_not_with_messages(flat: House) -> None:
    await flat.read(10_000)
    for step in range(1, 600):
        await flat.read(10_000 + step, after=1_000)
    first = flat.engine.session.installation.sequences.entry
    assert first <= 3


async def test_the_fast_and_the_full_path_end_in_the_same_state(tmp_path: Path) -> None:
    results = []
    for fast in (True, False):
        async with house(tmp_path / str(fast), BLOCKS, credit="500.00", fast_path=fast) as made:
            await made.read(0)
            wh = 0
            for step in range(400):
                wh += step % 37
                await made.read(wh, after=61_000)
            made.engine.session.flush(everything=True)
            assert made.problems() == []
            results.append(
                (
                    made.account.balance,
                    made.app.accounts.view(LANDLORD, "flat-1").available,
                    made.meter.energy_wh,
                )
            )
    assert results[0] == results[1]


async def test_state_survives_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.read(10_000)
        await made.read(11_234, after=HOUR)
        before = made.app.accounts.view(LANDLORD, "flat-1")
        await made.tick()
        time = made.time
    async with opened(tmp_path, time) as again:
        after = again.app.accounts.view(LANDLORD, "flat-1")
        assert (after.available, after.energy_wh) == (before.available, before.energy_wh)
        await again.read(11_234)
        await again.read(12_234, after=HOUR)
        assert again.meter.energy_wh == 2_234
        assert again.problems() == []


async def test_standing_charge_is_due_at_each_local_midnight(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS, credit="100.00") as made:
        await made.tick(11 * HOUR)
        assert made.account.balance == zar("100")
        await made.tick(HOUR)
        assert made.account.balance == zar("100") - zar("1.15")
        for _ in range(24 * 3):
            await made.tick(HOUR)
        assert made.account.balance == zar("100") - 4 * zar("1.15")
        assert made.problems() == []


@pytest.mark.parametrize("jump", [-3 * HOUR, 5 * HOUR, 40 * 24 * HOUR])
async def test_invariant_12_a_jump_of_the_wall_clock_changes_no_money(tmp_path: Path, jump: int) -> None:
    async with house(tmp_path, BLOCKS, credit="100.00") as made:
        await made.read(0)
        await made.read(1_000, after=HOUR)
        before = made.app.accounts.view(LANDLORD, "flat-1").available
        made.time.wall += jump
        await made.tick()
        assert not made.engine.session.clock.sure
        assert [alert.kind for alert in made.engine.snapshots.snapshot(LANDLORD).alerts] == ["clock_wrong"]
        await made.read(3_000, after=60_000)
        assert made.app.accounts.view(LANDLORD, "flat-1").available == before
        made.time.wall -= jump
        await made.tick()
        assert made.engine.session.clock.sure
        assert made.engine.snapshots.snapshot(LANDLORD).alerts == ()
        await made.read(3_000, after=HOUR)
        assert made.meter.energy_wh == 3_000
        assert made.problems() == []


async def test_an_unsure_clock_never_cuts(flat: House) -> None:
    await flat.read(0)
    flat.time.wall += 5 * HOUR
    await flat.tick()
    flat.account.balance = -zar("1")
    flat.account.wake_at = 0
    await flat.tick()
    assert flat.account.state is SupplyState.CONNECTED
    assert flat.account.reason is SupplyReason.IN_CREDIT
