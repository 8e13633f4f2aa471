"""The statements of many units for a month: asked of the bridge, drawn and typeset here, one by one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
import re
from typing import Final
import zipfile

import msgspec

from dashboard.bridge import Bridge, RefusedError
from dashboard.queries.places import Place
from dashboard.settings import settings
from meter_bridge.engine.statement.document import LAYOUT, printed
from meter_bridge.printing.typesetter_child import typeset
from meter_bridge.protocol.statements import Statement

_ODD: Final = re.compile(r"[^A-Za-z0-9._-]+")
_DECODER: Final = msgspec.json.Decoder(Statement)

type Progress = Callable[[int, int], None]
"""Told how many of how many are done."""


@dataclass(frozen=True, slots=True)
class Made:
    """A statement's file."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """A unit without a statement, and why."""

    unit: str
    reason: str


def statements(
    bridge: Bridge, token: str, units: Sequence[Place], month: date, progress: Progress
) -> Iterator[Made | Failed]:
    """Yield the statement of each unit; raise ``BridgeDownError`` where nobody answers."""
    for done, unit in enumerate(units, 1):
        yield statement_of(bridge, token, unit, month)
        progress(done, len(units))


def statement_of(bridge: Bridge, token: str, unit: Place, month: date) -> Made | Failed:
    """Return a unit's statement as PDF."""
    told = f"{month:%Y-%m}"
    query = f"from={told}&to={told}&detail=day"
    try:
        answer = bridge.get(token, "accounts", unit.id, "statement", query=query)
    except RefusedError as refused:
        return Failed(unit.name, str(refused))
    paper = printed(_DECODER.decode(answer.body), each_day=False, language=settings().language)
    content = typeset(msgspec.json.encode(paper).decode(), LAYOUT)
    return Made(f"{file_name(unit.site_id)}/statement-{file_name(unit.id)}-{told}.pdf", content)


def file_name(text: str) -> str:
    """Return a text as a part of a file's name that no system misreads."""
    return _ODD.sub("_", text).strip(".") or "_"


def zipped(made: Sequence[Made]) -> bytes:
    """Return files as one archive; PDFs are compressed already."""
    raw = BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as archive:
        for each in made:
            archive.writestr(each.name, each.content)
    return raw.getvalue()
