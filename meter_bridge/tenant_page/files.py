"""The files of the page: read and compressed once, and tagged, so that a phone loads only what changed."""

import asyncio
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
from meter_bridge.tenant_page.page_texts import code_label
from meter_bridge.text.catalogue import LANGUAGES

FOLDER: Final = Path(__file__).parent / "static"
INDEX: Final = "index.html"
PAGE_PATHS: Final = frozenset({"paid", "cancelled", "voucher"})
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
_LANGUAGE_OF: Final[Mapping[str, str]] = MappingProxyType(
    {f"words.{language}.json": language for language in LANGUAGES}
)
"""Files that are made of a catalogue."""
MEDIA_TYPES: Final = frozenset(media.partition(";")[0] for media in _MEDIA.values())
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " manifest-src 'self'; worker-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent."""

    media: str
    content: bytes
    compressed: bytes
    tag: str


class PageFiles:
    """Every file of the page in memory, its texts once somebody reads them; nothing else can be asked for."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            path.name: _file(path.suffix, path.read_bytes())
            for path in sorted(folder.iterdir())
            if path.suffix in _MEDIA
        }

    async def load(self, name: str) -> PageFile:
        """Return a file by its name, without blocking; raises ``RequestRefused`` like ``find``."""
        known = self._files.get(name)
        return await asyncio.to_thread(self.find, name) if known is None else known

    def find(self, name: str) -> PageFile:
        """Return a file by its name; raises ``RequestRefused`` for any that there is not."""
        known = INDEX if name in PAGE_PATHS else name
        if known not in self._files:
            language = _LANGUAGE_OF.get(known)
            if language is None:
                raise RequestRefused(ErrorCode.NOT_FOUND, "there is no such file", remedy="open /my/")
            self._files[known] = _file(".json", code_label(language))
        return self._files[known]


def _file(suffix: str, content: bytes) -> PageFile:
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    return PageFile(_MEDIA[suffix], content, gzip.compress(content, mtime=0), tag)


def file_response(request: web.Request, file: PageFile) -> web.Response:
    """Return a file, or that the client has it already."""
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Content-Type": file.media,
        "ETag": file.tag,
        "Vary": "Accept-Encoding",
    }
    if file.tag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=file.compressed, headers=headers | {"Content-Encoding": "gzip"})
    return web.Response(body=file.content, headers=headers)
