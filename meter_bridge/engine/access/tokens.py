"""Tokens: opaque, stored hashed, compared in constant time."""

import base64
from dataclasses import dataclass, replace
import hashlib
import hmac
import json
import secrets
from typing import Final

from sqlalchemy import Connection, select

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.protocol.messages import (
    Role,
)
from meter_bridge.storage import tables

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
