"""Who takes which shards: pure, so that workers that see the same table agree without a word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rebalancing:
    """What a worker is to do now: shards to take, and one to give away."""

    acquire: tuple[int, ...] = ()
    release: int | None = None


def quota(worker: str, workers: Sequence[str], count: int) -> int:
    """Return how many of ``count`` shards a worker may own; those of all workers sum to ``count``."""
    ranks = sorted(workers)
    if worker not in ranks:
        return 0
    share, rest = divmod(count, len(ranks))
    return share + (1 if ranks.index(worker) < rest else 0)


def next_rebalancing(worker: str, workers: Sequence[str], owners: Mapping[int, str | None]) -> Rebalancing:
    """Return what brings a worker to its share; ``owners`` names who holds each shard, None a free one.

    The last shards are given away first, so that the first one, which keeps the installation's own affairs,
    moves least.
    """
    own = [shard for shard, owner in owners.items() if owner == worker]
    free = [shard for shard, owner in owners.items() if owner is None]
    may = quota(worker, workers, len(owners))
    if len(own) > may:
        return Rebalancing(release=max(own))
    return Rebalancing(acquire=tuple(sorted(free)[: may - len(own)]))
