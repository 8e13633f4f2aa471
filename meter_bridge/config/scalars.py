"""Readers of single values: the file's text in, a value of the right type out, or ``InvalidValueError``."""

from collections.abc import Callable, Mapping
from enum import StrEnum
import re
from typing import Final, Protocol

from meter_bridge.config.problems import invalid, suggest
from meter_bridge.devices.addresses import AddressError, parse_address
from meter_bridge.devices.registry import usual_family

_CODES: Final = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
    CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
    GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD
    KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO
    NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE
    SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND
    VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES: Final = frozenset(_CODES.split())


MAX_TEXT: Final = 120
NONE: Final = "none"

_IDENTIFIER: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_HOST: Final = re.compile(
    r"([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(:(?P<port>[1-9][0-9]{0,4}))?"
)
_LARGEST_PORT: Final = 65_535


class Reader[T](Protocol):
    """A function from what is written to what it means; raises ``InvalidValueError``.

    Amounts of money are in the currency; without one they are only checked to be numbers.
    """

    def __call__(self, value: object, currency: str | None = None, /) -> T:
        """Return what a value means."""


def single(value: object) -> str:
    """Return a value that is a single text."""
    if not isinstance(value, str):
        raise invalid("a single value is expected here, not a list or mapping", "write one text or number")
    if not value.strip():
        raise invalid("has no value", "write a value after the colon, or remove the key")
    return value


def reader[T](parse: Callable[[str], T]) -> Reader[T]:
    """Return a reader that accepts a single text and nothing else."""
    return lambda value, currency=None, /: parse(single(value))  # noqa: ARG005 - every reader is given it


def optional[T, N](read: Reader[T], *, none: N = None) -> Reader[T | N]:  # type: ignore[assignment]
    """Return a reader that also accepts the word ``none``."""
    return lambda value, currency=None, /: none if value == NONE else read(value, currency)


def choice[T](values: Mapping[str, T]) -> Reader[T]:
    """Return a reader of one of several words."""

    def parse(word: str) -> T:
        if word not in values:
            raise invalid(f"{word!r} is not one of {', '.join(values)}", suggest(word, values))
        return values[word]

    return reader(parse)


def words[E: StrEnum](kinds: type[E]) -> Reader[E]:
    """Return a reader of the values of an enumeration."""
    return choice({kind.value: kind for kind in kinds})


flag: Final = choice({"yes": True, "no": False, "true": True, "false": False})


@reader
def text(value: str) -> str:
    """Read a name or other text for people."""
    if len(value) > MAX_TEXT or "\n" in value:
        raise invalid(f"text is longer than a line of {MAX_TEXT} characters", "shorten it")
    return value.strip()


@reader
def identifier(value: str) -> str:
    """Read an id."""
    if not _IDENTIFIER.fullmatch(value):
        remedy = "use up to 64 lower-case letters, digits and dashes, such as flat-1"
        raise invalid(f"{value!r} cannot be an id", remedy)
    return value


@reader
def currency_code(value: str) -> str:
    """Read a currency code of ISO 4217."""
    if value not in CURRENCIES:
        remedy = suggest(value, CURRENCIES, "write its three capital letters, such as ZAR, KES or EUR")
        raise invalid(f"{value!r} is not a currency code", remedy)
    return value


@reader
def address(value: str) -> str:
    """Read a meter's address, ``family:device/channel``."""
    try:
        return str(parse_address(value))
    except AddressError as error:
        # The parser writes "what is wrong: the remedy"; the address itself may hold a colon.
        message, _, remedy = str(error).replace(value, "\0").partition(": ")
        raise invalid(
            message.replace("\0", value), remedy or f"write it like {usual_family().example}"
        ) from None


@reader
def host(value: str) -> str:
    """Read a host name or network address, with a port where it is not the usual one."""
    match = _HOST.fullmatch(value)
    if match is None or int(match["port"] or 0) > _LARGEST_PORT:
        raise invalid(
            f"{value!r} is not a host name or address", "write it like 192.168.1.20, without http://"
        )
    return value


@reader
def variable(value: str) -> str:
    """Read the name of an environment variable; it is not repeated, in case it is a password."""
    if not _VARIABLE.fullmatch(value):
        remedy = "write a name such as SHELLY_PASSWORD and set that variable for the bridge"
        raise invalid("this is not the name of an environment variable", remedy)
    return value
