"""A new installation's database, made once per process and copied: migrations take a second.

``PREPAID_TEST_DATABASE=postgresql`` lets the same tests run on PostgreSQL (``scripts/test --postgresql``).
"""

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
import hashlib
import os
from pathlib import Path
import shutil
import tempfile
import time

from sqlalchemy import URL

from meter_bridge.config.settings import Settings
from meter_bridge.runtime.bridge import prepare
from meter_bridge.storage.database import DATABASE_NAME, Ownership
from meter_bridge.storage.location import Location, written
from tests import postgresql_server

CREATED_AT = 1_793_527_200_000
"""2026-11-01 12:00 in Johannesburg, a Sunday."""
ON_POSTGRESQL = os.environ.get("PREPAID_TEST_DATABASE") == "postgresql"
TEMPLATE = "template_installation"
_made: set[str] = set()


def location_of(folder: Path) -> Location:
    """Return where the database of the installation in a folder is, on the database of this run."""
    if not ON_POSTGRESQL:
        return folder / DATABASE_NAME
    return postgresql_server.shared().url(_name(folder))


def new_location(folder: Path) -> Location:
    """Put a new installation's database into a folder, or onto the server, and return where it is."""
    if not ON_POSTGRESQL:
        return new_database(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return new_server_database(_name(folder))


def empty_location(folder: Path) -> Location:
    """Return where a database without any table is, made for a folder on the database of this run."""
    folder.mkdir(parents=True, exist_ok=True)
    location = location_of(folder)
    if not isinstance(location, Path):
        postgresql_server.shared().execute(f'CREATE DATABASE "{location.database}"')
        _made.add(str(location.database))
    return location


def existing_or_new(folder: Path) -> Location:
    """Return where the database of a folder is, made where there is none yet."""
    location = location_of(folder)
    there = location.exists() if isinstance(location, Path) else location.database in _made
    return location if there else new_location(folder)


def new_database(folder: Path) -> Path:
    """Put a new installation's file of SQLite into a folder and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(_file(), folder / DATABASE_NAME))


def new_server_database(name: str) -> URL:
    """Make a new installation's database on the server and return its address."""
    server = postgresql_server.shared()
    _server_template()
    server.copy(TEMPLATE, name)
    _made.add(name)
    return server.url(name)


@contextmanager
def settings_of(folder: Path) -> Iterator[Settings]:
    """Give the settings of an installation of now, on the database of this run, which ends with them."""
    if not ON_POSTGRESQL:
        yield Settings(data=folder)
        return
    name = _name(folder)
    address = new_server_database(name)
    # Several tests may share it, so no single test drops it.
    _made.discard(name)
    # The bridge has the machine's clock here, and distrusts it weeks after the template's instant.
    now = round(time.time() * 1_000)
    postgresql_server.shared().execute(
        f"UPDATE installation SET created_at = {now}, last_instant = {now}", name
    )
    try:
        yield Settings(data=folder, database=written(address))
    finally:
        _drop(name)


def forget() -> None:
    """Drop the databases that were made on the server; nobody may need them any more."""
    for name in sorted(_made):
        _drop(name)
    _made.clear()


def _drop(name: str) -> None:
    postgresql_server.shared().drop(name)


def _name(folder: Path) -> str:
    """Return the name of the database of a folder."""
    return f"test_{hashlib.sha256(str(folder).encode()).hexdigest()[:20]}"


@cache
def _file() -> Path:
    """Return an empty database at the newest schema."""
    folder = Path(tempfile.mkdtemp(prefix="prepaid-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = prepare(folder, CREATED_AT)
    assert isinstance(made, Path)
    return made


@cache
def _server_template() -> None:
    """Make the database on the server from which the others are copied."""
    server = postgresql_server.shared()
    server.execute(f"CREATE DATABASE {TEMPLATE}")
    with tempfile.TemporaryDirectory(prefix="prepaid-template-") as folder:
        prepare(Path(folder), CREATED_AT, Ownership(server.url(TEMPLATE)))
