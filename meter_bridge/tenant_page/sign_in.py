"""Signing in to the tenant's page, with the code that goes with a room number or a link in place of both.

A code is short enough to be typed and is guarded by lock-out; a link is long enough not to be guessed. Both
belong to one tenancy: when the customer moves out they are worth nothing. Only keyed hashes are kept.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
import re
import secrets
from typing import Final
import unicodedata

from sqlalchemy import Connection, select

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.vouchers.batches import ALPHABET
from meter_bridge.protocol.messages import ErrorCode, EventKind, Role
from meter_bridge.protocol.payments import AccessView, SignedIn
from meter_bridge.storage import changeset as ops, tables
from meter_bridge.tenant_page.cookies import (
    access_id_of_cookie,
    access_id_of_device,
    make_cookie,
    make_device_cookie,
    session_of_cookie,
)
from meter_bridge.tenant_page.ended_sessions import EndedSessions
from meter_bridge.tenant_page.sign_in_limits import SignInLimits

CODE_LENGTH: Final = 8
"""31^8 codes: with the lock-out a guess per code takes longer than a tenancy."""
LINK_BYTES: Final = 20
_NOT_SAID: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Access:
    """A customer's access to one account."""

    id: str
    account_id: str
    tenancy: int
    code_hash: bytes
    link_hash: bytes
    actor: str
    created_at: int
    revoked_at: int | None = None

    def row(self) -> dict[str, object]:
        """Return the row of the table ``tenant_access``."""
        return {name: getattr(self, name) for name in self.__slots__}

    def is_valid_for(self, account: Account | None) -> bool:
        """Return whether it opens an account now."""
        return (
            account is not None
            and self.revoked_at is None
            and account.tenancy.n == self.tenancy
            and account.tenancy.end is None
        )


def new_access(key: SecretKey, account: Account, actor: str, at: int) -> tuple[Access, str, str]:
    """Return a new access to an account with its code and its link's secret, which are shown this once."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    link = secrets.token_hex(LINK_BYTES)
    access = Access(
        id=secrets.token_hex(6),
        account_id=account.id,
        tenancy=account.tenancy.n,
        code_hash=code_digest(key, code),
        link_hash=link_digest(key, link),
        actor=actor,
        created_at=at,
    )
    return access, f"{code[:4]}-{code[4:]}", link


def code_digest(key: SecretKey, code: str) -> bytes:
    """Return the hash of a code as somebody typed it: case, dashes and spaces do not matter."""
    return key.digest("page code", normalized(code).upper())


def link_digest(key: SecretKey, link: str) -> bytes:
    """Return the hash of a link's secret."""
    return key.digest("page link", link.strip())


def normalized(text: str) -> str:
    """Return what somebody typed without case, spaces and punctuation, in one form of each letter."""
    return _NOT_SAID.sub("", unicodedata.normalize("NFKC", text)).casefold()


def account_names(account: Account) -> frozenset[str]:
    """Return what a customer may type to name an account: its number or name, or a meter's."""
    names = {account.id, account.name}
    for meter in account.meters:
        address = meter.plan.energy_address.partition(":")[2]
        names |= {meter.id, meter.plan.name, address, address.partition("/")[0]}
    return frozenset(normalized(name) for name in names if name)


def load_accesses(connection: Connection) -> list[Access]:
    """Return the accesses that were not revoked, oldest first."""
    table = tables.tenant_access
    query = select(table).where(table.c.revoked_at.is_(None)).order_by(table.c.created_at)
    return [Access(**row) for row in connection.execute(query).mappings()]


type FindAccount = Callable[[Actor, str], Account]
_MAX_LENGTH: Final = 100
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
MAX_EVENTS_PER_HOUR: Final = 6
"""Locks of strangers that are put on record; the next one tells how many were not."""


