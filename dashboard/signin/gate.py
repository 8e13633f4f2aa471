"""Before every request: strangers are led to the form, and answers carry what browsers need."""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.settings import settings
from dashboard.signin.routes import SIGN_IN, SIGN_OUT, SINGLE_SIGN_ON, sign_in_url
from dashboard.signin.sessions import COOKIE, SESSIONS

PROVIDER_COOKIE: Final = "_streamlit_user"
PUBLIC_PATHS: Final = (
    SIGN_IN,
    SIGN_OUT,
    SINGLE_SIGN_ON,
    "_stcore",
    "static",
    "media",
    "component",
    "auth",
    "oauth2callback",
)
"""First parts of addresses that need no session: pages hold no data before their WebSocket is known."""
SECURITY_HEADERS: Final = {
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def frame_ancestors() -> str:
    """Return who may show the dashboard in a frame.

    ``'self'`` lets Home Assistant's ingress show it as a panel, because that is of the same origin.
    """
    return " ".join(("frame-ancestors 'self'", *settings().framed_by))


class SignInMiddleware:
    """ASGI middleware around the whole dashboard."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect a stranger who opens a page to the sign-in form."""
        if scope["type"] == "http" and _is_stranger(scope):
            connection = HTTPConnection(scope)
            target = sign_in_url(connection.url.path, connection.url.query)
            await RedirectResponse(target, 303, {"Cache-Control": "no-store"})(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(
                    SECURITY_HEADERS | {"Content-Security-Policy": frame_ancestors()}
                )
            await send(message)

        await self._app(scope, receive, guarded)


def _is_stranger(scope: Scope) -> bool:
    first = scope["path"].strip("/").partition("/")[0]
    if (
        scope["method"] != "GET"
        or first in PUBLIC_PATHS
        or "text/html" not in Headers(scope=scope).get("accept", "")
    ):
        return False
    cookies = HTTPConnection(scope).cookies
    through_provider = settings().people is not None and PROVIDER_COOKIE in cookies
    return not (settings().without_sign_in or through_provider or SESSIONS.token(cookies.get(COOKIE)))
