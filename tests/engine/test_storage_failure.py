"""With the disk full or failing nothing is acknowledged, relays stay, health turns red, until it recovers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, suppress
import errno
from functools import partial
import os
from pathlib import Path

import pytest

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.engine.alerts.alerting import set_installation_alert
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import (
    AccountView,
    AlertView,
    ErrorCode,
    Event,
    Role,
    Snapshot,
    SupplyAction,
    Update,
)
from meter_bridge.protocol.vocabulary import AlertKind, HoldPosition, SupplyState
from meter_bridge.storage.errors import StorageError
from meter_bridge.text.alerts import alert_event_text
from tests.engine.harness import HOUR, LANDLORD, House, disk_full, losing_answers, read_only, refusing, zar

pytestmark = pytest.mark.both_databases

FULL = pytest.mark.sqlite("pages that SQLite may not have; a server's disk is not the bridge's")
FAULTS = pytest.mark.parametrize("fault", [pytest.param(disk_full, marks=FULL), read_only])
type Fault = Callable[[House], AbstractContextManager[None]]


async def fail(flat: House) -> list[str]:
    """Book top-ups until one is refused; return the keys of those that were acknowledged."""
    acknowledged: list[str] = []
    code = None
    try:
        for n in range(200):
            await flat.top_up("1.00", key=f"key {n}")
            acknowledged.append(f"key {n}")
    except RequestRefused as refusal:
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
        assert flat.app.status.health().status == "down"
        with pytest.raises(RequestRefused) as refusal:
            await flat.supply(SupplyAction.OFF)
        assert refusal.value.code is ErrorCode.STORAGE_UNAVAILABLE
        assert flat.account.hold is None
    assert await flat.engine.try_recover()
    assert flat.app.status.health().status == "ok"


@FULL
@pytest.mark.invariant(13)
async def test_health_stays_down_as_long_as_the_disk_is_full_although_little_would_fit(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk_full(flat):
        await fail(flat)
    monkeypatch.setattr(os, "posix_fallocate", no_room)
    assert not await flat.engine.try_recover()
    assert flat.app.status.health().status == "down"
    assert "no room" in flat.app.status.health().reasons[0]
    with pytest.raises(RequestRefused):
        await flat.top_up("1.00", key="little")
    monkeypatch.undo()
    assert await flat.engine.try_recover()
    assert flat.app.status.health().status == "ok"


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
    set_installation_alert(flat.engine.session, AlertKind.BROKER_LOST, {})
    await flat.settle()
    with read_only(flat):
        await fail(flat)
        set_installation_alert(flat.engine.session, AlertKind.BROKER_LOST, None)
    assert await flat.engine.try_recover()
    await flat.settle()
    assert flat.app.status.health().status == "ok"


async def test_subscribers_forget_money_that_was_never_stored(flat: House) -> None:
    stream = flat.app.feed.stream(LANDLORD, since=None)
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
    monkeypatch.setattr("meter_bridge.engine.metering.readings.evaluate_account", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        await flat.read(11_000, after=HOUR)
    monkeypatch.undo()
    assert flat.app.status.health().status == "down"
    assert await flat.engine.try_recover()
    assert flat.available == zar("99.80")
    await flat.read(11_000, after=60_000)
    assert flat.available == zar("98")
    assert flat.problems() == []


def storage_alerts(views: Iterable[AlertView] | None) -> list[AlertView]:
    """Return the alerts of failing storage among others."""
    return [view for view in views or () if view.kind.value == AlertKind.STORAGE_FAILING.value]


@FAULTS
@pytest.mark.invariant(13)
async def test_failing_storage_is_told_by_whatever_needs_no_storage(flat: House, fault: Fault) -> None:
    stream = flat.app.feed.stream(LANDLORD, since=None)
    await anext(stream)
    tenant = Actor("tenant", Role.TENANT, accounts=frozenset({"flat-1"}))
    with fault(flat):
        await fail(flat)
        begun = flat.time.wall
        await flat.tick(60_000)
        async for message in stream:
            if isinstance(message, Update) and storage_alerts(message.alerts):
                break
        (heard,) = storage_alerts(flat.engine.snapshots.snapshot(LANDLORD).alerts)
        assert heard.opened_at == iso(begun)
        assert "no top-up is taken" in heard.message
        listed = await flat.app.alerts.views(LANDLORD, only_open=True, limit=10)
        assert storage_alerts(listed) == [heard]
        assert b'prepaid_alerts{kind="storage_failing"} 1.0' in flat.app.status.metrics()
        assert storage_alerts(flat.engine.snapshots.snapshot(tenant).alerts) == []
        assert storage_alerts(await flat.app.alerts.views(tenant, only_open=True, limit=10)) == []
    assert await flat.engine.try_recover()
    assert storage_alerts(flat.engine.snapshots.snapshot(LANDLORD).alerts) == []
    assert b'prepaid_alerts{kind="storage_failing"} 0.0' in flat.app.status.metrics()


STORED = "SELECT opened_at, closed_at FROM alert WHERE kind = 'storage_failing' ORDER BY opened_at"


@FAULTS
@pytest.mark.invariant(13)
async def test_the_time_of_a_failure_is_on_record_and_announced_once_it_is_over(
    flat: House, fault: Fault
) -> None:
    with fault(flat):
        await fail(flat)
        begun = flat.time.wall
    flat.time.forward(2 * HOUR)
    assert await flat.engine.try_recover()
    await flat.settle()
    assert flat.rows(STORED) == [(begun, begun + 2 * HOUR)]
    (opened_event,) = [event for event in flat.events("alert_opened") if event["kind"] == "storage_failing"]
    (closed_event,) = [event for event in flat.events("alert_closed") if event["kind"] == "storage_failing"]
    assert opened_event["id"] == closed_event["id"]
    assert f"from {iso(begun)} to {iso(begun + 2 * HOUR)}" in alert_event_text(opened_event)
    with fault(flat):
        await fail(flat)
    assert await flat.engine.try_recover()
    assert len(flat.rows(STORED)) == 2
    assert flat.problems() == []


async def test_a_failure_that_comes_back_before_it_was_on_record_is_one(
    flat: House,
) -> None:
    with read_only(flat):
        await fail(flat)
        begun = flat.time.wall
    flat.time.forward(HOUR)
    with refusing(flat, "INSERT", "alert"):
        assert await flat.engine.try_recover()
        await flat.settle()
        assert flat.app.status.health().status == "down"
        assert flat.rows(STORED) == []
    flat.time.forward(HOUR)
    assert await flat.engine.try_recover()
    await flat.settle()
    assert flat.rows(STORED) == [(begun, begun + 2 * HOUR)]


def descriptors(path: Path) -> set[int]:
    """Return the open descriptors of a file and those beside it."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if each.readlink().name.startswith(path.name):
                found.add(int(each.name))
    return found


