"""What a worker tells of a request that it passes on, and the word that proves that a worker does."""

import hmac
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

SHARD_HEADER: Final = "Prepaid-Shard"
"""The shard that a request is about, as the worker that was asked found it."""
WORD_HEADER: Final = "Prepaid-Word"
SENDER_HEADER: Final = "Prepaid-Sender"
"""Address of who asked the worker."""
SCHEME_HEADER: Final = "Prepaid-Scheme"
"""``https`` where the sender asked over TLS."""
OPERATOR_HEADER: Final = "Prepaid-Operator"
"""Sent where that was the local operator of the worker's machine."""
WORD: Final = web.AppKey("word", str)
"""Known to who can read the table of leases; empty where nobody passes requests on."""
AS_PASSED_ON: Final = web.RequestKey("as_passed_on", web.Request)
PASSED_ON_FOR_OPERATOR: Final = web.RequestKey("passed_on_for_operator", bool)


@web.middleware
async def passed_on(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take a worker's word for who asked it; from anybody else such headers mean nothing."""
    word, given = request.app[WORD], request.headers.get(WORD_HEADER, "")
    if word and hmac.compare_digest(given.encode(), word.encode()):
        passed = request.clone(
            remote=request.headers.get(SENDER_HEADER, request.remote or ""),
            scheme=request.headers.get(SCHEME_HEADER, request.scheme),
        )
        passed[PASSED_ON_FOR_OPERATOR] = OPERATOR_HEADER in request.headers
        try:
            return await handler(passed)
        finally:
            # For the access log, which is written for the request as it came.
            request[AS_PASSED_ON] = passed
    return await handler(request)
