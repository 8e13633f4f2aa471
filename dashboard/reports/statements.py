"""The statements of many units for a month: asked of the bridge, drawn and typeset here, one by one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
import re
from typing import Final
import zipfile

import msgspec

from dashboard.bridge import BridgeClient, RefusedError
from dashboard.queries.units import UnitName
from dashboard.settings import settings
from meter_bridge.engine.statement.document import LAYOUT, printed_statement
from meter_bridge.printing.typesetter_child import typeset
from meter_bridge.protocol.statements import Statement

_UNSAFE_CHARACTERS: Final = re.compile(r"[^A-Za-z0-9._-]+")
_DECODER: Final = msgspec.json.Decoder(Statement)

type Progress = Callable[[int, int], None]
"""Told how many of how many are done."""


@dataclass(frozen=True, slots=True)
class StatementPdf:
    """A statement's file."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class FailedStatement:
    """A unit without a statement, and why."""

    unit: str
    reason: str


def statements(
    bridge: BridgeClient, token: str, units: Sequence[UnitName], month: date, progress: Progress
) -> Iterator[StatementPdf | FailedStatement]:
    """Yield the statement of each unit; raise ``BridgeDownError`` where nobody answers."""
    for done, unit in enumerate(units, 1):
        yield statement_pdf(bridge, token, unit, month)
        progress(done, len(units))


def statement_pdf(
    bridge: BridgeClient, token: str, unit: UnitName, month: date
) -> StatementPdf | FailedStatement:
    """Return a unit's statement as PDF."""
    period = f"{month:%Y-%m}"
    query = f"from={period}&to={period}&detail=day"
    try:
        answer = bridge.get(token, "accounts", unit.id, "statement", query=query)
    except RefusedError as refused:
        return FailedStatement(unit.name, str(refused))
    paper = printed_statement(_DECODER.decode(answer.body), each_day=False, language=settings().language)
    content = typeset(msgspec.json.encode(paper).decode(), LAYOUT)
    return StatementPdf(f"{file_name(unit.site_id)}/statement-{file_name(unit.id)}-{period}.pdf", content)


def file_name(text: str) -> str:
    """Return a text as a part of a file's name that no system misreads."""
    return _UNSAFE_CHARACTERS.sub("_", text).strip(".") or "_"


def zip_statements(files: Sequence[StatementPdf]) -> bytes:
    """Return files as one archive; PDFs are compressed already."""
    raw = BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as archive:
        for each in files:
            archive.writestr(each.name, each.content)
    return raw.getvalue()