class CustomerSignIn:
    """Lets customers in to the one account that is theirs."""

    def __init__(self, session: Session, key: SecretKey, page: str | None, account: FindAccount) -> None:
        self._session = session
        self._key = key
        self._page = page
        self._find_account = account
        self._limits = SignInLimits(session, key)
        self._ended = EndedSessions(session)
        self._lock_events: deque[int] = deque(maxlen=MAX_EVENTS_PER_HOUR)
        self._unrecorded = 0
        self._rooms: dict[str, str] = {}
        """Account that each number names, as it was when the numbers were last listed."""
        self._rooms_listed_at = -_HOUR_MS
        self._by_id: dict[str, Access] = {}
        self._by_code: dict[bytes, Access] = {}
        self._by_link: dict[bytes, Access] = {}
        with session.reader.connect() as connection:
            for access in load_accesses(connection):
                self._index(access)

    async def create_access(self, actor: Actor, account_id: str) -> AccessView:
        """Make a new access to an account, in place of the one there was; its secrets are shown this once."""
        account = self._find_account(actor, account_id)
        if account.tenancy.end is not None:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"nobody lives in {account.name}",
                field="id",
                value=account.id,
                remedy="move the next customer in first",
            )
        tx = self._session.begin(actor)
        access, code, link = new_access(self._key, account, tx.actor, tx.at)
        self._revoke_all(tx, account.id)
        tx.changeset.add(ops.INSERT_TENANT_ACCESS, access.row())
        tx.after_commit(lambda: self._index(access))
        self._record_event(tx, account.id, "made")
        await self._session.commit(tx)
        return AccessView(
            account_id=account.id,
            number=account.name,
            code=code,
            link=None if self._page is None else f"{self._page}/my/#in={link}",
            secret=link,
            created_at=iso(tx.at),
        )

    async def revoke_access(self, actor: Actor, account_id: str) -> None:
        """End every access to an account, and every session that began with it."""
        account = self._find_account(actor, account_id)
        tx = self._session.begin(actor)
        if self._revoke_all(tx, account.id):
            self._record_event(tx, account.id, "revoked")
            await self._session.commit(tx)

    def _revoke_all(self, tx: Transaction, account_id: str) -> bool:
        """Revoke the accesses to an account as part of a transaction; return whether there were any."""
        accesses = [access for access in self._by_id.values() if access.account_id == account_id]
        for access in accesses:
            tx.changeset.add(ops.REVOKE_TENANT_ACCESS, {"row_id": access.id, "new_revoked_at": tx.at})
            tx.after_commit(partial(self._remove_from_index, access))
        return bool(accesses)

    def _index(self, access: Access) -> None:
        self._by_id[access.id] = access
        self._by_code[access.code_hash] = access
        self._by_link[access.link_hash] = access

    def _remove_from_index(self, access: Access) -> None:
        self._by_id.pop(access.id, None)
        self._by_code.pop(access.code_hash, None)
        self._by_link.pop(access.link_hash, None)
        self._session.feed.end_for_token(_token_id(access))

    def _record_event(self, tx: Transaction, account_id: str, change: str) -> None:
        data = {"what": change, "by": tx.actor}
        record_event(
            self._session.installation, tx, EventKind.ACCESS_CHANGED, account_id=account_id, data=data
        )

    async def sign_in(
        self, number: str, code: str, peer: str | None, device: str = ""
    ) -> tuple[SignedIn, str]:
        """Let a customer in by number and code; return who they are and the cookie.

        Whatever is wrong, and whether or not there is such a number, the answer is the same. ``device`` is
        the cookie that ``device_cookie`` made when somebody signed in there before.
        """
        at, typed = self._session.clock.now(), normalized(number[:_MAX_LENGTH])
        room = self._room_of(typed, at)
        # Another shard's rooms are not listed here: there every number may be one.
        is_room = room is not None or self._session.shard.count > 1
        keys = self._limits.counted_keys(typed, peer, self._known_device(device, typed), is_room=is_room)
        await self._limits.check(keys, at)
        digest = code_digest(self._key, code[:_MAX_LENGTH])
        access = self._by_code.get(digest)
        account = self._account_of(access)
        if access is None or account is None or typed not in account_names(account):
            if await self._limits.count_wrong_code(keys, typed, digest.hex()[:8], at):
                await self._record_lockout(typed, room, at)
            raise RequestRefused(
                ErrorCode.NOT_AUTHENTICATED,
                "this number and code do not go together",
                field="code",
                remedy="compare both with your card, or ask the landlord for a new one",
            )
        await self._limits.clear(keys)
        return self._start_session(access, account)

    def _room_of(self, typed: str, at: int) -> str | None:
        """Return the account that a number names; a new one is known after a minute."""
        if typed not in self._rooms and at - self._rooms_listed_at >= _MINUTE_MS:
            accounts = self._session.installation.accounts.values()
            self._rooms = {name: account.id for account in accounts for name in account_names(account)}
            self._rooms_listed_at = at
        return self._rooms.get(typed)

    def _known_device(self, cookie: str, typed: str) -> str | None:
        """Return the access that was used on a device for this number, unless it was revoked since."""
        access_id = access_id_of_device(self._key, cookie, typed)
        known = access_id in self._by_id or self._session.shard.count > 1
        return access_id if known else None

    def device_cookie(self, session_cookie: str, number: str) -> str:
        """Return the cookie that lets a device be known again where a session has just begun on it."""
        access_id = access_id_of_cookie(self._key, session_cookie, self._session.clock.now()) or ""
        account = self._account_of(self._by_id.get(access_id))
        name = number[:_MAX_LENGTH] or ("" if account is None else account.name)
        return make_device_cookie(self._key, access_id, normalized(name))

    async def sign_out(self, cookie: str) -> None:
        """End a session here, so that its cookie opens nothing any more, wherever a copy of it is."""
        session = session_of_cookie(self._key, cookie)
        if session is not None and session[0] in self._by_id:
            await self._ended.end(*session)

    async def sign_in_by_link(self, secret: str) -> tuple[SignedIn, str]:
        """Let a customer in by the link; its secret has 160 bits and is not guessed."""
        access = self._by_link.get(link_digest(self._key, secret[:_MAX_LENGTH]))
        account = self._account_of(access)
        if access is None or account is None:
            raise RequestRefused(
                ErrorCode.NOT_AUTHENTICATED,
                "this link is not good any more",
                field="link",
                remedy="ask the landlord for a new one",
            )
        return self._start_session(access, account)

    def _account_of(self, access: Access | None) -> Account | None:
        if access is None:
            return None
        account = self._session.installation.accounts.get(access.account_id)
        return account if access.is_valid_for(account) else None

    def _start_session(self, access: Access, account: Account) -> tuple[SignedIn, str]:
        cookie = make_cookie(self._key, access.id, self._session.clock.now())
        return SignedIn(account_id=account.id), cookie

    async def _record_lockout(self, number: str, account_id: str | None, at: int) -> None:
        """Put a lock on record, but for those of a flood: strangers must not fill what is kept."""
        full = len(self._lock_events) == MAX_EVENTS_PER_HOUR
        if not self._session.can_change or (full and at - self._lock_events[0] < _HOUR_MS):
            self._unrecorded += 1
            return
        tx = Transaction(at, actor="tenant's page")
        data: dict[str, object] = {"number": number[:40]}
        if self._unrecorded:
            data["unrecorded"] = self._unrecorded
        self._lock_events.append(at)
        self._unrecorded = 0
        record_event(
            self._session.installation, tx, EventKind.ACCESS_LOCKED, account_id=account_id, data=data
        )
        await self._session.commit(tx)

    def actor_of(self, cookie: str) -> Actor | None:
        """Return the customer of a session, or None where it is none any more."""
        access_id = access_id_of_cookie(self._key, cookie, self._session.clock.now())
        access = self._by_id.get(access_id or "")
        account = self._account_of(access)
        if access is None or account is None or self._ended.has_ended(cookie):
            return None
        return Actor(
            name=f"customer of {account.id}",
            role=Role.TENANT,
            accounts=frozenset({account.id}),
            token_id=_token_id(access),
        )


def _token_id(access: Access) -> str:
    return f"page-{access.id}"
