"""The history of hours over all shards: numbers are instants, and what waits for its turn is not missed."""

from pathlib import Path

import pytest

from meter_bridge.cluster.directory import ShardTimes
from meter_bridge.cluster.history import shard_queries
from meter_bridge.engine.ledger.journal import MAX_DEFER_MS
from tests.engine.harness import LANDLORD, House, house
from tests.engine.ledger.test_deferred_posting import MINUTE, SECOND, in_turns


async def told(made: House, after: int) -> tuple[int, int]:
    """Ask as any worker does, from a number on; return the next number, and the energy of the hours told."""
    query = {"after": str(after)} if after else {}
    number, (asked,) = shard_queries(
        ShardTimes(made.engine.session.reader, 1), query, made.engine.session.clock.now()
    )
    page = await made.app.ledger.history(
        LANDLORD,
        after=int(asked.get("after", 0)),
        upto=int(asked["upto"]),
        account_id="flat-1",
        from_account=None,
    )
    return number, sum(hour.wh for each in page.accounts for hour in each.hours)


@pytest.mark.parametrize("later", [SECOND, MAX_DEFER_MS - 2 * SECOND])
async def test_an_hour_whose_last_quarter_was_posted_after_somebody_looked_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: int
) -> None:
    in_turns(monkeypatch)
    async with house(tmp_path) as made:
        made.at_once = False
        await made.read(10_000, after=SECOND)
        await made.read(10_400, after=58 * MINUTE)
        await made.tick(MAX_DEFER_MS)
        await made.read(10_500, after=2 * MINUTE)
        assert made.account.supplies[0].deferred_posting is not None
        made.time.forward(later)
        number, before = await told(made, 0)
        await made.tick(MAX_DEFER_MS)
        assert made.account.supplies[0].deferred_posting is None
        _, after = await told(made, number)
        assert before < after
