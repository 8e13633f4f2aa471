"""The stored form of what an account's decision rests on, beside the columns, as JSON."""

from typing import Final

import msgspec

from meter_bridge.engine.state import Account


class _AccountDocument(msgspec.Struct, omit_defaults=True):
    """State of an account that no query asks for."""


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(_AccountDocument)


def encode_account(account: Account) -> str:
    """Return an account's state as text."""
    del account  # nothing is kept here yet
    return _ENCODER.encode(_AccountDocument()).decode()


def restore_account(account: Account, document: str) -> None:
    """Restore an account's state from storage."""
    del account
    _DECODER.decode(document)
