"""Numbers of journal entries: in one range, or where bridges share the sites in one for each shard.

Entries of shard ``n`` are numbered from ``n`` times ``RANGE`` on, so that numbers rise with time within a
range, and not over all of them.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from meter_bridge.storage.shards import RANGE

LAST: Final = 1 << 62
type Range = tuple[int, int]
"""Numbers after the first one, up to the second."""


def shard_ranges(shards: Sequence[int]) -> list[Range]:
    """Return the ranges of shards, in their order; where there are none, the one of everything."""
    return [(n * RANGE, (n + 1) * RANGE) for n in shards] or [(0, LAST)]


def in_ranges(column: str, ranges: Iterable[Range]) -> str:
    """Return the condition, in SQL, that a number is in any of some ranges."""
    return f"({' OR '.join(f'{column} > {after} AND {column} <= {upto}' for after, upto in ranges)})"
