"""Sign-in with a token before every page, and sign-out; without any script in the browser.

Every address here is relative, so that it works behind a proxy that strips a base path, such as Home
Assistant's ingress; so does the cookie, whose path is that of the page that set it.
"""

from html import escape
from pathlib import Path
import re
from typing import Final
from urllib.parse import quote, urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.settings import settings
from dashboard.signin.sessions import COOKIE, SESSIONS
from dashboard.signin.tokens import viewer_of_token
from dashboard.text.translate import _
from meter_bridge.engine.access.throttle import Throttle

SIGN_IN: Final = "sign-in"
SIGN_OUT: Final = "sign-out"
SINGLE_SIGN_ON: Final = "single-sign-on"
THROTTLE: Final = Throttle()
"""A right token passes whatever others of its address sent: behind a proxy everybody has the same."""
MAX_FORM: Final = 4_096
MAKING_ONE: Final = "meter-bridge token create --name NAME --role landlord --all-sites"
_PAGE: Final = (Path(__file__).parent / "sign_in.html").read_text(encoding="utf-8")
_NEXT: Final = re.compile(r"[a-z-]{0,40}(\?[A-Za-z0-9_.~%&=+-]{0,400})?")
_HEADERS: Final = {"Cache-Control": "no-store"}


async def show_form(request: Request) -> Response:
    """Show the form."""
    return _form(request.query_params.get("next", ""))


async def sign_in(request: Request) -> Response:
    """Begin a session for a right token, and go where the person wanted to."""
    if not _same_origin(request):
        return _form("", _("This form was sent from another site. Sign in here."), 403)
    if int(request.headers.get("content-length") or MAX_FORM + 1) > MAX_FORM:
        return _form("", _("That is too long for a token."), 413)
    async with request.form(max_files=0, max_fields=4) as form:
        token, wanted = str(form.get("token", "")).strip(), str(form.get("next", ""))
    current_settings = settings()
    if await to_thread.run_sync(viewer_of_token, current_settings, token) is None:
        if THROTTLE.count_wrong_token("" if request.client is None else request.client.host):
            return _form(wanted, _("Too many wrong tokens were tried. Wait a minute."), 429)
        message = _("This token is unknown, expired or revoked, or the bridge that made it is not here.")
        return _form(wanted, message, 403)
    response = RedirectResponse(f"./{_safe_target(wanted)}", 303, _HEADERS)
    response.set_cookie(
        COOKIE,
        SESSIONS.begin(token, current_settings.session_hours),
        max_age=current_settings.session_hours * 3600,
        path=None,
        secure=_is_https(request),
        httponly=True,
        samesite="lax",
    )
    return response


async def sign_out(request: Request) -> Response:
    """End the session."""
    if _same_origin(request):
        SESSIONS.end(request.cookies.get(COOKIE))
    return RedirectResponse(f"./{SIGN_IN}", 303, _HEADERS)


def _form(wanted: str, problem: str = "", status: int = 200) -> Response:
    current_settings = settings()
    problem_html = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    other = ""
    if current_settings.people is not None:
        other = f'<p class="other"><a href="./{SINGLE_SIGN_ON}">{escape(_("Use single sign-on"))}</a></p>'
    words = {
        "language": current_settings.language,
        "title": _("Prepaid electricity"),
        "lead": _("Sign in with the token that your landlord gave you."),
        "label": _("Token"),
        "button": _("Sign in"),
        "hint": _("The landlord makes one with: {command}", command=MAKING_ONE),
        "next": _safe_target(wanted),
    }
    page = _PAGE
    for name, text in words.items():
        page = page.replace(f"{{{{{name}}}}}", escape(text, quote=True))
    page = page.replace("{{problem}}", problem_html).replace("{{other}}", other)
    return HTMLResponse(page, status, _HEADERS)


def _safe_target(wanted: str) -> str:
    """Return a page of this dashboard, or nothing: never another site."""
    return wanted if _NEXT.fullmatch(wanted) else ""


def _same_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin in (None, "null") or urlsplit(origin or "").netloc == request.headers.get("host")


def _is_https(request: Request) -> bool:
    """Return whether the browser came over TLS, here or at a proxy in front."""
    return (request.headers.get("x-forwarded-proto") or request.url.scheme) == "https"


def sign_in_url(path: str, query: str) -> str:
    """Return the address of the form that leads back to a page."""
    wanted = _safe_target(f"{path.strip('/')}{f'?{query}' if query else ''}")
    return f"./{SIGN_IN}?next={quote(wanted, safe='')}" if wanted else f"./{SIGN_IN}"


ROUTES: Final = (
    Route(f"/{SIGN_IN}", show_form, methods=["GET"]),
    Route(f"/{SIGN_IN}", sign_in, methods=["POST"]),
    Route(f"/{SIGN_OUT}", sign_out, methods=["POST"]),
)


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
