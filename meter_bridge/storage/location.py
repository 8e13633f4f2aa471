"""The location of an installation's database: a SQLite file or a database of a PostgreSQL server.

SQLAlchemy is imported only for a server: processes that read a file through ADBC start in half the time.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

if TYPE_CHECKING:
    from sqlalchemy import URL

DATABASE_NAME: Final = "bridge.db"
DRIVER: Final = "postgresql+psycopg"
SCHEMES: Final = frozenset({"postgresql", "postgres"})
EXAMPLE: Final = "postgresql://meter_bridge@localhost:5432/prepaid"
OPTIONS: Final = frozenset(
    {"host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "passfile", "service"}
)
"""Parameters of libpq that an address may contain; the bridge sets all others."""

type Location = Path | URL
"""The path of a SQLite file, or the address of a database on a PostgreSQL server."""


class LocationError(ValueError):
    """An address does not name a database; with the problem and its remedy."""

    def __init__(self, shown: str, message: str, remedy: str) -> None:
        super().__init__(f"{shown}: {message}; {remedy}")
        self.shown = shown
        self.message = message
        self.remedy = remedy


def location_of(data: Path, address: str | None = None) -> Location:
    """Return the location of an installation's database: its address, or a file in the data folder."""
    return data / DATABASE_NAME if address is None else parse_location(address)


def parse_location(text: str) -> Location:
    """Return the location that an address names; raises ``LocationError``.

    ``sqlite:///folder/bridge.db`` (or a plain path) is a file, ``postgresql://user:password@host:port/name``
    a database. libpq takes what the address leaves out from its own variables and password file.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Path(text).expanduser()
    if scheme == "sqlite":
        if not rest.startswith("/") or rest == "/":
            raise LocationError(text, "names no file", "write three slashes and the file: sqlite:///FILE")
        # As SQLAlchemy reads it: three slashes for a path from here, four for one from the root.
        return Path(rest[1:]).expanduser()
    if scheme not in SCHEMES:
        raise LocationError(
            shown(text), "is not the address of a database", f"write {EXAMPLE} or sqlite:///FILE"
        )
    return _server(text)


def shown(location: Location | str) -> str:
    """Return a location without its password, for messages and logs."""
    if isinstance(location, Path):
        return str(location)
    if not isinstance(location, str):
        return location.set(drivername="postgresql").render_as_string(hide_password=True)
    head, at, host = location.rpartition("@")
    scheme, separator, credentials = head.rpartition("//")
    user, colon, _ = credentials.partition(":")
    return f"{scheme}{separator}{user}:***@{host}" if at and colon else location


def written(location: Location) -> str:
    """Return a location as ``parse_location`` reads it, with its password: never for messages or logs."""
    if isinstance(location, Path):
        return str(location.absolute())
    return location.set(drivername="postgresql").render_as_string(hide_password=False)


def _server(text: str) -> URL:
    from sqlalchemy import make_url  # noqa: PLC0415 - only where a server is named

    parts = split_address(text)
    if parts is None:
        remedy = f"write host and port as in {EXAMPLE}, and encode special characters of a password as %XX"
        raise LocationError(shown(text), "has no readable host and port", remedy)
    name = parts.path.removeprefix("/")
    if not name or "/" in name:
        raise LocationError(shown(text), "names no database", f"end it with one name, as in {EXAMPLE}")
    for option, _ in parse_qsl(parts.query, keep_blank_values=True):
        if option not in OPTIONS:
            remedy = "leave it out; known are " + ", ".join(sorted(OPTIONS))
            raise LocationError(shown(text), f"has the unknown option {option!r}", remedy)
    return make_url(text).set(drivername=DRIVER)


def split_address(address: str) -> SplitResult | None:
    """Return the parts of an address, or None where it has no readable host or port."""
    try:
        parts = urlsplit(address)
        usable = parts.port is None or parts.port > 0
    except ValueError:
        return None
    return parts if usable else None
