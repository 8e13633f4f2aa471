"""Of what may not be empty, one is enough: a serial of one character, a list of one voucher."""

from collections.abc import Iterator

import msgspec
from msgspec.inspect import type_info
import pytest

from meter_bridge.protocol import requests


def _told() -> Iterator[tuple[str, object]]:
    """Yield every type of a request, each with the name under which it is told."""
    for name, kind in vars(requests).items():
        if (
            isinstance(kind, type)
            and issubclass(kind, msgspec.Struct)
            and kind.__module__ == requests.__name__
        ):
            for field in msgspec.structs.fields(kind):
                yield f"{name}.{field.name}", field.type


def _least(kind: object) -> Iterator[int]:
    """Yield the least length of a type, and of those inside it."""
    if isinstance(kind, msgspec.inspect.Type):
        if least := getattr(kind, "min_length", None):
            yield least
        for inner in ("type", "types", "item_type", "key_type", "value_type"):
            found = getattr(kind, inner, ())
            for each in found if isinstance(found, tuple) else (found,):
                yield from _least(each)


@pytest.mark.parametrize("name, kind", _told(), ids=lambda each: each if isinstance(each, str) else "")
def test_one_is_enough(name: str, kind: object) -> None:
    assert set(_least(type_info(kind))) <= {1}, name


def test_a_serial_has_at_least_one_character() -> None:
    assert msgspec.convert("7", requests.Serial) == "7"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert("", requests.Serial)
