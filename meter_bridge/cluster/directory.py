"""Which shard an account or a meter belongs to, and what numbers of all shards mean in time."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import ColumnElement, Engine, Select, Table, select

from meter_bridge.storage import tables
from meter_bridge.storage.shards import Shard, shard_of_account

_MAX_CACHED: Final = 500_000


class ShardDirectory:
    """Finds the shard of accounts and meters; a site never changes its shard while workers run."""

    def __init__(self, reader: Engine) -> None:
        """Keep how to ask; nothing is known yet."""
        self._reader = reader
        self._cache: dict[tuple[str, str], int] = {}

    def shard_of_account(self, account_id: str) -> int | None:
        """Return the shard of an account, None where there is no such account."""
        return self._look_up(
            "account", account_id, lambda: shard_of_account(tables.account.c.id == account_id)
        )

    def shard_of_meter(self, meter_id: str) -> int | None:
        """Return the shard of a meter, None where there is no such meter."""
        return self._look_up("meter", meter_id, lambda: _shard_of_meter_query(meter_id))

    def shard_of_session(self, cookie: str) -> int | None:
        """Return the shard of the customer whose session a cookie of the tenant's page names."""
        access_id = cookie.partition(".")[0]
        return self._look_up(
            "access", access_id, lambda: _shard_of_access_query(tables.tenant_access.c.id == access_id)
        )

    def shard_of_secret(self, digest: bytes) -> int | None:
        """Return the shard of the customer who comes in with a code or a link."""
        access = tables.tenant_access
        known = _shard_of_access_query((access.c.code_hash == digest) | (access.c.link_hash == digest))
        with self._reader.connect() as connection:
            return connection.execute(known.limit(1)).scalar()

    def _look_up(self, kind: str, object_id: str, query: Callable[[], Select[tuple[int]]]) -> int | None:
        """Return what is known, or ask."""
        key = (kind, object_id)
        if key not in self._cache:
            with self._reader.connect() as connection:
                found = connection.execute(query()).scalar()
            if found is None:
                return None
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            self._cache[key] = found
        return self._cache[key]


def _shard_of_meter_query(meter_id: str) -> Select[tuple[int]]:
    """Return the query of the shard of a meter's account."""
    meter, supply = tables.meter, tables.supply
    joined = meter.join(supply, supply.c.id == meter.c.supply_id)
    owner = select(supply.c.account_id).select_from(joined).where(meter.c.id == meter_id).scalar_subquery()
    return shard_of_account(tables.account.c.id == owner)


def _shard_of_access_query(condition: ColumnElement[bool]) -> Select[tuple[int]]:
    """Return the query of the shard of the account that an access opens."""
    access = tables.tenant_access
    return shard_of_account(tables.account.c.id.in_(select(access.c.account_id).where(condition)))


class ShardTimes:
    """What numbers mean to a client of all shards: an instant, because each shard counts for itself."""

    def __init__(self, reader: Engine, count: int) -> None:
        """Keep how to ask, and how many shards there are."""
        self._reader = reader
        self._shards = [Shard(n, count) for n in range(count)]

    def events_before(self, instant: int) -> list[int]:
        """Return for each shard the newest event up to an instant."""
        return self._newest_before(tables.event, instant)

    def entries_before(self, instant: int) -> list[int]:
        """Return for each shard the newest journal entry up to an instant."""
        return self._newest_before(tables.journal_entry, instant)

    def _newest_before(self, table: Table, instant: int) -> list[int]:
        """Return for each shard the newest number up to an instant, or the one before its first."""
        found = []
        with self._reader.connect() as connection:
            for shard in self._shards:
                query = select(table.c.seq).where(shard.numbers(table.c.seq), table.c.at <= instant)
                newest = connection.execute(query.order_by(table.c.seq.desc()).limit(1)).scalar()
                found.append(shard.first if newest is None else int(newest))
        return found

    def event_at(self, seq: int) -> int | None:
        """Return when an event happened, None where there is no such event."""
        table = tables.event
        with self._reader.connect() as connection:
            return connection.execute(select(table.c.at).where(table.c.seq == seq)).scalar()
