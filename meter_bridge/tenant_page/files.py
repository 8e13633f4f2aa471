"""The files of the page: read and compressed once, and tagged, so that a phone loads only what changed."""

from collections.abc import Mapping
from dataclasses import dataclass
import gzip
import hashlib
from pathlib import Path
from types import MappingProxyType
from typing import Final

from aiohttp import web

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode

FOLDER: Final = Path(__file__).parent / "static"
INDEX: Final = "index.html"
ADDRESSES: Final = frozenset({"paid", "cancelled", "voucher"})
"""Addresses within the page, to which providers and printed vouchers lead."""
_MEDIA: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json; charset=utf-8",
        ".webmanifest": "application/manifest+json; charset=utf-8",
        ".svg": "image/svg+xml; charset=utf-8",
        ".png": "image/png",
    }
)
MEDIA_TYPES: Final = frozenset(each.partition(";")[0] for each in _MEDIA.values())
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " manifest-src 'self'; worker-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent."""

    media: str
    content: bytes
    compressed: bytes
    tag: str


class Files:
    """Every file of the page in memory; nothing else can be asked for."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Read the folder."""
        self._files = {each.name: _read(each) for each in sorted(folder.iterdir()) if each.suffix in _MEDIA}

    def find(self, name: str) -> File:
        """Return a file by its name; raises ``RequestRefused`` for any that there is not."""
        found = self._files.get(INDEX if name in ADDRESSES else name)
        if found is None:
            raise RequestRefused(ErrorCode.NOT_FOUND, "there is no such file", remedy="open /my/")
        return found


def _read(path: Path) -> File:
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    return File(_MEDIA[path.suffix], content, gzip.compress(content, mtime=0), tag)


def answer_with(request: web.Request, file: File) -> web.Response:
    """Return a file, or that the client has it already."""
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": POLICY,
        "Content-Type": file.media,
        "ETag": file.tag,
        "Vary": "Accept-Encoding",
    }
    if file.tag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=file.compressed, headers=headers | {"Content-Encoding": "gzip"})
    return web.Response(body=file.content, headers=headers)
