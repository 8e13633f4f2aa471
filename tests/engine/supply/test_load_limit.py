"""A supply may be limited in what it uses: without credit, instead of being cut, or always."""

from pathlib import Path

from meter_bridge.protocol.messages import SupplyAction
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition, SupplyReason, SupplyState
from tests.engine.harness import HOUR, LANDLORD, House, VirtualTime, house, opened
from tests.engine.supply.test_decision import site, use
from tests.engine.supply.test_protections import watts

OPEN, CLOSED = RelayPosition.OPEN, RelayPosition.CLOSED
LIMITED = site(
    when_exhausted="load limit 500 W",
    load_limit="{delay: 30 s, reconnect after: 2 min, attempts per hour: 1}",
)


ALWAYS = site(
    power_limit="3 kW",
    load_limit="{delay: 30 s, reconnect after: 2 min, attempts per hour: 1}",
)


async def deplete(made: House) -> None:
    """Use the 100 rand of credit up with a small load."""
    await made.read(0, power_w=300)
    for kwh in range(10, 60, 10):
        await made.read(kwh * 1_000, after=2 * HOUR, power_w=300)


async def exceed(made: House, power_w: int = 2_000) -> None:
    """Use more than the limit for longer than it is borne."""
    await watts(made, power_w)
    await made.tick(31_000)
    await watts(made, 0)


async def test_it_stays_on_for_a_small_load_and_says_so(tmp_path: Path) -> None:
    async with house(tmp_path, LIMITED) as made:
        await deplete(made)
        await watts(made, 400)
        await made.tick(600_000)
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.LOAD_LIMITED)
        assert made.alert_kinds() == {AlertKind.LOAD_LIMITED}
        assert made.app.accounts.view(LANDLORD, "flat-1").supply.load_limit_mw == 500_000
        assert made.transport.switched == []
        await made.top_up("50.00")
        assert made.account.reason is SupplyReason.IN_CREDIT
        assert made.alert_kinds() == set()
        await watts(made, 5_000)
        await made.tick(60_000)
        assert made.state() is SupplyState.CONNECTED


async def test_a_load_above_it_is_switched_off_for_a_while(tmp_path: Path) -> None:
    async with house(tmp_path, LIMITED) as made:
        await deplete(made)
        await exceed(made)
        assert (made.state(), made.account.reason) == (
            SupplyState.DISCONNECTED,
            SupplyReason.LOAD_LIMIT_EXCEEDED,
        )
        assert made.alert_kinds() == {AlertKind.LOAD_LIMITED}
        await made.tick(121_000)
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.LOAD_LIMITED)
        assert [position for _, position in made.transport.switched] == [OPEN, CLOSED]


async def test_after_too_many_attempts_the_customer_is_waited_for(tmp_path: Path) -> None:
    async with house(tmp_path, LIMITED) as made:
        await deplete(made)
        await exceed(made)
        await made.tick(121_000)
        await exceed(made)
        assert (made.state(), made.account.reason) == (SupplyState.ARMED, SupplyReason.LOAD_LIMIT_EXCEEDED)
        await made.tick(600_000)
        assert made.state() is SupplyState.ARMED
        await made.supply(SupplyAction.CONFIRM)
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.LOAD_LIMITED)


async def test_a_payment_brings_it_back_at_once(tmp_path: Path) -> None:
    async with house(tmp_path, LIMITED) as made:
        await deplete(made)
        await exceed(made)
        await made.top_up("50.00")
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.IN_CREDIT)
        assert made.account.protection_timers == {}


async def test_attempts_survive_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path, LIMITED) as made:
        await deplete(made)
        await exceed(made)
        await made.tick(121_000)
        await exceed(made)
        time = VirtualTime(made.time.wall, made.time.monotonic)
    async with opened(tmp_path, time) as again:
        await again.tick(600_000)
        assert (again.state(), again.account.reason) == (SupplyState.ARMED, SupplyReason.LOAD_LIMIT_EXCEEDED)


async def test_a_limit_that_always_holds_switches_off_whatever_the_credit(tmp_path: Path) -> None:
    async with house(tmp_path, ALWAYS) as made:
        await made.read(0, power_w=2_900)
        await made.tick(600_000)
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.IN_CREDIT)
        assert made.app.accounts.view(LANDLORD, "flat-1").supply.load_limit_mw == 3_000_000
        await exceed(made, 3_100)
        assert (made.state(), made.account.reason) == (
            SupplyState.DISCONNECTED,
            SupplyReason.LOAD_LIMIT_EXCEEDED,
        )
        assert made.alert_kinds() == {AlertKind.LOAD_LIMITED}
        await made.tick(121_000)
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.IN_CREDIT)
        assert made.alert_kinds() == set()
        assert [position for _, position in made.transport.switched] == [OPEN, CLOSED]


async def test_no_payment_closes_what_exceeded_the_limit_that_always_holds(tmp_path: Path) -> None:
    async with house(tmp_path, ALWAYS) as made:
        await exceed(made, 3_100)
        await made.tick(121_000)
        await exceed(made, 3_100)
        await made.top_up("50.00")
        assert (made.state(), made.account.reason) == (SupplyState.ARMED, SupplyReason.LOAD_LIMIT_EXCEEDED)
        (message,) = made.alert_texts(AlertKind.SUPPLY_ARMED)
        assert "more than 3000 W was used too often" in message
        await made.supply(SupplyAction.CONFIRM)
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.IN_CREDIT)


async def test_without_credit_the_lower_of_two_limits_holds_and_a_payment_ends_it(tmp_path: Path) -> None:
    words = {"when_exhausted": "load limit 500 W", "power_limit": "3 kW"}
    async with house(tmp_path, site(**words)) as made:
        await deplete(made)
        assert made.app.accounts.view(LANDLORD, "flat-1").supply.load_limit_mw == 500_000
        await exceed(made, 1_000)
        assert made.account.reason is SupplyReason.LOAD_LIMIT_EXCEEDED
        await made.top_up("50.00")
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.IN_CREDIT)
        await exceed(made, 1_000)
        assert made.state() is SupplyState.CONNECTED


async def test_a_hold_that_keeps_on_keeps_within_the_limit(tmp_path: Path) -> None:
    async with house(tmp_path, ALWAYS) as made:
        await made.supply(SupplyAction.ON, "until the wake is over")
        await exceed(made, 3_100)
        assert (made.state(), made.account.reason) == (
            SupplyState.DISCONNECTED,
            SupplyReason.LOAD_LIMIT_EXCEEDED,
        )
        await made.tick(121_000)
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.LANDLORD_ON)


async def test_who_is_never_cut_is_never_limited(tmp_path: Path) -> None:
    async with house(tmp_path, site(never_cut="yes", power_limit="3 kW")) as made:
        await exceed(made, 9_000)
        assert (made.state(), made.account.reason) == (SupplyState.CONNECTED, SupplyReason.NEVER_CUT)
        assert made.app.accounts.view(LANDLORD, "flat-1").supply.load_limit_mw is None


async def test_friendly_hours_come_before_the_limit(tmp_path: Path) -> None:
    words = {"when_exhausted": "load limit 500 W", "friendly_hours": '[{from: "18:00", to: "08:00"}]'}
    async with house(tmp_path, site(**words)) as made:
        await use(made, 23)
        await use(made, 30)
        assert made.account.reason is SupplyReason.FRIENDLY_HOURS
        await watts(made, 5_000)
        await made.tick(60_000)
        assert made.state() is SupplyState.CONNECTED
