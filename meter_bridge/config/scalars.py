"""Readers of single values: the file's text in, a value of the right kind out, or ``Wrong``."""

from collections.abc import Callable, Collection, Mapping
import re
from typing import Final

from voluptuous import Invalid

from meter_bridge.config.currencies import CURRENCIES
from meter_bridge.config.nearest import nearest, suggest
from meter_bridge.devices.base.addresses import AddressError, parse_address

type Reader[T] = Callable[[object], T]

MAX_TEXT: Final = 120
NONE: Final = "none"

_IDENTIFIER: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_HOST: Final = re.compile(
    r"([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(:(?P<port>[1-9][0-9]{0,4}))?"
)
_LARGEST_PORT: Final = 65_535


class Wrong(Invalid):
    """A value that cannot be accepted, with the way to mend it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def reader[T](parse: Callable[[str], T]) -> Reader[T]:
    """Return a reader that accepts a single text and nothing else."""

    def read(value: object) -> T:
        if not isinstance(value, str):
            raise Wrong("a single value is expected here, not a list or mapping", "write one text or number")
        if not value.strip():
            raise Wrong("has no value", "write a value after the colon, or take the key away")
        return parse(value)

    return read


def optional[T](read: Reader[T]) -> Reader[T | None]:
    """Return a reader that also takes the word ``none``."""
    return lambda value: None if value == NONE else read(value)


def choice[T](values: Mapping[str, T]) -> Reader[T]:
    """Return a reader of one of some words."""

    def parse(word: str) -> T:
        if word not in values:
            raise Wrong(f"{word!r} is not one of {', '.join(values)}", suggest(word, values))
        return values[word]

    return reader(parse)


flag: Final = choice({"yes": True, "no": False, "true": True, "false": False})


@reader
def text(value: str) -> str:
    """Read a name or other text for people."""
    if len(value) > MAX_TEXT or "\n" in value:
        raise Wrong(f"text is longer than a line of {MAX_TEXT} characters", "shorten it")
    return value.strip()


@reader
def identifier(value: str) -> str:
    """Read an id."""
    if not _IDENTIFIER.fullmatch(value):
        remedy = "use up to 64 lower-case letters, digits and dashes, such as flat-1"
        raise Wrong(f"{value!r} cannot be an id", remedy)
    return value


def meant(word: str, known: Collection[str], otherwise: str) -> str:
    """Return the remedy for one of very many words: the nearest, or else how such a word looks."""
    found = nearest(word, known)
    return f"did you mean {found!r}?" if found else otherwise


@reader
def currency(value: str) -> str:
    """Read a currency code of ISO 4217."""
    if value not in CURRENCIES:
        remedy = meant(value, CURRENCIES, "write its three capital letters, such as ZAR, KES or EUR")
        raise Wrong(f"{value!r} is not a currency code", remedy)
    return value


@reader
def address(value: str) -> str:
    """Read a meter's address, ``family:device/channel``."""
    try:
        return str(parse_address(value))
    except AddressError as error:
        # The parser writes "what is wrong: the remedy"; the address itself may hold a colon.
        message, _, remedy = str(error).replace(value, "\0").partition(": ")
        raise Wrong(message.replace("\0", value), remedy or "write it like tasmota:kitchen/1") from None


@reader
def host(value: str) -> str:
    """Read a host name or address of the network, with a port where it is not the usual one."""
    found = _HOST.fullmatch(value)
    if found is None or int(found["port"] or 0) > _LARGEST_PORT:
        raise Wrong(f"{value!r} is not a host name or address", "write it like 192.168.1.20, without http://")
    return value


@reader
def variable(value: str) -> str:
    """Read the name of an environment variable."""
    if not _VARIABLE.fullmatch(value):
        remedy = "write a name such as SHELLY_PASSWORD and set that variable for the bridge"
        raise Wrong("this is not the name of an environment variable", remedy)
    return value
