"""Whom a bridge's token speaks for: asked of the bridge, or of its database while the bridge is down."""

import json
import time
from typing import Final, cast

from dashboard.access import Viewer
from dashboard.bridge import BridgeDownError, RefusedError, bridge_client
from dashboard.data.snapshot import SnapshotError, locate
from dashboard.settings import Settings
from meter_bridge.engine.access.tokens import PREFIX, StoredToken, authenticate
from meter_bridge.protocol.messages import Role
from meter_bridge.storage.columns import AdbcError, columns_of

BRIDGE_TIMEOUT_S: Final = 2.0
MAX_TOKEN_CHARACTERS: Final = 256
PEOPLE: Final = frozenset({Role.LANDLORD, Role.CARETAKER, Role.TENANT})
_QUERY: Final = """
    SELECT id, secret_hash, name, role, sites, accounts, created_at, expires_at, revoked_at
    FROM token WHERE id = $1"""


def viewer_of_token(current_settings: Settings, token: str) -> Viewer | None:
    """Return whom a token speaks for now; None where it is unknown, expired, revoked or a device's."""
    if not token.startswith(f"{PREFIX}_") or len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
        return None
    try:
        identity = bridge_client(current_settings, BRIDGE_TIMEOUT_S).get(token, "me").json()
    except RefusedError:
        return None
    except BridgeDownError:
        return _from_database(current_settings, token)
    return _viewer(
        token,
        Role(str(identity["role"])),
        str(identity["name"]),
        None if identity["sites"] is None else tuple(cast("list[str]", identity["sites"])),
        tuple(cast("list[str]", identity["accounts"] or [])),
    )


def _viewer(
    token: str, role: Role, name: str, sites: tuple[str, ...] | None, accounts: tuple[str, ...]
) -> Viewer | None:
    """Return a person with the scope of a token; ``sites`` is None for all."""
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


def _from_database(current_settings: Settings, token: str) -> Viewer | None:
    """Authenticate by the hashed tokens of the database, which is only read."""
    token_id = token.split("_", 2)[1]
    try:
        with columns_of(locate(current_settings.data, current_settings.database)) as columns:
            rows = columns.table(_QUERY, (token_id,)).to_pylist()
    except AdbcError, SnapshotError:
        return None
    stored = {row["id"]: _stored(row) for row in rows}
    actor = authenticate(stored, token, int(time.time() * 1000))
    if actor is None:
        return None
    sites = None if "*" in actor.sites else tuple(sorted(actor.sites))
    return _viewer(token, actor.role, actor.name, sites, tuple(sorted(actor.accounts)))


def _stored(row: dict[str, object]) -> StoredToken:
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
