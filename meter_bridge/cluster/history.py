"""One history of hours out of those of all shards, under numbers that mean an instant."""

from collections.abc import Mapping, Sequence
from typing import Final

from meter_bridge.cluster.directory import ShardTimes
from meter_bridge.cluster.response_merge import Answer, instant_at, number_at
from meter_bridge.cluster.stream_merge import OLDEST
from meter_bridge.engine.ledger.journal import MAX_DEFER_MS

SPAN: Final = ("after", "upto")
LATE_MS: Final = 2 * MAX_DEFER_MS
"""How long after its instant an entry may come: it waits for its turn, then for the disk."""


def shard_queries(times: ShardTimes, query: Mapping[str, str], now: int) -> tuple[int, list[dict[str, str]]]:
    """Return the number up to which all is told, and the query for each shard.

    What was booked within ``LATE_MS`` before a number is told again: hours are written over, not added.
    """
    after, upto = (_number(query.get(name, "")) for name in SPAN)
    until = number_at(now) if upto is None or upto < OLDEST else upto
    # What is no number the shards refuse, in their own words.
    others = {name: value for name, value in query.items() if name not in SPAN or not value.isdecimal()}
    ends = times.entries_before(instant_at(until))
    begins: Sequence[int | None] = [after] * len(ends)
    if after is not None and after >= OLDEST:
        begins = times.entries_before(instant_at(after) - LATE_MS)
    return until, [
        ({} if begin is None else {"after": str(begin)}) | {"upto": str(end)} | others
        for begin, end in zip(begins, ends, strict=True)
    ]


def merge_history(answers: Sequence[Answer], number: int) -> dict[str, object]:
    """Return one page: the accounts that every shard has told up to, in the order of their ids."""
    nexts = [following for answer in answers if isinstance(following := answer.get("next_account"), str)]
    following = min(nexts, default=None)
    accounts = [
        account
        for answer in answers
        if isinstance(accounts_of_shard := answer.get("accounts"), list)
        for account in accounts_of_shard
        if following is None or account["account_id"] < following
    ]
    accounts.sort(key=lambda account: str(account["account_id"]))
    return {"seq": number, "accounts": accounts, "next_account": following}


def _number(text: str) -> int | None:
    """Return a number of a query, None where there is none."""
    return int(text) if text.isdecimal() else None
