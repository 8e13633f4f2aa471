"""What a worker tells of a request that it passes on, and the word that proves that a worker does."""

import hmac
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

SHARD_HEADER: Final = "Prepaid-Shard"
"""The shard that a request is about, as the worker that was asked found it."""
PROOF_HEADER: Final = "Prepaid-Word"
SENDER_HEADER: Final = "Prepaid-Sender"
"""Address of who asked the worker."""
SCHEME_HEADER: Final = "Prepaid-Scheme"
"""``https`` where the sender asked over TLS."""
OPERATOR_HEADER: Final = "Prepaid-Operator"
"""Sent where that was the local operator of the worker's machine."""
SHARED_SECRET: Final = web.AppKey("word", str)
"""Known to who can read the table of leases; empty where nobody passes requests on."""
FORWARDED_REQUEST: Final = web.RequestKey("as_passed_on", web.Request)
FORWARDED_FOR_OPERATOR: Final = web.RequestKey("passed_on_for_operator", bool)


@web.middleware
async def accept_forwarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take a worker's word for who asked it; from anybody else such headers mean nothing."""
    secret, proof = request.app[SHARED_SECRET], request.headers.get(PROOF_HEADER, "")
    if secret and hmac.compare_digest(proof.encode(), secret.encode()):
        forwarded = request.clone(
            remote=request.headers.get(SENDER_HEADER, request.remote or ""),
            scheme=request.headers.get(SCHEME_HEADER, request.scheme),
        )
        forwarded[FORWARDED_FOR_OPERATOR] = OPERATOR_HEADER in request.headers
        try:
            return await handler(forwarded)
        finally:
            # For the access log, which is written for the request as it came.
            request[FORWARDED_REQUEST] = forwarded
    return await handler(request)