@pytest.mark.sqlite("descriptors of the file")
@pytest.mark.invariant(13)
async def test_what_was_open_on_a_disk_that_was_away_is_opened_anew(flat: House) -> None:
    assert isinstance(flat.location, Path)
    flat.engine.session.reader.dispose()
    before = descriptors(flat.location)
    flat.engine.session.reload()
    kept = descriptors(flat.location) - before
    assert kept
    nothing = os.open(os.devnull, os.O_RDONLY)
    for each in kept:
        os.dup2(nothing, each)
    os.close(nothing)
    flat.engine.session.fail("the disk is away")
    assert await flat.engine.try_recover(), flat.engine.session.storage_error
    await flat.top_up("1.00")
    assert flat.problems() == []


async def _balance(flat: House) -> int:
    return flat.available


@pytest.mark.invariant(10)
async def test_a_view_waits_for_the_commits_that_it_shows(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = await _under_way(flat, monkeypatch)
    viewing = asyncio.create_task(flat.app.answers.reading(partial(_balance, flat)))
    await asyncio.sleep(0)
    assert not viewing.done()
    written.set_exception(StorageError("disk I/O error"))
    with pytest.raises(RequestRefused) as refusal:
        await viewing
    assert refusal.value.code is ErrorCode.STORAGE_UNAVAILABLE
    assert await flat.app.answers.reading(partial(_balance, flat)) == zar("100")


async def _under_way(flat: House, monkeypatch: pytest.MonkeyPatch) -> asyncio.Future[None]:
    """Begin a top-up whose commit ends when the returned future does, as on a slow disk."""
    written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(flat.store, "commit", lambda _: written)
    paying = asyncio.create_task(flat.top_up("77.00"))
    while not flat.engine.session.pending_transactions:  # noqa: ASYNC110 - nothing tells of a commit's beginning
        await asyncio.sleep(0)
    monkeypatch.undo()
    paying.add_done_callback(lambda ended: ended.exception())
    return written


@pytest.mark.invariant(10)
async def test_a_subscriber_is_told_nothing_that_is_not_stored_yet(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed = flat.app.feed.stream(LANDLORD, since=None)
    await anext(followed)
    written = await _under_way(flat, monkeypatch)
    flat.engine.session.feed.mark_changed(flat.account.id)
    telling = asyncio.create_task(_told_balances(followed))
    beginning = asyncio.ensure_future(anext(flat.app.feed.stream(LANDLORD, since=None)))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not telling.done()
    assert not beginning.done()
    written.set_exception(StorageError("disk I/O error"))
    with pytest.raises(RequestRefused) as refusal:
        await beginning
    assert refusal.value.code is ErrorCode.STORAGE_UNAVAILABLE
    assert await telling == [zar("100")]


async def _told_balances(stream: AsyncIterator[Snapshot | Event | Update]) -> list[int]:
    """Return the balances of the first update that has any."""
    async for message in stream:
        if isinstance(message, Update) and message.accounts:
            return [account.balance for account in message.accounts]
    raise AssertionError


@pytest.mark.invariant(4)
async def test_what_was_stored_without_an_answer_is_told_once_it_was_read_again(flat: House) -> None:
    followed = flat.app.feed.stream(LANDLORD, since=None)
    await anext(followed)
    with losing_answers(flat), pytest.raises(RequestRefused) as refusal:
        await flat.top_up("77.00", key="lost")
    assert "may or may not have been booked" in refusal.value.message
    await flat.settle()
    assert flat.available == zar("177")
    heard = [await anext(followed)]
    while not isinstance(heard[-1], Event):
        heard.append(await anext(followed))
    assert isinstance(heard[-1], Event)
    assert (heard[-1].kind, heard[-1].data["amount"]) == ("top_up", zar("77"))
    assert (await flat.top_up("77.00", key="lost")).balance == zar("177")
    assert await flat.engine.try_recover()
    assert flat.available == zar("177")
    assert flat.problems() == []


@pytest.mark.invariant(13)
async def test_nothing_is_shown_while_the_database_cannot_be_read_either(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flat.engine.session, "_read", lambda: 1 // 0)
    with read_only(flat):
        await fail(flat)
    with pytest.raises(RequestRefused) as refusal:
        await flat.app.answers.reading(partial(_balance, flat))
    assert refusal.value.code is ErrorCode.STORAGE_UNAVAILABLE
    assert not await flat.engine.try_recover()
    monkeypatch.undo()
    assert await flat.engine.try_recover()
    assert await flat.app.answers.reading(partial(_balance, flat)) == zar("100")


@pytest.mark.invariant(10)
async def test_a_hold_that_is_under_way_is_not_said_to_stand(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is about to work on the wires: a repeated request must not be answered from memory."""
    written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(flat.store, "commit", lambda _: written)
    place = partial(
        flat.app.supply.place_hold,
        LANDLORD,
        flat.account.id,
        HoldPosition.OFF,
        reason="work on the wires",
        hold_id="work",
    )
    asked = [asyncio.create_task(place()) for _ in range(2)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(task.done() for task in asked)
    monkeypatch.undo()
    written.set_exception(StorageError("disk I/O error"))
    for task in asked:
        with pytest.raises(RequestRefused) as refusal:
            await task
        assert refusal.value.code is ErrorCode.STORAGE_UNAVAILABLE
    assert await flat.engine.try_recover()
    _, standing = await place()
    assert not standing
    assert await place() == (flat.app.supply.holds(LANDLORD, flat.account.id)[0], True)
