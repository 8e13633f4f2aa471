"""A bridge whose clock differs from that of the server that it shares with others says so, and waits."""

from collections.abc import Callable
from pathlib import Path
import time

import pytest

from meter_bridge.core import clock as rules
from meter_bridge.engine.state.clock import EngineClock
from meter_bridge.protocol.vocabulary import AlertKind, SupplyState
from meter_bridge.storage import lease
from meter_bridge.storage.lease import LeasedOwnership, Leases
from tests.devices.support import eventually
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, House, VirtualTime, house
from tests.storage.template import new_server_database

TOLD = (
    "The clock of the bridge differs from that of the database server by 4,320 minutes; charges by time and"
    " cuts wait until both agree or it is confirmed"
)
LIMIT = rules.WALL_CLOCK_TOLERANCE_MS


@pytest.mark.parametrize("ahead, sure", [(0, True), (LIMIT, True), (LIMIT + 1, False), (-3 * HOUR, False)])
def test_a_clock_that_differs_from_the_common_one_is_not_sure(ahead: int, *, sure: bool) -> None:
    clock = EngineClock(VirtualTime(synchronised=True).clocks(), None)
    clock.shared_clock_ahead_ms = lambda: ahead
    clock.check()
    assert clock.sure is sure
    clock.shared_clock_ahead_ms = lambda: 0
    clock.check()
    assert clock.sure


def test_a_confirmed_difference_is_borne_and_no_greater_one() -> None:
    clock = EngineClock(VirtualTime(synchronised=True).clocks(), None)
    clock.shared_clock_ahead_ms = lambda: 3 * HOUR
    clock.check()
    clock.confirm()
    clock.check()
    assert clock.sure
    clock.shared_clock_ahead_ms = lambda: 3 * HOUR + LIMIT + 1
    clock.check()
    assert not clock.sure


def alerts(flat: House) -> list[str]:
    found = flat.app.status.health().reasons
    assert {key.kind for key in flat.engine.session.installation.alerts} <= {AlertKind.CLOCK_WRONG}
    return list(found)


@pytest.mark.invariant(12)
async def test_it_is_told_and_nothing_falls_due_until_it_is_right_or_confirmed(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS) as flat:
        before, clock = flat.account.balance, flat.engine.session.clock
        clock.shared_clock_ahead_ms = lambda: -72 * HOUR
        await flat.tick()
        assert alerts(flat) == [TOLD]
        flat.time.forward(72 * HOUR)
        await flat.tick()
        assert flat.account.balance == before
        assert flat.state() is SupplyState.CONNECTED
        await flat.app.status.confirm_clock(LANDLORD)
        await flat.tick()
        assert alerts(flat) == []
        assert flat.account.balance < before


@pytest.mark.postgresql
@pytest.mark.sqlite("has a server in any run")
@pytest.mark.parametrize("hours", [-3, 3])
async def test_a_renewal_compares_the_clocks(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    right: Callable[[], int] = time.time_ns
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    monkeypatch.setattr(time, "time_ns", lambda: right() + hours * HOUR * 1_000_000)
    url = new_server_database(f"clocks_{abs(hours)}_{hours < 0}")
    leases = Leases(url)
    grant = leases.take("installation", "test")
    assert grant is not None
    ownership = LeasedOwnership(url, leases, grant)
    try:
        await eventually(lambda: abs(ownership.server_clock_ahead_ms() + hours * HOUR) < LIMIT)
    finally:
        await ownership.end()
        leases.close()
