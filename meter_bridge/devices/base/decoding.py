"""What all drivers share when they turn a payload into a value or a refusal."""

from collections.abc import Container, Sized
from typing import Annotated, Final

import msgspec

from meter_bridge.devices.base.driver import Rejected
from meter_bridge.devices.base.quantities import UnreadableError

TELEMETRY_LIMIT: Final = 64 * 1024
"""Largest payload of a single device's message, in bytes."""
DEVICE_LIMIT: Final = 20_000
"""Most devices of a family that one bridge remembers; topics beyond it are refused."""
NAME_LENGTH: Final = 200
"""Longest name of a device, in characters."""
REGISTER_WORDS: Final = ("Total", "nergy", "total_act")
"""Parts of the names of energy counters in all families; ``nergy`` is in energy, Energy and aenergy."""
REFUSALS: Final = (msgspec.MsgspecError, UnreadableError, UnicodeDecodeError, RecursionError)
"""Everything that reading a payload may raise."""
DETAIL_LENGTH: Final = 200


type Name = Annotated[str, msgspec.Meta(max_length=NAME_LENGTH)]
"""A text that is kept; longer ones are refused."""
type Small = Annotated[int, msgspec.Meta(ge=0, lt=2**40)]
"""A count or an instant in seconds."""


def rejection(topic: str, error: Exception) -> tuple[Rejected]:
    """Turn what a decoder raised into a countable refusal."""
    return (Rejected(_slug(error), topic[:DETAIL_LENGTH], str(error)[:DETAIL_LENGTH]),)


def check_new_device(name: str, known: Sized, in_use: Container[str], family: str) -> None:
    """Refuse a device that is not to be remembered: by a name too long to keep, or as one too many.

    Strangers may fill the memory up to the limit, and never keep out what is in use.
    """
    if len(name) > NAME_LENGTH:
        raise UnreadableError("name_too_long", f"a name of {len(name)} characters, at most {NAME_LENGTH}")
    if len(known) >= DEVICE_LIMIT and name not in in_use:
        raise UnreadableError("too_many_devices", f"more than {DEVICE_LIMIT} {family} devices")


def too_large(topic: str, size: int, limit: int) -> tuple[Rejected]:
    """Refuse a payload by its size alone."""
    return (Rejected("too_large", topic[:DETAIL_LENGTH], f"{size} bytes, at most {limit} are read"),)


def _slug(error: Exception) -> str:
    if isinstance(error, UnreadableError):
        return error.slug
    if isinstance(error, msgspec.ValidationError):
        return _wrong_type(str(error))
    if isinstance(error, RecursionError):
        return "nested_too_deep"
    return "not_json"


def _wrong_type(message: str) -> str:
    path = message.rpartition(" - at ")[2]
    return "register_not_a_number" if any(word in path for word in REGISTER_WORDS) else "wrong_type"
