"""Segments past retention, read from the exported files by a child process.

Queries for a part of the journal whose segments are no longer in the database run on a small database in
memory with the entries and segments of one account, and get the same answers there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import json
from pathlib import Path
import subprocess
import sys
from typing import Final, cast

from sqlalchemy import ColumnElement, Connection, create_engine, func, insert, select
from sqlalchemy.pool import StaticPool

from meter_bridge.core.ledger.journal import EntryKind
from meter_bridge.core.rating.rating import LineKind
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.storage import tables
from meter_bridge.storage.exact_sum import exact_sum
from meter_bridge.storage.segment_files import COMPARED, MEASURED, SEGMENTS, SegmentQuery

CHILD: Final = "meter_bridge.storage.segment_archive_child"
EXPORT_NAME: Final = "export"
"""Folder of exported files, in the data folder."""
WITHIN_S: Final = 120
type Sums = Mapping[tuple[object, ...], tuple[int, ...]]
"""Count and sums of measures, by the compared keys."""


class ArchiveError(RuntimeError):
    """Exported files cannot be read."""


@dataclass(frozen=True, slots=True)
class Archive:
    """The exported files of an installation."""

    export_dir: Path

    def rows(
        self, connection: Connection, account_id: str, first: int, last: int
    ) -> Sequence[dict[str, object]]:
        """Return an account's segments of entries ``first`` to ``last``; raises ``ArchiveError``."""
        return cast("Sequence[dict[str, object]]", self._ask(connection, first, last, account_id))

    def sums(self, connection: Connection, first: int, last: int) -> Sums:
        """Return the sums of the files for entries ``first`` to ``last``; raises ``ArchiveError``."""
        answer = cast("Iterable[list[list[object]]]", self._ask(connection, first, last, None))
        return {tuple(key): cast("tuple[int, ...]", tuple(values)) for key, values in answer}

    def _ask(self, connection: Connection, first: int, last: int, account: str | None) -> object:
        files = list(_files(connection, first, last))
        query = SegmentQuery(
            export_dir=str(self.export_dir), files=files, first=first, last=last, account=account
        )
        try:
            done = subprocess.run(  # noqa: S603 - no text of a person is in the command
                (sys.executable, "-m", CHILD),
                input=json.dumps(query).encode(),
                capture_output=True,
                check=False,
                timeout=WITHIN_S,
            )
        except subprocess.TimeoutExpired as error:
            raise ArchiveError(f"exported files took longer than {WITHIN_S} s to be read") from error
        if done.returncode != 0:
            message = done.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]
            msg = f"exported files in {self.export_dir} cannot be read: {message or 'no message'}"
            raise ArchiveError(msg)
        return json.loads(done.stdout)


def _files(connection: Connection, first: int, last: int) -> Iterable[str]:
    file = tables.export_file
    query = select(file.c.name).where(
        file.c.kind == SEGMENTS,
        file.c.retired_at.is_(None),
        file.c.last_seq >= first,
        file.c.first_seq <= last,
    )
    return connection.execute(query.order_by(file.c.name)).scalars()


def retired_upto(connection: Connection) -> int:
    """Return the last entry whose segments are only in exported files, 0 if all are in the database."""
    return connection.execute(select(tables.retention.c.seq)).scalar() or 0


def sums_in_database(connection: Connection, first: int, last: int) -> Sums:
    """Return what the database holds of entries ``first`` to ``last``, in the form of ``Archive.sums``."""
    segment = tables.segment
    keys = [segment.c[name] for name in COMPARED]
    query = (
        select(*keys, func.count(), *(exact_sum(segment.c[name]) for name in MEASURED))
        .where(segment.c.entry_seq >= first, segment.c.entry_seq <= last)
        .group_by(*keys)
    )
    width = len(COMPARED)
    return {tuple(row[:width]): tuple(map(int, row[width:])) for row in connection.execute(query)}


@contextmanager
def complete_segments(
    connection: Connection, archive: Archive | None, account_id: str, first: int, last: int
) -> Iterator[Connection]:
    """Provide a connection on which an account's entries ``first`` to ``last`` have all their segments.

    It is the given one where the database has them. Raises ``RequestRefused`` where exported files are
    needed and cannot be read, or do not hold what was charged.
    """
    retired = min(last, retired_upto(connection))
    if not _has_entries(connection, account_id, first, retired):
        yield connection
        return
    try:
        old = _old(connection, archive, account_id, (first, retired))
    except ArchiveError as error:
        raise RequestRefused(
            ErrorCode.STORAGE_UNAVAILABLE,
            f"the quarter hours of {account_id} are past retention, in exported files alone: {error}",
            field="account",
            value=account_id,
            remedy="copy the folder 'export' back from the newest backup, then ask again",
        ) from error
    with _in_memory(connection, account_id, (first, last), old) as whole:
        yield whole


def _old(
    connection: Connection, archive: Archive | None, account_id: str, span: tuple[int, int]
) -> Sequence[dict[str, object]]:
    if archive is None:
        raise ArchiveError("this process does not know their folder")
    old = archive.rows(connection, account_id, *span)
    _check(connection, account_id, span, old)
    return old


def _has_entries(connection: Connection, account_id: str, first: int, last: int) -> bool:
    query = select(tables.journal_entry.c.seq).where(*_entries(account_id, first, last))
    return connection.execute(query.limit(1)).first() is not None


def _check(
    connection: Connection, account_id: str, span: tuple[int, int], old: Sequence[Mapping[str, object]]
) -> None:
    """Raise ``ArchiveError`` unless segments from files add up to the lines of the charges."""
    entry, line = tables.journal_entry, tables.charge_line
    of_charges = (*_entries(account_id, *span), entry.c.kind == EntryKind.CHARGE)
    query = (
        select(exact_sum(line.c.amount))
        .select_from(entry.join(line, line.c.entry_seq == entry.c.seq))
        .where(*of_charges, line.c.kind != LineKind.INCLUDED_TAX)
    )
    charged = connection.execute(query).scalar_one() or 0
    charges = set(connection.execute(select(entry.c.seq).where(*of_charges)).scalars())
    own = [row for row in old if row["entry_seq"] in charges]
    exported = sum(cast("int", row[name]) for row in own for name in ("amount", "tax"))
    if exported != charged:
        raise ArchiveError(f"they hold charges of {exported}, but the journal's lines {charged}")


def _entries(account_id: str, first: int, last: int) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of an account's entries ``first`` to ``last``."""
    entry = tables.journal_entry.c
    return entry.account_id == account_id, entry.seq >= first, entry.seq <= last


@contextmanager
def _in_memory(
    connection: Connection, account_id: str, span: tuple[int, int], old: Sequence[dict[str, object]]
) -> Iterator[Connection]:
    entry, segment = tables.journal_entry, tables.segment
    own = _entries(account_id, *span)
    entries = connection.execute(select(entry).where(*own)).mappings().all()
    newer = select(segment).select_from(segment.join(entry, entry.c.seq == segment.c.entry_seq)).where(*own)
    live = connection.execute(newer).mappings().all()
    memory = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with memory.connect() as whole:
            tables.metadata.create_all(whole, tables=[entry, segment])
            whole.execute(insert(entry), [dict(row) for row in entries])
            whole.execute(insert(segment), [*old, *(dict(row) for row in live)])
            yield whole
    finally:
        memory.dispose()
