"""Encryption of files to public keys, in the format of age (https://age-encryption.org/v1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyrage

from meter_bridge.storage.errors import BackupError

MAGIC: Final = b"age-encryption.org/"
PREFIX: Final = "AGE-SECRET-KEY-"
KEYGEN_HINT: Final = "make a pair with 'age-keygen -o key.txt' and give what it prints after 'Public key:'"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who can read what is encrypted to them: the public half of a pair."""

    key: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who can read what was encrypted to them: the secret half of a pair."""

    key: object = field(repr=False)


def parse_recipient(text: str) -> Recipient:
    """Return whom a public key names; raises ``BackupError``, which never shows a secret key."""
    if text.strip().upper().startswith(PREFIX):
        raise BackupError(
            "that is a secret key, which belongs on no command line", f"make a new pair: {KEYGEN_HINT}"
        )
    try:
        return Recipient(pyrage.x25519.Recipient.from_str(text.strip()))
    except pyrage.RecipientError as error:
        raise BackupError(
            f"{text!r} is no public key of age, which begins with age1: {error}", KEYGEN_HINT
        ) from error


def read_identities(path: Path) -> Sequence[Identity]:
    """Return the secret keys in a file of age-keygen; raises ``BackupError``, which shows none."""
    remedy = "name the file that age-keygen wrote"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BackupError(f"the key file {path} cannot be read: {error}", remedy) from error
    keys = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    identities = [_identity(path, number, key) for number, key in keys if key and not key.startswith("#")]
    if not identities:
        raise BackupError(f"the key file {path} holds no key", remedy)
    return identities


def _identity(path: Path, number: int, key: str) -> Identity:
    try:
        return Identity(pyrage.x25519.Identity.from_str(key))
    except pyrage.IdentityError as error:
        message = f"line {number} of the key file {path} is no secret key of age: {error}"
        raise BackupError(message, f"a secret key begins with {PREFIX}1") from error


def is_encrypted(path: Path) -> bool:
    """Return whether a file is one of age; raises ``OSError`` where it cannot be read."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def encrypt(source: Path, target: Path, recipients: Iterable[Recipient]) -> None:
    """Encrypt a file into another that is there already; raises ``OSError`` unless all of it is written."""
    # pyrage 1.4 does not tell when the last block cannot be written; a buffered file does, when closed.
    with source.open("rb") as plain, target.open("wb") as file:
        try:
            pyrage.encrypt_io(plain, file, [recipient.key for recipient in recipients])
        except pyrage.EncryptError as error:
            raise OSError(str(error)) from error


def decrypt(source: Path, target: Path, identities: Iterable[Identity]) -> None:
    """Decrypt a file into another that is there already; raises ``BackupError`` or ``OSError``."""
    with source.open("rb") as file, target.open("wb") as plain:
        try:
            pyrage.decrypt_io(file, plain, [identity.key for identity in identities])
        except (pyrage.DecryptError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # The disk's error; a damaged block is an OSError of pyrage without a number.
            message = f"{source} cannot be decrypted: {error}"
            raise BackupError(message, "take the key that it was encrypted to, or another backup") from error
