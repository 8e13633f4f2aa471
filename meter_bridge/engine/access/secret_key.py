"""The key under which secrets of people are hashed: a file beside the database, and not in it.

Whoever reads the database, as the dashboard does, or finds a copy of it, can neither try voucher codes
against its hashes nor make ones that fit. Without the file the codes are lost, so it belongs into every
backup.
"""

from dataclasses import dataclass, field
import hashlib
import hmac
import os
from pathlib import Path
import secrets
from typing import Final

from meter_bridge.storage.atomic_file import sync
from meter_bridge.storage.database import StorageError

KEY_NAME: Final = "secret.key"
KEY_BYTES: Final = 32


class KeyFileError(StorageError):
    """A key file that cannot be used; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key of 256 random bits."""

    value: bytes = field(repr=False)

    def digest(self, purpose: str, text: str) -> bytes:
        """Return the keyed hash of a secret (HMAC-SHA-256), other for each purpose."""
        return hmac.digest(self.value, f"{purpose}\0{text}".encode(), hashlib.sha256)

    @property
    def id(self) -> str:
        """Return what tells this key from another and nothing more."""
        return self.digest("key id", "").hex()[:16]


def code_hash(key: SecretKey, digits: str) -> bytes:
    """Return the hash under which a voucher's code is kept."""
    return key.digest("voucher", digits)


def load_key(data: Path) -> SecretKey:
    """Return the key of an installation, made at its first use; raises ``KeyFileError``."""
    path = data / KEY_NAME
    try:
        if not path.exists():
            _create(path)
        value = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        msg = f"the key file {path} cannot be used: {error}; restore it from a backup"
        raise KeyFileError(msg) from error
    if len(value) != KEY_BYTES:
        msg = f"the key file {path} holds {len(value)} bytes, not {KEY_BYTES}; restore it from a backup"
        raise KeyFileError(msg)
    return SecretKey(value)


def _create(path: Path) -> None:
    """Write a new key, whole or not at all, durable before anything depends on it."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(number, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        os.fsync(number)
    finally:
        os.close(number)
    part.rename(path)
    sync(path.parent)
