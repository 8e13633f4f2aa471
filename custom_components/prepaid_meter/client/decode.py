"""Decodes messages of the bridge into the dataclasses of the protocol.

It tolerates a newer bridge (unknown fields are ignored, unknown enum values become ``UNKNOWN``) but is strict
about types: a malformed message raises `ProtocolError` with the path of the fault and is never half decoded.
"""

from collections.abc import Callable, Hashable
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
import types
from typing import TYPE_CHECKING, Any, cast, get_args, get_origin, get_type_hints

from .errors import ProtocolError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

type Decoder = Callable[[object, str], object]


def from_dict[T](cls: type[T], data: object) -> T:
    """Return decoded JSON as an instance of the dataclass ``cls``.

    Raises:
        ProtocolError: a field is missing or has the wrong type.
    """
    decode = _decoder(cast("Hashable", cls))
    return cast("T", decode(data, cls.__name__))


@cache
def _decoder(kind: Hashable) -> Decoder:
    if kind in (Any, object):
        return _anything
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass_decoder(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enum_decoder(kind)
    if get_origin(kind) is types.UnionType:
        return _optional_decoder(kind)
    if get_origin(kind) is tuple:
        return _tuple_decoder(get_args(kind)[0])
    if get_origin(kind) is dict:
        return _dict_decoder(get_args(kind)[1])
    return _scalar_decoder(cast("type", kind))


def _type_error(path: str, expected: str, value: object) -> ProtocolError:
    return ProtocolError(f"{path}: expected {expected}, got {type(value).__name__}")


def _anything(value: object, _path: str) -> object:
    return value


def _scalar_decoder(kind: type) -> Decoder:
    def decode(value: object, path: str) -> object:
        # The exact type: true must not be accepted as 1, nor 1.5 as an amount.
        if type(value) is not kind:
            raise _type_error(path, kind.__name__, value)
        return value

    return decode


def _enum_decoder(kind: type[StrEnum]) -> Decoder:
    members = {member.value: member for member in kind}
    unknown = members.get("unknown")

    def decode(value: object, path: str) -> object:
        if not isinstance(value, str):
            raise _type_error(path, kind.__name__, value)
        return members.get(value, unknown)

    return decode


def _optional_decoder(kind: Hashable) -> Decoder:
    inner = _decoder(next(part for part in get_args(kind) if part is not types.NoneType))

    def decode(value: object, path: str) -> object:
        return None if value is None else inner(value, path)

    return decode


def _tuple_decoder(item: Hashable) -> Decoder:
    inner = _decoder(item)

    def decode(value: object, path: str) -> object:
        if not isinstance(value, list):
            raise _type_error(path, "list", value)
        return tuple(inner(element, f"{path}[{index}]") for index, element in enumerate(value))

    return decode


def _dict_decoder(item: Hashable) -> Decoder:
    inner = _decoder(item)

    def decode(value: object, path: str) -> object:
        if not isinstance(value, dict):
            raise _type_error(path, "object", value)
        return {key: inner(element, f"{path}.{key}") for key, element in value.items()}

    return decode


def _dataclass_decoder(kind: type[DataclassInstance]) -> Decoder:
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    decoders = {name: _decoder(hints[name]) for name in names}
    required = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}

    def decode(value: object, path: str) -> object:
        if not isinstance(value, dict):
            raise _type_error(path, "object", value)
        if missing := required - value.keys():
            raise ProtocolError(f"{path}.{min(missing)}: missing")
        return kind(
            **{name: decoders[name](value[name], f"{path}.{name}") for name in names if name in value}
        )

    return decode
