"""Signing in to the tenant's page, with the code that goes with a room number or a link in place of both.

A code is short enough to be typed and is guarded by lock-out; a link is long enough not to be guessed. Both
belong to one tenancy: when the customer moves out they are worth nothing. Only keyed hashes are kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
import hmac
import re
import secrets
from typing import Final
import unicodedata

from sqlalchemy import Connection, select

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.engine.access.lockout_rules import (
    WRONG_WEIGHT,
    FailedAttempts,
    Lockout,
    LockoutLimits,
    Verdict,
)
from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.engine.access.throttle import peer_key
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.vouchers.batches import ALPHABET
from meter_bridge.protocol.messages import ErrorCode, EventKind, Role
from meter_bridge.protocol.payments import AccessView, SignedIn
from meter_bridge.storage import changeset as ops, tables

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


DAYS: Final = 180
_DAY_MS: Final = 86_400_000
_COOKIE: Final = re.compile(r"(?P<access>[0-9a-f]{12})\.(?P<expires>[0-9]{10,14})\.(?P<mac>[0-9a-f]{64})")


def make_cookie(key: SecretKey, access_id: str, at: int) -> str:
    """Return the cookie of a session that begins now."""
    body = f"{access_id}.{at + DAYS * _DAY_MS}"
    return f"{body}.{_mac(key, body)}"


def access_id_of_cookie(key: SecretKey, cookie: str, at: int) -> str | None:
    """Return the id of the access that a cookie names; None where it is not ours or has expired."""
    parts = _COOKIE.fullmatch(cookie)
    if parts is None:
        return None
    right = hmac.compare_digest(parts["mac"], _mac(key, f"{parts['access']}.{parts['expires']}"))
    return parts["access"] if right and at < int(parts["expires"]) else None


def _mac(key: SecretKey, body: str) -> str:
    return key.digest("page session", body).hex()


NUMBER_AND_PEER: Final = "code"
NUMBER: Final = "number"
PEER: Final = "place"
_NO_LIMIT: Final = 10**9
MAX_PER_NUMBER_AND_PEER: Final = 5
"""Wrong codes for a number from one sender within ten minutes that lock it for an hour."""
MAX_PER_NUMBER: Final = 30
"""The same from all senders."""
MAX_PER_PEER: Final = 20
"""The same from one sender for all numbers."""


class SignInLimits:
    """Counts wrong codes by number, by address of the sender, and by both.

    A number is counted as it was typed, whether or not there is such a room, so that the count reveals
    nothing. Behind a proxy on this machine senders have no address: then only numbers count. Counts survive
    a restart.
    """

    def __init__(self, session: Session, key: SecretKey) -> None:
        self._lockouts = {
            NUMBER_AND_PEER: Lockout(LockoutLimits(per_person=MAX_PER_NUMBER_AND_PEER * WRONG_WEIGHT)),
            NUMBER: Lockout(
                LockoutLimits(per_person=MAX_PER_NUMBER * WRONG_WEIGHT, strict_from_total=_NO_LIMIT)
            ),
            PEER: Lockout(LockoutLimits(per_person=MAX_PER_PEER * WRONG_WEIGHT, strict_from_total=_NO_LIMIT)),
        }
        self._failed_attempts = FailedAttempts(session, key, self._lockouts)

    def _counted_keys(self, number: str, peer: str | None) -> list[tuple[str, str]]:
        sender = None if peer is None else peer_key(peer)
        keys = [(NUMBER_AND_PEER, f"{number} {sender}"), (NUMBER, number)]
        if sender is not None:
            keys.append((PEER, sender))
        return [(name, self._failed_attempts.hash_of(who)) for name, who in keys]

    async def check(self, number: str, peer: str | None, at: int) -> None:
        """Raise ``RequestRefused`` while the number or its sender is locked, by whatever shard."""
        keys = self._counted_keys(number, peer)
        await self._failed_attempts.refresh(keys)
        until = max(self._lockouts[name].locked_until(who, at) or 0 for name, who in keys)
        if until:
            minutes = max((until - at + 59_999) // 60_000, 1)
            raise RequestRefused(
                ErrorCode.TOO_MANY_REQUESTS,
                "too many wrong codes; none is looked at for a while",
                field="code",
                remedy=f"try again in {minutes} minute{'s' if minutes > 1 else ''}, or open your link",
            )

    async def count_wrong_code(self, number: str, peer: str | None, mark: str, at: int) -> bool:
        """Count and store a wrong code; return whether it was one too many."""
        # One code tried at many rooms is a guess at each.
        mark = self._failed_attempts.hash_of(f"{number} {mark}")[:12]
        keys = self._counted_keys(number, peer)
        verdicts = [self._lockouts[name].record_wrong(who, mark, WRONG_WEIGHT, at) for name, who in keys]
        if set(verdicts) != {Verdict.KNOWN}:
            await self._failed_attempts.save(keys)
        return Verdict.LOCKED in verdicts

    async def clear(self, number: str, peer: str | None) -> None:
        """Forget the wrong codes of a sender who has now shown the right one."""
        name, who = self._counted_keys(number, peer)[0]
        if self._lockouts[name].clear(who):
            await self._failed_attempts.save([(name, who)])


type FindAccount = Callable[[Actor, str], Account]
_MAX_LENGTH: Final = 100


class CustomerSignIn:
    """Lets customers in to the one account that is theirs."""

    def __init__(self, session: Session, key: SecretKey, page: str | None, account: FindAccount) -> None:
        self._session = session
        self._key = key
        self._page = page
        self._find_account = account
        self._limits = SignInLimits(session, key)
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

    async def sign_in(self, number: str, code: str, peer: str | None) -> tuple[SignedIn, str]:
        """Let a customer in by number and code; return who they are and the cookie.

        Whatever is wrong, and whether or not there is such a number, the answer is the same.
        """
        at, typed = self._session.clock.now(), normalized(number[:_MAX_LENGTH])
        await self._limits.check(typed, peer, at)
        digest = code_digest(self._key, code[:_MAX_LENGTH])
        access = self._by_code.get(digest)
        account = self._account_of(access)
        if access is None or account is None or typed not in account_names(account):
            if await self._limits.count_wrong_code(typed, peer, digest.hex()[:8], at):
                await self._record_lockout(typed)
            raise RequestRefused(
                ErrorCode.NOT_AUTHENTICATED,
                "this number and code do not go together",
                field="code",
                remedy="compare both with your card, or ask the landlord for a new one",
            )
        await self._limits.clear(typed, peer)
        return self._start_session(access, account)

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

    async def _record_lockout(self, number: str) -> None:
        if self._session.can_change:
            tx = Transaction(self._session.clock.now(), actor="tenant's page")
            data: dict[str, object] = {"number": number[:40]}
            record_event(self._session.installation, tx, EventKind.ACCESS_LOCKED, data=data)
            await self._session.commit(tx)

    def actor_of(self, cookie: str) -> Actor | None:
        """Return the customer of a session, or None where it is none any more."""
        access_id = access_id_of_cookie(self._key, cookie, self._session.clock.now())
        access = self._by_id.get(access_id or "")
        account = self._account_of(access)
        if access is None or account is None:
            return None
        return Actor(
            name=f"customer of {account.id}",
            role=Role.TENANT,
            accounts=frozenset({account.id}),
            token_id=_token_id(access),
        )


def _token_id(access: Access) -> str:
    return f"page-{access.id}"
