"""Access of customers: the code that goes with a room number, and the link that stands for both.

A code is short enough to be typed and is guarded by lock-out; a link is long enough not to be guessed. Both
belong to one tenancy: when the customer moves out they are worth nothing. Only keyed hashes are kept.
"""

from dataclasses import dataclass
import hmac
import re
import secrets
from typing import Final
import unicodedata

from sqlalchemy import Connection, select

from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.engine.state.model import Account
from meter_bridge.payments.vouchers.batches import ALPHABET
from meter_bridge.storage import tables

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
        """Return the row of ``tenant_access``."""
        return {name: getattr(self, name) for name in self.__slots__}

    def is_valid_for(self, account: Account | None) -> bool:
        """Return whether it opens an account now."""
        return (
            account is not None
            and self.revoked_at is None
            and account.tenancy.n == self.tenancy
            and account.tenancy.end is None
        )


@dataclass(frozen=True, slots=True)
class NewAccess:
    """An access with its secrets, as they are shown this once."""

    access: Access
    code: str
    link: str


def new_access(key: SecretKey, account: Account, actor: str, at: int) -> NewAccess:
    """Return a new access to an account."""
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
    return NewAccess(access, f"{code[:4]}-{code[4:]}", link)


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
    return frozenset(normalized(each) for each in names if each)


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
    found = _COOKIE.fullmatch(cookie)
    if found is None:
        return None
    right = hmac.compare_digest(found["mac"], _mac(key, f"{found['access']}.{found['expires']}"))
    return found["access"] if right and at < int(found["expires"]) else None


def _mac(key: SecretKey, body: str) -> str:
    return key.digest("page session", body).hex()
