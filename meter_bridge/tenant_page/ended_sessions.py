"""Sessions that ended before their cookie expired: a copy of the cookie of who signed out opens nothing."""

from typing import Final

import msgspec
from sqlalchemy import select

from meter_bridge.actor import Actor
from meter_bridge.engine.state.session import Session
from meter_bridge.protocol.messages import Role
from meter_bridge.storage import changeset as ops, tables

PREFIX: Final = "signed out "
MAX_PER_ACCESS: Final = 50
"""Sessions of one access that are remembered one by one; beyond that the older ones end together."""


class Ended(msgspec.Struct, frozen=True):
    """What ended of an access: sessions that expire at some instants, and all that expire up to one."""

    at: tuple[int, ...] = ()
    upto: int = 0

    def has(self, expires: int) -> bool:
        """Return whether the session that expires at an instant has ended."""
        return expires <= self.upto or expires in self.at

    def plus(self, expires: int) -> Ended:
        """Return it with one session more."""
        at = (*self.at, expires)
        if len(at) <= MAX_PER_ACCESS:
            return Ended(at, self.upto)
        oldest = min(at)
        return Ended(tuple(each for each in at if each > oldest), max(self.upto, oldest))


class EndedSessions:
    """The sessions that were signed out, kept until their cookies would have expired."""

    def __init__(self, session: Session) -> None:
        self._session = session
        table = tables.wrong_secret
        kept = select(table.c.id, table.c.document).where(table.c.id.startswith(PREFIX))
        with session.reader.connect() as connection:
            rows = connection.execute(kept).tuples().all()
        self._of_access = {
            row_id.removeprefix(PREFIX): msgspec.json.decode(document, type=Ended)
            for row_id, document in rows
        }

    def has_ended(self, cookie: str) -> bool:
        """Return whether the session of a right cookie was signed out."""
        access_id, expires, _ = cookie.split(".")
        ended = self._of_access.get(access_id)
        return ended is not None and ended.has(int(expires))

    async def end(self, access_id: str, expires: int) -> None:
        """End a session once that is on disk; raises ``RequestRefused`` while it cannot be."""
        before = self._of_access.get(access_id, Ended())
        if before.has(expires):
            return
        ended = before.plus(expires)
        tx = self._session.begin(Actor(name="tenant's page", role=Role.TENANT))
        row = {
            "id": f"{PREFIX}{access_id}",
            "document": msgspec.json.encode(ended).decode(),
            "expires_at": max(*ended.at, ended.upto),
        }
        tx.changeset.add(ops.UPSERT_WRONG_SECRET, row)
        tx.after_commit(lambda: self._of_access.update({access_id: ended}))
        await self._session.commit(tx)
