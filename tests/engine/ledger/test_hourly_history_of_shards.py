"""What the journal tells by time, where its numbers rise in each shard alone and not over all of them."""

import pytest

from meter_bridge.protocol.requests import Repricing
from meter_bridge.storage.shards import Shard
from tests.engine.harness import HOUR, LANDLORD, zar
from tests.engine.test_shards import TWO, Owner, Street, divided, street

__all__ = ("divided",)
DAY = 24 * HOUR
DEAR = "north-flat: {versions: [{from: 2026-01-01, prices: [2.00]}]}"
BOTH = (("n1", 0), ("s1", 1))


async def use(owners: tuple[Owner, Owner], street: Street, wh: int) -> None:
    """Let an hour pass in which a unit of each shard comes to a register, and post it."""
    street.time.forward(HOUR)
    for account, n in BOTH:
        await owners[n].read(account, wh)
        await owners[n].engine.run_deferred_postings(everything=True)
        await owners[n].engine.session.drain()


async def told(owner: Owner, account: str, after: int) -> list[tuple[str, int]]:
    """Return the hours of an account from the first on that changed after an entry, with their energy."""
    newest = owner.engine.session.installation.sequences.entry
    page = await owner.app.ledger.history(
        LANDLORD, after=after, upto=newest, account_id=account, from_account=None
    )
    return [(hour.start, hour.wh) for each in page.accounts for hour in each.hours]


async def pass_days(owners: tuple[Owner, Owner], street: Street, days: int) -> None:
    """Let days pass in which nothing is used."""
    for _ in range(days):
        street.time.forward(DAY)
        for each in owners:
            each.engine.check_clock()
            await each.engine.run_due_accounts()


@pytest.mark.parametrize("account, n", BOTH)
async def test_hours_that_changed_are_told_of_an_account_of_any_shard(
    divided: Street, account: str, n: int
) -> None:
    async with divided.owner(Shard(0, 2)) as first, divided.owner(Shard(1, 2)) as second:
        owner, marks = (first, second)[n], []
        for wh in range(1_000, 8_000, 1_000):
            await use((first, second), divided, wh)
            marks.append(owner.engine.session.installation.sequences.entry)
        every, since = await told(owner, account, 0), await told(owner, account, marks[3])
    assert sum(wh for _, wh in every) == 6_000
    assert 1 < len(since) < len(every)
    assert since == every[-len(since) :]


@pytest.mark.parametrize("account, n", BOTH)
async def test_a_month_of_an_account_of_any_shard_is_repriced(divided: Street, account: str, n: int) -> None:
    dear = street(TWO).replace(DEAR, DEAR + "\n      dear: {versions: [{from: 2027-01-01, prices: [4.00]}]}")
    async with divided.owner(Shard(0, 2)) as first, divided.owner(Shard(1, 2)) as second:
        await first.apply(dear)
        await second.app.sites.follow()
        await use((first, second), divided, 1_000)
        await use((first, second), divided, 2_000)
        await pass_days((first, second), divided, 33)
        for wh in range(2_000, 8_000, 1_000):
            await use((first, second), divided, wh)
        await pass_days((first, second), divided, 31)
        asked = Repricing(day="2026-12-20", version="dear@2027-01-01", reason="published late")
        result, _ = await (first, second)[n].app.accounts.operate(LANDLORD, account, asked, key="one")
    assert result.detail["amount"] == -zar("10.00")
