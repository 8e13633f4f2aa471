"""A PostgreSQL server of the tests' own: temporary, on a Unix socket alone, not as root, gone with them."""

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
import os
from pathlib import Path
import pwd
import shutil
import subprocess
import tempfile

import psycopg
from sqlalchemy import URL

from meter_bridge.storage.location import DRIVER

DEBIAN = Path("/usr/lib/postgresql")
USER = "tester"
PORT = 5432
START_S = 30
MEMORY = Path("/dev/shm")
"""Where a cluster lies if there is room: a database is some 500 files, and each test makes one of its own."""
ROOM_BYTES = 1 << 30
CHOICE_OF_STRATEGY = 150_000
"""From this version on a server copies page by page unless told; older ones always copy files."""
UNSAFE_BUT_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
SMALL = {
    "shared_buffers": "32MB",
    "max_connections": "60",
    "autovacuum": "off",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "64MB",
}


class Server:
    """One running server."""

    def __init__(self, folder: Path, more: dict[str, str]) -> None:
        """Make an empty cluster in a folder and start it."""
        self.folder = folder
        self._own: psycopg.Connection | None = None
        self._unprivileged = _unprivileged()
        if self._unprivileged is not None:
            shutil.chown(folder, self._unprivileged)
        self._data = folder / "data"
        self._call(
            "initdb", "--auth=trust", f"--username={USER}", "--locale=C", "--encoding=UTF8", "--no-sync"
        )
        self._settings = {**SMALL, **UNSAFE_BUT_FAST, **more, "wal_level": "minimal"}
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        given = {**self._settings, "unix_socket_directories": str(self.folder), "listen_addresses": ""}
        options = " ".join(f"-c {name}={value or "''"}" for name, value in given.items())
        log = str(self.folder / "log")
        self._call(
            "pg_ctl", "start", "--wait", f"--timeout={START_S}", f"--log={log}", f"--options={options}"
        )

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server: ``immediate`` is as good as a power cut."""
        if self._own is not None:
            self._own.close()
            self._own = None
        self._call("pg_ctl", "stop", f"--mode={mode}", "--wait")

    def url(self, database: str) -> URL:
        """Return the address of a database."""
        return URL.create(DRIVER, USER, database=database, query={"host": str(self.folder)})

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Execute a statement by itself, outside of any transaction."""
        with self._connect(database) as connection:
            connection.execute(statement.encode())

    def copy(self, template: str, name: str) -> None:
        """Make a database from another by copying its files: a tenth of what it costs page by page."""
        kept = self._kept()
        by_files = "STRATEGY FILE_COPY" if kept.info.server_version >= CHOICE_OF_STRATEGY else ""
        _patiently(kept, f'CREATE DATABASE "{name}" TEMPLATE {template} {by_files}')

    def drop(self, name: str) -> None:
        """Drop a database, whoever still reads it."""
        _patiently(self._kept(), f'DROP DATABASE "{name}" WITH (FORCE)')

    def _kept(self) -> psycopg.Connection:
        """Return the connection by which databases come and go; a new one costs the server a process."""
        self._own = self._own or self._connect("postgres")
        return self._own

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user=USER, dbname=database, autocommit=True)

    def _call(self, program: str, *arguments: str) -> None:
        """Call one of PostgreSQL's programs on the cluster."""
        command = [_program(program), f"--pgdata={self._data}", *arguments]
        done = subprocess.run(
            command,
            user=self._unprivileged,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # What pg_ctl starts would keep a pipe open.
            stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            log = self.folder / "log"
            raise RuntimeError(f"{program} failed: {log.read_text() if log.exists() else done.stderr}")


@contextmanager
def running(**settings: str) -> Iterator[Server]:
    """Run a server of one's own, for tests that stop it."""
    durable = settings.get("fsync") == "on"
    place = None if durable else _memory()
    with tempfile.TemporaryDirectory(prefix="prepaid-pg-", dir=place, ignore_cleanup_errors=True) as name:
        server = Server(Path(name), settings)
        try:
            yield server
        finally:
            server.stop()


@cache
def shared() -> Server:
    """Return the server that the tests of this process share."""
    opened = running()
    server = opened.__enter__()
    atexit.register(opened.__exit__, None, None, None)
    return server


def _patiently(connection: psycopg.Connection, statement: str) -> None:
    """Execute what waits for others to leave a database: the server itself gives up after five seconds."""
    while True:
        try:
            connection.execute(statement.encode())
        except psycopg.errors.ObjectInUse:
            continue
        return


def _memory() -> Path | None:
    """Return a file system in memory that has room for a cluster, None where there is none."""
    there = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    return MEMORY if there and shutil.disk_usage(MEMORY).free >= ROOM_BYTES else None


def _program(name: str) -> str:
    """Return the newest of Debian's programs of a name, or the one on the path."""
    found = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parent.parent.name))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise RuntimeError(f"{name} is missing; 'scripts/setup system' installs the package postgresql")
    return program


def _unprivileged() -> str | None:
    """Return as whom the server runs: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return None
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
