"""Shards: disjoint sets of an installation's sites, each with its own number range, owned independently.

A site and everything in it belongs to one shard. Journal entries, events and decisions of shard ``n`` are
numbered from ``n`` times ``RANGE``, so numbers of an account rise and owners need no coordination.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, true, update

from meter_bridge.storage import tables

RANGE: Final = 1 << 40
"""Size of a shard's number range: a thousand a second for 34 years."""
MOST: Final = 64
INSTALLATION: Final = "installation"
"""The lease of shard 0, which is the whole installation if there is no other shard."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` shards."""

    n: int = 0
    count: int = 1

    @property
    def whole(self) -> bool:
        """Return whether there is no other shard."""
        return self.count == 1

    @property
    def first(self) -> int:
        """Return the number before the first of its range."""
        return self.n * RANGE

    @property
    def lease(self) -> str:
        """Return the name of its lease."""
        return INSTALLATION if self.n == 0 else f"shard-{self.n}"

    @property
    def mark(self) -> str:
        """Return the prefix that distinguishes its alerts; empty for the first shard."""
        return "" if self.n == 0 else self.lease

    def numbers(self, column: ColumnElement[int]) -> ColumnElement[bool]:
        """Return the condition that a number is in its range; always true if there is no other shard."""
        if self.whole:
            return true()
        return (column > self.first) & (column <= self.first + RANGE)

    def has_site(self, site_id: ColumnElement[str]) -> ColumnElement[bool]:
        """Return the condition that a site is its own; always true if there is no other shard."""
        return true() if self.whole else site_id.in_(self._sites())

    def has_account(self, account_id: ColumnElement[str]) -> ColumnElement[bool]:
        """Return the condition that an account, open or closed, is its own."""
        if self.whole:
            return true()
        return account_id.in_(select(tables.account.c.id).where(tables.account.c.site_id.in_(self._sites())))

    def _sites(self) -> Select[tuple[str]]:
        site, placed = tables.site, tables.site_shard
        joined = site.outerjoin(placed, placed.c.site_id == site.c.id)
        return select(site.c.id).select_from(joined).where(func.coalesce(placed.c.shard, 0) == self.n)


WHOLE: Final = Shard()


def shard_of_account(condition: ColumnElement[bool]) -> Select[tuple[int]]:
    """Return the query for the shard of an account that meets a condition."""
    account, placed = tables.account, tables.site_shard
    joined = account.outerjoin(placed, placed.c.site_id == account.c.site_id)
    return select(func.coalesce(placed.c.shard, 0)).select_from(joined).where(condition)


def count_of(connection: Connection) -> int:
    """Return the number of shards, 1 if the installation was never divided."""
    return connection.execute(select(func.count()).select_from(tables.shard)).scalar() or 1


def shard_of(number: int) -> int:
    """Return the shard whose range contains a number."""
    return (number - 1) // RANGE if number > 0 else 0


def placed(connection: Connection, sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the shard of each site: its present one, or for a new site the one with the fewest accounts.

    ``sizes`` is the number of accounts of each site.
    """
    table = tables.site_shard
    known = dict(connection.execute(select(table.c.site_id, table.c.shard)).tuples().all())
    present = set(connection.execute(select(tables.site.c.id)).scalars())
    load = dict.fromkeys(range(count_of(connection)), 0)
    shard_by_site: dict[str, int] = {}
    for site_id in sizes.keys() & present:
        shard_by_site[site_id] = known.get(site_id, 0)
        load[shard_by_site[site_id]] += sizes[site_id]
    for site_id in sorted(sizes.keys() - present, key=lambda site_id: (-sizes[site_id], site_id)):
        shard_by_site[site_id] = min(load, key=lambda n: (load[n], n))
        load[shard_by_site[site_id]] += sizes[site_id]
    return shard_by_site


def divide(connection: Connection, count: int) -> None:
    """Divide the sites among more shards than before; raises ``ValueError`` if that is not possible.

    A site only moves to a later shard, so that the numbers of its accounts keep rising.
    """
    before = count_of(connection)
    if count == 1:
        _join(connection)
        return
    if not before <= count <= MOST:
        raise ValueError(f"{count} is neither 1 nor between {before}, the present number, and {MOST}")
    newest = connection.execute(select(func.max(tables.event.c.seq))).scalar() or 0
    if before == 1 and newest > RANGE:
        raise ValueError("these sites were divided and joined once already, and cannot be divided again")
    _add_shards(connection, before if before > 1 else 0, count)
    load = dict.fromkeys(range(count), 0)
    for site_id, shard, size in _sites(connection):
        target = min(range(shard, count), key=lambda n: (load[n], n))
        load[target] += size
        if target != shard:
            placed_at = tables.site_shard
            connection.execute(delete(placed_at).where(placed_at.c.site_id == site_id))
            connection.execute(insert(placed_at), [{"site_id": site_id, "shard": target}])


def _join(connection: Connection) -> None:
    """Return to one shard; numbers continue after the highest of any shard."""
    last_instant = connection.execute(select(func.max(tables.shard.c.last_instant))).scalar()
    if last_instant is not None:
        connection.execute(update(tables.installation).values(last_instant=last_instant))
        connection.execute(delete(tables.site_shard))
        connection.execute(delete(tables.shard))


def _add_shards(connection: Connection, first: int, count: int) -> None:
    if count > first and count > 1:
        last_instant = connection.execute(select(func.max(tables.installation.c.last_instant))).scalar() or 0
        applied = connection.execute(select(func.max(tables.applied_site.c.seq))).scalar() or 0
        rows = [{"n": n, "last_instant": last_instant, "applied": applied} for n in range(first, count)]
        connection.execute(insert(tables.shard), rows)


def _sites(connection: Connection) -> list[tuple[str, int, int]]:
    """Return each site with its shard and number of accounts, largest first."""
    site, placed_at, account = tables.site, tables.site_shard, tables.account
    joined = site.outerjoin(placed_at, placed_at.c.site_id == site.c.id).outerjoin(
        account, (account.c.site_id == site.c.id) & account.c.closed_at.is_(None)
    )
    size = func.count(account.c.id)
    query = select(site.c.id, func.coalesce(placed_at.c.shard, 0), size).select_from(joined)
    grouped = query.group_by(site.c.id, placed_at.c.shard).order_by(size.desc(), site.c.id)
    return list(connection.execute(grouped).tuples())


def shares(connection: Connection) -> list[tuple[int, int, int]]:
    """Return each shard with its numbers of sites and accounts."""
    sizes = dict.fromkeys(range(count_of(connection)), (0, 0))
    for _, shard, size in _sites(connection):
        sites, accounts = sizes[shard]
        sizes[shard] = (sites + 1, accounts + size)
    return [(n, *numbers) for n, numbers in sizes.items()]
