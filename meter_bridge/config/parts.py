"""Parts of a site file: dataclasses whose fields declare the keys, and the reader of each key.

A part is the only list of its keys. Reading, messages about missing and unknown keys, and the test of the
documentation come from it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast, dataclass_transform, overload

from meter_bridge.config.problems import InvalidValueError, Mistake, ProblemCode, invalid, shorten, suggest
from meter_bridge.config.scalars import Reader, text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_ITEMS: Final = 50
"""Windows of a band, blocks, taxes, thresholds."""
MAX_PARTS: Final = 100
"""Versions of a tariff, meters of a unit."""
SECRET_KEYS: Final = frozenset({"password", "secret", "token"})
_AS_LIST: Final = "write its items in [ ], or each on a line that begins with a dash"


@dataclass_transform(kw_only_default=True, frozen_default=True)
@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the file as it was read; its subclasses are dataclasses too.

    A key without a default has that of the field of its name in one of the plan's ``models``.
    """

    keys: ClassVar[Mapping[str, Field[Any]]] = {}
    """The fields by their keys."""
    required: ClassVar[tuple[str, ...]] = ()
    written: frozenset[str] = frozenset()
    """Keys that the file has here, or in the part from which this one inherits."""

    def __init_subclass__(cls, models: tuple[type, ...] = ()) -> None:
        planned = {entry.name: entry for model in models for entry in fields(model)}
        for name, entry in vars(cls).items():
            if isinstance(entry, Field) and entry.default is MISSING and not entry.metadata["example"]:
                make = planned[name].default_factory
                entry.default = planned[name].default if make is MISSING else make()
        dataclass(frozen=True, kw_only=True)(cls)
        declared = [entry for entry in fields(cls) if entry.metadata]
        cls.keys = {entry.metadata["name"] or entry.name.replace("_", " "): entry for entry in declared}
        cls.required = tuple(name for name, entry in cls.keys.items() if entry.default is MISSING)


@overload
def key[T](read: Reader[T], *, example: str = "", name: str = "") -> T: ...
@overload
def key[T, D](read: Reader[T], *, default: D, name: str = "") -> T | D: ...
def key(read: Reader[object], *, default: Any = MISSING, name: str = "", example: str = "") -> Any:
    """Declare a key of a part: its reader, and its default unless that is the plan's.

    It is named like the field, with spaces, unless ``name`` says otherwise. One that has an ``example``, for
    the message where it is missing, is required.
    """
    return field(default=default, metadata={"read": read, "name": name, "example": example})


def read_part[P: Part](
    model: type[P],
    value: object,
    currency: str | None = None,
    *,
    inherited: Part | None = None,
    others: bool = False,
) -> P:
    """Return a part with the values of its keys; raises ``InvalidValueError`` with all of their mistakes.

    What it does not say it takes from ``inherited``. ``others`` accepts keys that it does not have.
    """
    keys, items = model.keys, mapping(value)
    values = _values(inherited, keys)
    mistakes: list[Mistake] = []
    for name, written in items.items():
        known = keys.get(name)
        if known is not None:
            try:
                item = known.metadata["read"](written, currency)
                values[known.name] = _merged(item, values.get(known.name))
            except InvalidValueError as error:
                mistakes.extend(error.within(name))
        elif not others:
            mistakes.append(_unknown(name, keys))
    missing = (name for name in model.required if name not in items)
    mistakes.extend(_missing(name, keys[name].metadata["example"]) for name in missing)
    if mistakes:
        raise InvalidValueError(*mistakes)
    return model(written=frozenset(items) | (inherited.written if inherited else frozenset()), **values)


def into[T: DataclassInstance](model: type[T], part: Part, **derived: object) -> T:
    """Return an object of the plan: what is derived, and all other fields as the part has them."""
    as_written = {name: getattr(part, name) for name in model.__dataclass_fields__ if name not in derived}
    return model(**as_written, **derived)


def narrowed[P: Part](model: type[P], part: P) -> P:
    """Return what a part says under the keys of a part that it extends."""
    keys = model.keys
    return model(written=part.written & keys.keys(), **_values(part, keys))


def _values(part: Part | None, keys: Mapping[str, Field[Any]]) -> dict[str, Any]:
    """Return by field what a part says under any of the keys."""
    names = part.written & keys.keys() if part else ()
    return {keys[name].name: getattr(part, keys[name].name) for name in names}


