"""Whom a bridge's token speaks for: asked of the bridge, or of its database while the bridge is down."""

from contextlib import closing
import json
from pathlib import Path
import time
from typing import Final, cast

from adbc_driver_manager import Error as AdbcError
from adbc_driver_sqlite import dbapi

from dashboard.access import Viewer
from dashboard.bridge import BridgeDownError, RefusedError, bridge_of
from dashboard.settings import Settings
from meter_bridge.engine.tokens import PREFIX, StoredToken, authenticate
from meter_bridge.protocol.messages import Role

ASK_S: Final = 2.0
MAX_TOKEN_CHARACTERS: Final = 256
PEOPLE: Final = frozenset({Role.LANDLORD, Role.CARETAKER, Role.TENANT})
_QUERY: Final = """
    SELECT id, secret_hash, name, role, sites, accounts, created_at, expires_at, revoked_at
    FROM token WHERE id = ?"""


def viewer_of_token(given: Settings, token: str) -> Viewer | None:
    """Return whom a token speaks for now; None where it is unknown, expired, revoked or a device's."""
    if not token.startswith(f"{PREFIX}_") or len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
        return None
    try:
        told = bridge_of(given, ASK_S).get(token, "me").json()
    except RefusedError:
        return None
    except BridgeDownError:
        return _from_database(given.data, token)
    return _viewer(
        token,
        Role(str(told["role"])),
        str(told["name"]),
        None if told["sites"] is None else tuple(cast("list[str]", told["sites"])),
        tuple(cast("list[str]", told["accounts"] or [])),
    )


def _viewer(
    token: str, role: Role, name: str, sites: tuple[str, ...] | None, accounts: tuple[str, ...]
) -> Viewer | None:
    """Return a person with the reach of a token; ``sites`` is None for all."""
    if role not in PEOPLE:
        return None
    staff = role is not Role.TENANT
    return Viewer(
        every_site=staff and sites is None,
        sites=(sites or ()) if staff else (),
        accounts=() if staff else accounts,
        role=role,
        name=name,
        token=token,
    )


def _from_database(data: Path, token: str) -> Viewer | None:
    """Return whom a token speaks for by the hashed tokens of the database, which is only read."""
    database = data / "bridge.db"
    if not database.is_file():
        return None
    token_id = token.split("_", 2)[1]
    try:
        with (
            closing(dbapi.connect(f"{database.resolve().as_uri()}?mode=ro")) as connection,
            closing(connection.cursor()) as cursor,
        ):
            cursor.execute(_QUERY, (token_id,))
            rows = cursor.fetch_arrow_table().to_pylist()
    except AdbcError:
        return None
    stored = {row["id"]: _stored(row) for row in rows}
    actor = authenticate(stored, token, int(time.time() * 1000))
    if actor is None:
        return None
    sites = None if "*" in actor.sites else tuple(sorted(actor.sites))
    return _viewer(token, actor.role, actor.name, sites, tuple(sorted(actor.accounts)))


def _stored(row: dict[str, object]) -> StoredToken:
    """Return a row as a stored token."""
    return StoredToken(
        str(row["id"]),
        str(row["name"]),
        Role(str(row["role"])),
        frozenset(json.loads(str(row["sites"]))),
        frozenset(json.loads(str(row["accounts"]))),
        cast("bytes", row["secret_hash"]),
        cast("int", row["created_at"]),
        cast("int | None", row["expires_at"]),
        cast("int | None", row["revoked_at"]),
    )
