"""The door of the tenant's page: accesses are made and revoked, customers come in and are known again."""

from collections.abc import Callable
from functools import partial
from typing import Final

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, EventKind, Role
from meter_bridge.protocol.payments import AccessView, SignedIn
from meter_bridge.storage import changeset as ops
from meter_bridge.tenant_page import session
from meter_bridge.tenant_page.access import (
    Access,
    code_digest,
    link_digest,
    load_accesses,
    new_access,
    numbers_of,
    simple,
)
from meter_bridge.tenant_page.sign_in_limits import SignInLimits

type FindAccount = Callable[[Actor, str], Account]
_LONGEST: Final = 100


class CustomerSignIn:
    """Lets customers in to the one account that is theirs."""

    def __init__(self, session: Session, key: SecretKey, page: str | None, account: FindAccount) -> None:
        """Load the accesses; ``account`` finds an account that an actor may see."""
        self._session = session
        self._key = key
        self._page = page
        self._account = account
        self._limits = SignInLimits(session, key)
        with session.reader.connect() as connection:
            found = load_accesses(connection)
        self._by_id = {each.id: each for each in found}
        self._by_code = {each.code_hash: each for each in found}
        self._by_link = {each.link_hash: each for each in found}

    async def make(self, actor: Actor, account_id: str) -> AccessView:
        """Make a new access to an account, in place of the one there was; its secrets are shown this once."""
        account = self._account(actor, account_id)
        if account.tenancy.end is not None:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"nobody lives in {account.name}",
                field="id",
                value=account.id,
                remedy="move the next customer in first",
            )
        unit = self._session.begin(actor)
        made = new_access(self._key, account, unit.actor, unit.at)
        self._revoke(unit, account.id)
        unit.changeset.add(ops.INSERT_TENANT_ACCESS, made.access.row())
        unit.after_commit(lambda: self._keep(made.access))
        self._record_event(unit, account.id, "made")
        await self._session.commit(unit)
        page = None if self._page is None else f"{self._page}/my/#in={made.link}"
        return AccessView(
            account_id=account.id,
            number=account.name,
            code=made.code,
            link=page,
            secret=made.link,
            created_at=iso(unit.at),
        )

    async def revoke(self, actor: Actor, account_id: str) -> None:
        """End every access to an account, and every session that began with it."""
        account = self._account(actor, account_id)
        unit = self._session.begin(actor)
        if self._revoke(unit, account.id):
            self._record_event(unit, account.id, "revoked")
            await self._session.commit(unit)

    def _revoke(self, unit: Transaction, account_id: str) -> bool:
        """End the accesses to an account as part of a unit; say whether there were any."""
        found = [each for each in self._by_id.values() if each.account_id == account_id]
        for each in found:
            unit.changeset.add(ops.REVOKE_TENANT_ACCESS, {"row_id": each.id, "new_revoked_at": unit.at})
            unit.after_commit(partial(self._forget, each))
        return bool(found)

    def _keep(self, access: Access) -> None:
        self._by_id[access.id] = access
        self._by_code[access.code_hash] = access
        self._by_link[access.link_hash] = access

    def _forget(self, access: Access) -> None:
        self._by_id.pop(access.id, None)
        self._by_code.pop(access.code_hash, None)
        self._by_link.pop(access.link_hash, None)
        self._session.feed.end_for_token(_token_id(access))

    def _record_event(self, unit: Transaction, account_id: str, what: str) -> None:
        data = {"what": what, "by": unit.actor}
        record_event(
            self._session.installation, unit, EventKind.ACCESS_CHANGED, account_id=account_id, data=data
        )

    async def sign_in(self, number: str, code: str, peer: str | None) -> tuple[SignedIn, str]:
        """Let a customer in by number and code; return who they are and the cookie.

        Whatever is wrong, and whether or not there is such a number, the answer is the same.
        """
        at, typed = self._session.clock.now(), simple(number[:_LONGEST])
        await self._limits.refresh(typed, peer)
        self._limits.refuse(typed, peer, at)
        digest = code_digest(self._key, code[:_LONGEST])
        access = self._by_code.get(digest)
        account = self._opened(access)
        if access is None or account is None or typed not in numbers_of(account):
            if await self._limits.wrong(typed, peer, digest.hex()[:8], at):
                await self._note_lock(typed)
            raise _wrong()
        await self._limits.right(typed, peer)
        return self._in(access, account)

    async def sign_in_by_link(self, secret: str) -> tuple[SignedIn, str]:
        """Let a customer in by the link; its secret has 160 bits and is not guessed."""
        access = self._by_link.get(link_digest(self._key, secret[:_LONGEST]))
        account = self._opened(access)
        if access is None or account is None:
            raise RequestRefused(
                ErrorCode.NOT_AUTHENTICATED,
                "this link is not good any more",
                field="link",
                remedy="ask the landlord for a new one",
            )
        return self._in(access, account)

    def _opened(self, access: Access | None) -> Account | None:
        """Return the account that an access opens now, or None."""
        if access is None:
            return None
        account = self._session.installation.accounts.get(access.account_id)
        return account if access.opens(account) else None

    def _in(self, access: Access, account: Account) -> tuple[SignedIn, str]:
        cookie = session.compose(self._key, access.id, self._session.clock.now())
        return SignedIn(account_id=account.id), cookie

    async def _note_lock(self, number: str) -> None:
        """Keep on record that a number or a place is not heard for a while."""
        if self._session.can_change:
            unit = Transaction(self._session.clock.now(), actor="tenant's page")
            data: dict[str, object] = {"number": number[:40]}
            record_event(self._session.installation, unit, EventKind.ACCESS_LOCKED, data=data)
            await self._session.commit(unit)

    def actor_of(self, cookie: str) -> Actor | None:
        """Return the customer of a session, or None where it is none any more."""
        access_id = session.access_of(self._key, cookie, self._session.clock.now())
        access = self._by_id.get(access_id or "")
        account = self._opened(access)
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


def _wrong() -> RequestRefused:
    return RequestRefused(
        ErrorCode.NOT_AUTHENTICATED,
        "this number and code do not go together",
        field="code",
        remedy="compare both with your card, or ask the landlord for a new one",
    )
