"""The access log: who asked for which path, never with which parameters or token."""

import logging
from typing import Final, override

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from meter_bridge.api.http.authentication import ACTOR
from meter_bridge.api.http.errors import mask_tokens
from meter_bridge.api.http.peers import FORWARDED_REQUEST

LOGGER: Final = logging.getLogger("meter_bridge.api.access")
NO_LOG: Final = logging.getLogger("meter_bridge.api.no_access")
"""Writes nothing, where another server logs the same requests."""
NO_LOG.setLevel(logging.CRITICAL)


class AccessLogger(AbstractAccessLogger):
    """Writes one line for each request."""

    @override
    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        request = request.get(FORWARDED_REQUEST, request)
        actor = request.get(ACTOR)
        self.logger.info(
            "%s %s %s %s %d %d B %.1f ms",
            request.remote or "local",
            f"{actor.role}:{actor.name!r}" if actor else "-",
            request.method,
            # Still percent-encoded, so that a path cannot forge a line.
            mask_tokens(request.rel_url.raw_path),
            response.status,
            response.body_length,
            time * 1000,
        )

    @property
    @override
    def enabled(self) -> bool:
        return self.logger.isEnabledFor(logging.INFO)
