"""The table of leases as the only meeting place of workers: who lives, where, and who owns which shard."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Engine, text

from meter_bridge.storage.lease import Grant
from meter_bridge.storage.shards import Shard

PREFIX: Final = "worker-"
_READ_LEASES: Final = text("""
    SELECT name, holder, address, word,
    expires_at > (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS valid FROM lease""")
_REGISTER: Final = text(
    "UPDATE lease SET address = :address, word = :word WHERE name = :name AND token = :token"
)
_PURGE: Final = text("""
    DELETE FROM lease WHERE name LIKE 'worker-%'
    AND expires_at < (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 3600000""")


@dataclass(frozen=True, slots=True)
class Member:
    """A worker that lives: where it is reached, and the word that shows it that a worker asks."""

    name: str
    address: str
    shared_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClusterView:
    """The table as of one instant."""

    members: Mapping[str, Member]
    owners: Mapping[int, str | None]
    """The name of the worker that owns each shard, None of a free one."""

    def owner(self, shard: int) -> Member | None:
        """Return the worker that owns a shard, None while nobody does."""
        return self.members.get(self.owners.get(shard) or "")


def read_cluster(reader: Engine, count: int) -> ClusterView:
    """Return who lives and who owns what."""
    with reader.connect() as connection:
        rows = connection.execute(_READ_LEASES).all()
    valid = {row.name: row for row in rows if row.valid}
    members = {
        name: Member(name, row.address, row.word or "")
        for name, row in valid.items()
        if name.startswith(PREFIX) and row.address
    }
    names = {n: Shard(n, count).lease for n in range(count)}
    owners = {n: valid[name].holder if name in valid else None for n, name in names.items()}
    return ClusterView(members, owners)


def register_worker(writer: Engine, grant: Grant, address: str, shared_secret: str) -> None:
    """Tell where the holder of a worker's own lease is reached; forget workers that are long gone."""
    with writer.begin() as connection:
        connection.execute(_REGISTER, {**grant.row, "address": address, "word": shared_secret})
        connection.execute(_PURGE)
