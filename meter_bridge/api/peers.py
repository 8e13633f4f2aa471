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
OPERATOR_HEADER: Final = "Prepaid-Operator"
"""Sent where that was the local operator of the worker's machine."""
WORD: Final = web.AppKey("word", str)
"""Known to who can read the table of leases; empty where nobody passes requests on."""
PASSED_ON_FOR_OPERATOR: Final = web.RequestKey("passed_on_for_operator", bool)


@web.middleware
async def passed_on(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take a worker's word for who asked it; from anybody else such headers mean nothing."""
    word, given = request.app[WORD], request.headers.get(WORD_HEADER, "")
    if word and hmac.compare_digest(given.encode(), word.encode()):
        request = request.clone(remote=request.headers.get(SENDER_HEADER, request.remote or ""))
        request[PASSED_ON_FOR_OPERATOR] = OPERATOR_HEADER in request.headers
    return await handler(request)