def _merged(value: object, inherited: object) -> object:
    """Return a value; where it is a part itself, with the keys that it inherits."""
    if not isinstance(value, Part) or not isinstance(inherited, Part):
        return value
    keys = {name: entry for name, entry in value.keys.items() if name not in value.written}
    return replace(value, written=value.written | inherited.written, **_values(inherited, keys))


def _missing(name: str, example: str) -> Mistake:
    return Mistake(f"{name!r} is missing", f"add {example}", ProblemCode.MISSING_KEY, (name,))


def _unknown(name: str, known: Collection[str]) -> Mistake:
    if name in SECRET_KEYS:
        remedy = "put it into an environment variable and name that: password variable: SHELLY_PASSWORD"
        return Mistake("secrets do not belong in a site file", remedy, ProblemCode.SECRET_IN_FILE, (name,))
    message = f"unknown key {shorten(name)!r}"
    return Mistake(message, suggest(name, known), ProblemCode.UNKNOWN_KEY, (name,))


def part_as[P: Part, T](model: type[P], convert: Callable[[P], T]) -> Reader[T]:
    """Return a reader of a part that returns what the part stands for."""
    return lambda value, currency=None, /: convert(read_part(model, value, currency))


def part_into[T: DataclassInstance](part_model: type[Part], model: type[T]) -> Reader[T]:
    """Return a reader of a part that has the fields of an object of the plan."""
    return part_as(part_model, lambda written: into(model, written))


def part[P: Part](model: type[P]) -> Reader[P]:
    """Return a reader of a part within a part."""
    return part_as(model, lambda written: written)


def mapping(value: object) -> dict[str, object]:
    """Return a value that is a mapping of keys."""
    if not isinstance(value, dict):
        raise invalid("keys with values are expected here", "write them indented below, each as key: value")
    return cast("dict[str, object]", value)


def separate_mapping(value: object, currency: str | None = None, /) -> object:  # noqa: ARG001 - read later
    """Accept a mapping whose keys are read on their own, so that a mistake here does not hide theirs."""
    return mapping(value)


def separate_list(value: object, currency: str | None = None, /) -> object:  # noqa: ARG001 - read later
    """Accept a list whose items are read on their own; it holds at least one."""
    if not isinstance(value, list) or not value:
        raise invalid("a list with at least one item is expected here", _AS_LIST)
    _check_length(value, MAX_PARTS)
    return value


def _check_length(value: list[object], most: int) -> None:
    if len(value) > most:
        raise invalid(f"{len(value)} items are too many", f"write at most {most}")


def list_of[T](read: Reader[T]) -> Reader[tuple[T, ...]]:
    """Return a reader of lists that finds what is wrong with every item, not only with the first."""

    def read_items(value: object, currency: str | None = None, /) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise invalid("a list is expected here", _AS_LIST)
        _check_length(value, MAX_ITEMS)
        return tuple(_read_all(read, dict(enumerate(value)), currency).values())

    return read_items


def one_or_more[T](read: Reader[T]) -> Reader[tuple[T, ...]]:
    """Return a reader of one value, or of a list of them that is not empty."""

    def read_items(value: object, currency: str | None = None, /) -> tuple[T, ...]:
        if not isinstance(value, list):
            return (read(value, currency),)
        if not value:
            raise invalid("is an empty list", "write at least one, or remove the key")
        return list_of(read)(value, currency)

    return read_items


def by_name[T](read: Reader[T]) -> Reader[dict[str, T]]:
    """Return a reader of values under names that the file chooses."""

    def read_named(value: object, currency: str | None = None, /) -> dict[str, T]:
        written = mapping(value)
        _read_all(text, {name: name for name in written}, None)
        return {name.strip(): item for name, item in _read_all(read, written, currency).items()}

    return read_named


def _read_all[S: (str, int), T](
    read: Reader[T], values: Mapping[S, object], currency: str | None
) -> dict[S, T]:
    items: dict[S, T] = {}
    mistakes: list[Mistake] = []
    for step, value in values.items():
        try:
            items[step] = read(value, currency)
        except InvalidValueError as error:
            mistakes.extend(error.within(step))
    if mistakes:
        raise InvalidValueError(*mistakes)
    return items
