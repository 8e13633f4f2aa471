"""With the disk full or failing nothing is acknowledged, relays stay, health turns red, until it recovers."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
import errno
import os

import pytest

from meter_bridge.api.port import Refused
from meter_bridge.core.alerts import AlertKind
from meter_bridge.core.supply import SupplyState
from meter_bridge.protocol.messages import AccountView, ErrorCode, Event, Snapshot, SupplyAction, Update
from tests.engine.harness import HOUR, LANDLORD, House, disk_full, read_only, zar

FAULTS = pytest.mark.parametrize("fault", [pytest.param(disk_full, marks=pytest.mark.sqlite), read_only])
type Fault = Callable[[House], AbstractContextManager[None]]


async def fail(flat: House) -> list[str]:
    """Book top-ups until one is refused; return the keys of those that were acknowledged."""
    acknowledged: list[str] = []
    code = None
    try:
        for n in range(200):
            await flat.top_up("1.00", key=f"key {n}")
            acknowledged.append(f"key {n}")
    except Refused as refusal:
        code = refusal.code
    assert code is ErrorCode.STORAGE_UNAVAILABLE
    return acknowledged


@FAULTS
@pytest.mark.invariant(13)
async def test_no_top_up_is_acknowledged_that_was_not_stored(flat: House, fault: Fault) -> None:
    with fault(flat):
        acknowledged = await fail(flat)
    assert await flat.engine.try_recover()
    assert flat.available == zar("100") + len(acknowledged) * zar("1")
    keys = flat.rows("SELECT key FROM operation WHERE key LIKE 'key %'")
    assert {key for (key,) in keys} == set(acknowledged)
    assert flat.problems() == []


@FAULTS
@pytest.mark.invariant(13)
async def test_relays_stay_where_they_are(flat: House, fault: Fault) -> None:
    await flat.read(0, power_w=5_000)
    with fault(flat):
        await fail(flat)
        for hour in range(1, 9):
            await flat.read(hour * 10_000, after=HOUR, power_w=5_000)
            await flat.tick(60_000)
        assert flat.state() is SupplyState.CONNECTED
        assert flat.transport.switched == []
    assert await flat.engine.try_recover()
    await flat.read(80_000, after=60_000, power_w=5_000)
    assert flat.state() is SupplyState.DISCONNECTED
    assert len(flat.transport.switched) == 1


@FAULTS
@pytest.mark.invariant(13)
async def test_health_is_down_meanwhile_and_every_change_is_refused(flat: House, fault: Fault) -> None:
    with fault(flat):
        await fail(flat)
        assert flat.bridge.health().status == "down"
        with pytest.raises(Refused) as refusal:
            await flat.supply(SupplyAction.OFF)
        assert refusal.value.code is ErrorCode.STORAGE_UNAVAILABLE
        assert flat.account.hold is None
    assert await flat.engine.try_recover()
    assert flat.bridge.health().status == "ok"


@pytest.mark.sqlite
@pytest.mark.invariant(13)
async def test_health_stays_down_as_long_as_the_disk_is_full_although_little_would_fit(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk_full(flat):
        await fail(flat)
    monkeypatch.setattr(os, "posix_fallocate", no_room)
    assert not await flat.engine.try_recover()
    assert flat.bridge.health().status == "down"
    assert "no room" in flat.bridge.health().reasons[0]
    with pytest.raises(Refused):
        await flat.top_up("1.00", key="little")
    monkeypatch.undo()
    assert await flat.engine.try_recover()
    assert flat.bridge.health().status == "ok"


def no_room(*_: int) -> None:
    """Answer as a full disk does where room is asked for."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@FAULTS
@pytest.mark.invariant(5)
async def test_energy_used_meanwhile_is_charged_afterwards(flat: House, fault: Fault) -> None:
    await flat.read(10_000)
    await flat.read(10_100, after=60_000)
    with fault(flat):
        acknowledged = await fail(flat)
        await flat.read(11_000, after=HOUR)
    assert await flat.engine.try_recover()
    await flat.read(12_000, after=HOUR)
    assert flat.meter.energy_wh == 2_000
    assert flat.available == zar("96") + len(acknowledged) * zar("1")
    assert flat.problems() == []


async def test_what_the_broker_did_meanwhile_is_told_afterwards(flat: House) -> None:
    flat.engine.set_installation_alert(AlertKind.BROKER_LOST, "the broker is away")
    await flat.settle()
    with read_only(flat):
        await fail(flat)
        flat.engine.set_installation_alert(AlertKind.BROKER_LOST, None)
    assert await flat.engine.try_recover()
    await flat.settle()
    assert flat.bridge.health().status == "ok"


async def test_subscribers_forget_money_that_was_never_stored(flat: House) -> None:
    stream = flat.bridge.stream(LANDLORD, since=None)
    await anext(stream)
    with read_only(flat):
        await fail(flat)
    assert await flat.engine.try_recover()
    balances = [account.balance for account in await next_accounts(stream)]
    assert balances == [zar("100")]


async def next_accounts(stream: AsyncIterator[Snapshot | Event | Update]) -> tuple[AccountView, ...]:
    """Return the accounts of the next update."""
    async for message in stream:
        if not isinstance(message, Event):
            return message.accounts
    raise AssertionError


async def test_an_error_of_ours_half_way_leaves_nothing_half_charged(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flat.read(10_000)
    await flat.read(10_100, after=60_000)
    await flat.tick()
    monkeypatch.setattr("meter_bridge.engine.metering.evaluate", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        await flat.read(11_000, after=HOUR)
    monkeypatch.undo()
    assert flat.bridge.health().status == "down"
    assert await flat.engine.try_recover()
    assert flat.available == zar("99.80")
    await flat.read(11_000, after=60_000)
    assert flat.available == zar("98")
    assert flat.problems() == []
