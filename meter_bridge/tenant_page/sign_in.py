"""The door of the tenant's page: accesses are made and revoked, customers come in and are known again."""

from collections.abc import Callable
from functools import partial
from typing import Final

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
from meter_bridge.protocol.messages import ErrorCode, EventKind, Role
from meter_bridge.protocol.payments import AccessView, SignedIn
from meter_bridge.storage import changeset as ops
from meter_bridge.tenant_page.access import (
    Access,
    access_id_of_cookie,
    account_names,
    code_digest,
    link_digest,
    load_accesses,
    make_cookie,
    new_access,
    normalized,
)

NUMBER_AND_PEER: Final = "code"
NUMBER: Final = "number"
PEER: Final = "place"
_NO_LIMIT: Final = 10**9
MAX_PER_NUMBER_AND_PEER: Final = 5
"""Wrong codes for a number from one place within ten minutes, before it is not heard for an hour."""
MAX_PER_NUMBER: Final = 30
"""The same from wherever."""
MAX_PER_PEER: Final = 20
"""The same for whatever numbers."""


class SignInLimits:
    """Counts wrong codes by number, by place, and by both.

    A number is counted as it was typed, whether or not there is such a room, so that the count tells nothing.
    A proxy on this machine hides places: then only numbers count. A restart forgets nothing.
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
        place = None if peer is None else peer_key(peer)
        found = [(NUMBER_AND_PEER, f"{number} {place}"), (NUMBER, number)]
        named = found if place is None else [*found, (PEER, place)]
        return [(name, self._failed_attempts.hash_of(who)) for name, who in named]

    async def refresh(self, number: str, peer: str | None) -> None:
        """Take up what was tried where somebody whose code is of another shard comes in."""
        await self._failed_attempts.refresh(self._counted_keys(number, peer))

    def check(self, number: str, peer: str | None, at: int) -> None:
        """Raise ``RequestRefused`` while somebody is not heard."""
        known = [self._lockouts[name].locked_until(who, at) for name, who in self._counted_keys(number, peer)]
        until = max((each for each in known if each is not None), default=0)
        if until:
            minutes = max((until - at + 59_999) // 60_000, 1)
            raise RequestRefused(
                ErrorCode.TOO_MANY_REQUESTS,
                "too many wrong codes; none is looked at for a while",
                field="code",
                remedy=f"try again in {minutes} minute{'s' if minutes > 1 else ''}, or open your link",
            )

    async def count_wrong_code(self, number: str, peer: str | None, mark: str, at: int) -> bool:
        """Count a wrong code, and store that; say whether it was one too many."""
        # One code tried at many rooms is a guess at each.
        mark = self._failed_attempts.hash_of(f"{number} {mark}")[:12]
        keys = self._counted_keys(number, peer)
        verdicts = [self._lockouts[name].record_wrong(who, mark, WRONG_WEIGHT, at) for name, who in keys]
        if set(verdicts) != {Verdict.KNOWN}:
            await self._failed_attempts.save(keys)
        return Verdict.LOCKED in verdicts

    async def clear(self, number: str, peer: str | None) -> None:
        """Forget the slips of who has now shown the right code."""
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
        with session.reader.connect() as connection:
            found = load_accesses(connection)
        self._by_id = {each.id: each for each in found}
        self._by_code = {each.code_hash: each for each in found}
        self._by_link = {each.link_hash: each for each in found}

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
        access_with_secrets = new_access(self._key, account, tx.actor, tx.at)
        self._revoke_all(tx, account.id)
        tx.changeset.add(ops.INSERT_TENANT_ACCESS, access_with_secrets.access.row())
        tx.after_commit(lambda: self._index(access_with_secrets.access))
        self._record_event(tx, account.id, "made")
        await self._session.commit(tx)
        page = None if self._page is None else f"{self._page}/my/#in={access_with_secrets.link}"
        return AccessView(
            account_id=account.id,
            number=account.name,
            code=access_with_secrets.code,
            link=page,
            secret=access_with_secrets.link,
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
        """End the accesses to an account as part of a unit; say whether there were any."""
        found = [each for each in self._by_id.values() if each.account_id == account_id]
        for each in found:
            tx.changeset.add(ops.REVOKE_TENANT_ACCESS, {"row_id": each.id, "new_revoked_at": tx.at})
            tx.after_commit(partial(self._remove_from_index, each))
        return bool(found)

    def _index(self, access: Access) -> None:
        self._by_id[access.id] = access
        self._by_code[access.code_hash] = access
        self._by_link[access.link_hash] = access

    def _remove_from_index(self, access: Access) -> None:
        self._by_id.pop(access.id, None)
        self._by_code.pop(access.code_hash, None)
        self._by_link.pop(access.link_hash, None)
        self._session.feed.end_for_token(_token_id(access))

    def _record_event(self, tx: Transaction, account_id: str, what: str) -> None:
        data = {"what": what, "by": tx.actor}
        record_event(
            self._session.installation, tx, EventKind.ACCESS_CHANGED, account_id=account_id, data=data
        )

    async def sign_in(self, number: str, code: str, peer: str | None) -> tuple[SignedIn, str]:
        """Let a customer in by number and code; return who they are and the cookie.

        Whatever is wrong, and whether or not there is such a number, the answer is the same.
        """
        at, typed = self._session.clock.now(), normalized(number[:_MAX_LENGTH])
        await self._limits.refresh(typed, peer)
        self._limits.check(typed, peer, at)
        digest = code_digest(self._key, code[:_MAX_LENGTH])
        access = self._by_code.get(digest)
        account = self._account_of(access)
        if access is None or account is None or typed not in account_names(account):
            if await self._limits.count_wrong_code(typed, peer, digest.hex()[:8], at):
                await self._record_lockout(typed)
            raise _wrong_code()
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


def _wrong_code() -> RequestRefused:
    return RequestRefused(
        ErrorCode.NOT_AUTHENTICATED,
        "this number and code do not go together",
        field="code",
        remedy="compare both with your card, or ask the landlord for a new one",
    )
