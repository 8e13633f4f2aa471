"""Subscribers hear everything once, in order, and only what is theirs."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from meter_bridge.actor import Actor
from meter_bridge.engine.alerts.alerting import set_installation_alert
from meter_bridge.engine.stream import feed as feed_module
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Event, Role, Snapshot, Update
from meter_bridge.protocol.vocabulary import AlertKind
from tests.engine.harness import LANDLORD, SITE, House, apply, read_only, zar

BOTH = SITE + '      flat-2:\n        tariff: flat\n        meters: ["tasmota:flat-2/1"]\n'
TENANT = Actor("tenant", Role.TENANT, accounts=frozenset({"flat-1"}), token_id="t1")
NEIGHBOUR = Actor("neighbour", Role.TENANT, accounts=frozenset({"flat-2"}), token_id="t2")
type Message = Snapshot | Event | Update


async def some(stream: AsyncIterator[Message], seconds: float = 0.3) -> list[Message]:
    """Return what a stream says within a short while."""
    heard: list[Message] = []
    pending: asyncio.Future[Message] = asyncio.ensure_future(anext(stream))
    while True:
        done, _ = await asyncio.wait([pending], timeout=seconds)
        if not done:
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)
            return heard
        heard.append(pending.result())
        pending = asyncio.ensure_future(anext(stream))


def seqs(heard: list[Message]) -> list[int]:
    """Return the numbers of the events."""
    return [message.seq for message in heard if isinstance(message, Event)]


async def test_a_stream_begins_with_everything_as_it_is(flat: House) -> None:
    snapshot = await anext(flat.app.feed.stream(LANDLORD, since=None))
    assert isinstance(snapshot, Snapshot)
    assert [account.balance for account in snapshot.accounts] == [zar("100")]
    assert snapshot.seq == flat.engine.session.installation.sequences.event


async def test_a_resumed_stream_has_neither_a_gap_nor_a_double(flat: House) -> None:
    for _ in range(5):
        await flat.top_up("1.00")
    stream = flat.app.feed.stream(LANDLORD, since=2)
    first = await anext(stream)
    assert isinstance(first, Snapshot)
    await flat.top_up("1.00")  # while the past is being read
    heard = seqs(await some(stream))
    assert heard == list(range(3, flat.engine.feed.seq + 1))


async def test_a_long_past_is_read_page_by_page(flat: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meter_bridge.engine.state.events.EVENTS_PER_PAGE", 2)
    for _ in range(5):
        await flat.top_up("1.00")
    assert seqs(await some(flat.app.feed.stream(LANDLORD, since=0))) == list(
        range(1, flat.engine.feed.seq + 1)
    )


async def test_a_subscriber_who_reads_too_slowly_is_cut_off_and_forgotten(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "MAX_BACKLOG", 3)
    stream = flat.app.feed.stream(LANDLORD, since=None)
    await anext(stream)
    for _ in range(6):
        await flat.top_up("1.00")
    assert flat.engine.feed.subscribers == 0
    with pytest.raises(RequestRefused) as ended:
        await some(stream)
    assert ended.value.code is ErrorCode.TOO_MANY_REQUESTS


@pytest.mark.invariant(15)
async def test_a_revoked_token_hears_nothing_more(flat: House) -> None:
    token = await flat.app.tokens.create(
        LANDLORD, name="panel", role=Role.TENANT, sites=frozenset(), accounts=frozenset({"flat-1"}), days=None
    )
    actor = flat.app.tokens.authenticate(token)
    assert actor is not None
    stream = flat.app.feed.stream(actor, since=None)
    await anext(stream)
    await flat.top_up("1.00")
    await flat.app.tokens.revoke(LANDLORD, str(actor.token_id))
    await flat.settle()
    with pytest.raises(RequestRefused) as ended:
        await anext(stream)
    assert ended.value.code is ErrorCode.NOT_AUTHENTICATED


@pytest.mark.invariant(15)
async def test_a_tenant_hears_of_the_own_account_only(flat: House) -> None:
    await apply(flat, BOTH)
    mine, other = flat.app.feed.stream(TENANT, since=0), flat.app.feed.stream(NEIGHBOUR, since=None)
    await anext(other)
    await flat.top_up("1.00")
    await flat.hold_off("leak")
    heard = await some(other)
    assert seqs(heard) == []
    assert [message for message in heard if isinstance(message, Update)] == []
    own = [message for message in await some(mine) if isinstance(message, Event)]
    assert own
    assert {event.account_id for event in own} == {"flat-1"}


@pytest.mark.invariant(15)
async def test_a_tenant_does_not_hear_that_another_account_is_gone(flat: House) -> None:
    await apply(flat, BOTH)
    other, landlord = flat.app.feed.stream(NEIGHBOUR, since=None), flat.app.feed.stream(LANDLORD, since=None)
    await anext(other)
    await anext(landlord)
    await apply(flat, BOTH.replace("flat-1", "flat-3"))
    assert not any("flat-1" in repr(message) for message in await some(other))
    assert any(isinstance(each, Update) and each.removed == ("flat-1",) for each in await some(landlord))


@pytest.mark.invariant(15)
async def test_a_tenant_sees_the_own_alerts_however_many_others_there_are(flat: House) -> None:
    await apply(flat, BOTH.replace("low credit: [5.00]", "low credit: [150.00]"))
    set_installation_alert(flat.engine.session, AlertKind.BROKER_LOST, {})
    await flat.settle()
    alerts = await flat.app.alerts.views(TENANT, only_open=True, limit=1)
    assert [alert.account_id for alert in alerts] == ["flat-1"]
    assert await flat.app.alerts.views(NEIGHBOUR, only_open=True, limit=10) != []
    assert all(
        alert.account_id == "flat-2"
        for alert in await flat.app.alerts.views(NEIGHBOUR, only_open=False, limit=99)
    )


@pytest.mark.invariant(10)
async def test_nobody_hears_of_what_was_not_stored(flat: House) -> None:
    stream = flat.app.feed.stream(LANDLORD, since=None)
    await anext(stream)
    before = flat.engine.feed.seq
    with read_only(flat), pytest.raises(RequestRefused):
        await flat.top_up("1.00")
    assert seqs(await some(stream)) == []
    assert flat.engine.feed.seq == before


async def test_changes_of_an_account_are_gathered_into_updates(flat: House) -> None:
    stream = flat.app.feed.stream(TENANT, since=None)
    await anext(stream)
    await flat.read(10_000)
    for wh in range(10_001, 10_030):
        await flat.read(wh)
        flat.engine.session.flush()
    updates = [message for message in await some(stream) if isinstance(message, Update)]
    assert 1 <= len(updates) <= 3
    assert updates[-1].accounts[0].energy_wh == 29


async def test_subscribers_end_when_the_bridge_stops(flat: House) -> None:
    stream = flat.app.feed.stream(LANDLORD, since=None)
    await anext(stream)
    flat.engine.feed.end()
    with pytest.raises(RequestRefused):
        await anext(stream)
