"""The site file over the API."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import msgspec

from meter_bridge.api.http.authentication import LANDLORD_OF_ALL_SITES
from meter_bridge.api.http.endpoint import SITE_FILE_BYTES, Call, Endpoint, Reply, read_body
from meter_bridge.config.problems import MAX_SHOWN, SiteFileError
from meter_bridge.config.site_file import load
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.answers import ApplyResult
from meter_bridge.protocol.messages import ErrorCode, ProblemDetail
from meter_bridge.protocol.patterns import TEXT


class SiteQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to apply a site file."""

    dry_run: Annotated[bool, msgspec.Meta(description="Only return what would change.")] = False
    undo: Annotated[
        str,
        msgspec.Meta(
            max_length=4096,
            pattern=TEXT,
            description="Ids of units and meters, separated by commas, whose changes since the last file may "
            "be undone.",
        ),
    ] = ""


@Endpoint(
    "POST",
    "/api/v1/site",
    access=LANDLORD_OF_ALL_SITES,
    answer=ApplyResult,
    query=SiteQuery,
    body_media="application/yaml",
    refusals=(ErrorCode.CONFLICT, ErrorCode.PAYLOAD_TOO_LARGE, ErrorCode.STORAGE_UNAVAILABLE),
)
async def apply_site(call: Call) -> Reply:
    """Apply a site file, all of it or nothing."""
    query = call.query(SiteQuery)
    document = _text(await read_body(call.request, SITE_FILE_BYTES))
    try:
        # In a thread: a file of a thousand units takes seconds, in which meters must not wait.
        plan = await asyncio.to_thread(load, document)
    except SiteFileError as error:
        raise _refusal(error) from error
    undo = frozenset(name for part in query.undo.split(",") if (name := part.strip()))
    done = await call.app.sites.apply(call.actor, plan, document=document, dry_run=query.dry_run, undo=undo)
    return Reply(done)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST, "the site file is not text in UTF-8", remedy="save it as UTF-8"
        ) from error


def _refusal(error: SiteFileError) -> RequestRefused:
    """Return the refusal of a site file: the message lists what is wrong, the fields name the first place."""
    first = next(iter(error.problems), None)
    return RequestRefused(
        ErrorCode.BAD_REQUEST,
        str(error),
        field=first.field if first else None,
        value=first.value if first else None,
        remedy=first.remedy if first else "correct the site file",
        problems=tuple(ProblemDetail(**asdict(problem)) for problem in error.problems[:MAX_SHOWN]),
    )
