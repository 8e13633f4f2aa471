"""Tokens: opaque, stored hashed, compared in constant time."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
import hashlib
import hmac
import json
import secrets
from typing import Final

from sqlalchemy import Connection, select

from meter_bridge.actor import Actor
from meter_bridge.config.problems import suggest
from meter_bridge.core.calendar import iso
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import (
    ErrorCode,
    Role,
)
from meter_bridge.storage import changeset as ops, tables

PREFIX: Final = "pmb"
SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token without its secret, but with the secret's hash."""

    id: str
    name: str
    role: Role
    sites: frozenset[str]
    accounts: frozenset[str]
    secret_hash: bytes
    created_at: int
    expires_at: int | None
    revoked_at: int | None

    def without_account(self, account_id: str, at: int) -> StoredToken:
        """Return the token without an account; one that sees no other is revoked."""
        left = self.accounts - {account_id}
        return replace(self, accounts=left) if left else replace(self, revoked_at=at)

    def row(self) -> dict[str, object]:
        """Return the token as a row."""
        return {
            "id": self.id,
            "secret_hash": self.secret_hash,
            "name": self.name,
            "role": self.role,
            "sites": json.dumps(sorted(self.sites)),
            "accounts": json.dumps(sorted(self.accounts)),
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "revoked_at": self.revoked_at,
        }

    def info(self) -> TokenInfo:
        """Return what may be shown of the token."""
        return TokenInfo(
            id=self.id,
            name=self.name,
            role=self.role,
            sites=self.sites,
            accounts=self.accounts,
            created_at=iso(self.created_at),
            expires_at=None if self.expires_at is None else iso(self.expires_at),
            revoked_at=None if self.revoked_at is None else iso(self.revoked_at),
        )


def new_secret() -> tuple[str, str]:
    """Return a new token id and secret: 256 bits from the system's secure source."""
    token_id = secrets.token_hex(6)
    return token_id, base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode().rstrip("=").lower()


def compose_token(token_id: str, secret: str) -> str:
    """Return the token as its owner writes it."""
    return f"{PREFIX}_{token_id}_{secret}"


def digest(secret: str) -> bytes:
    """Return the hash under which a secret is stored; 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


_NO_TOKEN: Final = digest("nobody")


def authenticate(tokens: dict[str, StoredToken], text: str, at: int) -> Actor | None:
    """Return whom a token speaks for, or None; the secret is compared in constant time."""
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    stored = tokens.get(token_id)
    right = hmac.compare_digest(digest(secret), stored.secret_hash if stored else _NO_TOKEN)
    if prefix != PREFIX or stored is None or not right or stored.revoked_at is not None:
        return None
    if stored.expires_at is not None and stored.expires_at <= at:
        return None
    return Actor(stored.name, stored.role, stored.sites, stored.accounts, token_id=stored.id)


def load_tokens(connection: Connection) -> dict[str, StoredToken]:
    """Return all tokens by id."""
    return {
        row["id"]: StoredToken(
            row["id"],
            row["name"],
            Role(row["role"]),
            frozenset(json.loads(row["sites"])),
            frozenset(json.loads(row["accounts"])),
            row["secret_hash"],
            row["created_at"],
            row["expires_at"],
            row["revoked_at"],
        )
        for row in connection.execute(select(tables.token)).mappings()
    }


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A stored token, without its secret."""

    id: str
    name: str
    role: Role
    sites: frozenset[str]
    accounts: frozenset[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None


DAY_MS: Final = 86_400_000


class TokenService:
    """Keeps the tokens of an engine's installation."""

    def __init__(self, session: Session) -> None:
        """Load the tokens."""
        self.engine = session
        self._tokens = self._read_tokens()
        self.engine.revoke_access = self.remove_account_from_tenants

    async def create(
        self,
        actor: Actor,
        *,
        name: str,
        role: Role,
        sites: frozenset[str],
        accounts: frozenset[str],
        days: int | None,
    ) -> str:
        """Store a new token and return it; the secret is shown this once."""
        await asyncio.to_thread(self._check_scope, sites, accounts)
        tx = self.engine.begin(actor)
        token_id, secret = new_secret()
        expires = None if days is None else tx.at + days * DAY_MS
        stored = StoredToken(token_id, name, role, sites, accounts, digest(secret), tx.at, expires, None)
        tx.changeset.add(ops.UPSERT_TOKEN, stored.row())
        tx.after_commit(lambda: self._tokens.update({token_id: stored}))
        await self.engine.commit(tx)
        return compose_token(token_id, secret)

    def _check_scope(self, sites: frozenset[str], accounts: frozenset[str]) -> None:
        """Refuse a token for sites or accounts that do not exist, of whichever shard."""
        open_ones = select(tables.account.c.id).where(tables.account.c.closed_at.is_(None))
        with self.engine.reader.connect() as connection:
            all_sites = set(connection.execute(select(tables.site.c.id)).scalars())
            all_accounts = set(connection.execute(open_ones).scalars())
        for field, wanted, known in (
            ("sites", sites - {"*"}, all_sites),
            ("accounts", accounts, all_accounts),
        ):
            unknown = sorted(wanted - set(known))
            if unknown:
                raise RequestRefused(
                    ErrorCode.NOT_FOUND,
                    f"{field}: there is no {unknown[0]!r}",
                    field=field,
                    value=unknown[0],
                    remedy=suggest(unknown[0], known),
                )

    async def refresh(self) -> None:
        """Learn of tokens that another worker made or revoked, and end what revoked ones listen to."""
        found = await asyncio.to_thread(self._read_tokens)
        changed = [token_id for token_id, stored in self._tokens.items() if found.get(token_id) != stored]
        self._tokens.update(found)
        for token_id in changed:
            self.engine.feed.end_for_token(token_id)

    def _read_tokens(self) -> dict[str, StoredToken]:
        with self.engine.reader.connect() as connection:
            return load_tokens(connection)

    def views(self, actor: Actor) -> Sequence[TokenInfo]:
        """Return the tokens of the installation, which every landlord of all sites may see."""
        del actor
        return [stored.info() for stored in self._tokens.values()]

    async def revoke(self, actor: Actor, token_id: str) -> None:
        """Revoke a token at once."""
        stored = self._tokens.get(token_id)
        if stored is None:
            raise RequestRefused(
                ErrorCode.NOT_FOUND,
                f"there is no token {token_id!r}",
                field="token",
                value=token_id,
                remedy="'meter-bridge token list' shows those that there are",
            )
        tx = self.engine.begin(actor)
        self._save_token(tx, replace(stored, revoked_at=stored.revoked_at or tx.at))
        await self.engine.commit(tx)

    def authenticate(self, token: str) -> Actor | None:
        """Return whom a token speaks for, or None."""
        return authenticate(self._tokens, token, self.engine.clock.now())

    def remove_account_from_tenants(self, tx: Transaction, account_id: str) -> None:
        """Take an account from every tenant's token that sees it, as part of a unit."""
        for stored in list(self._tokens.values()):
            if stored.role is Role.TENANT and account_id in stored.accounts and stored.revoked_at is None:
                self._save_token(tx, stored.without_account(account_id, tx.at))

    def _save_token(self, tx: Transaction, stored: StoredToken) -> None:
        """Store a token that may do less than before, and end what it listens to."""
        tx.changeset.add(ops.UPSERT_TOKEN, stored.row())
        tx.after_commit(lambda: self._tokens.update({stored.id: stored}))
        tx.after_commit(lambda: self.engine.feed.end_for_token(stored.id))
