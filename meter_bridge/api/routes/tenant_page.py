"""The tenant's page: signing in, notification settings, and the files of the page."""

from http import HTTPStatus
from typing import Annotated, Final

from aiohttp import web
import msgspec

from meter_bridge.api.http.authentication import (
    LANDLORD,
    LANDLORD_AND_TENANT,
    PAGE_HEADER,
    PUBLIC,
    SESSION_COOKIE,
    is_unix_socket,
)
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply, visible_account
from meter_bridge.api.http.listener import is_loopback
from meter_bridge.engine.ledger.amounts import parse_request_amount
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.patterns import AMOUNT, EMAIL, LANGUAGE, PHONE, TEXT, TIME_OF_DAY
from meter_bridge.protocol.payments import AccessView, NotificationSettings, SignedIn
from meter_bridge.tenant_page.cookies import DAYS
from meter_bridge.tenant_page.files import INDEX, MEDIA_TYPES, PageFiles, file_response

FILES: Final = web.AppKey("files of the tenant's page", PageFiles)
SIGN_IN: Final = "/api/v1/page/sign-in"
SESSION_S: Final = DAYS * 86_400
DEVICE_COOKIE: Final = "prepaid_device"
"""By it a device on which the customer signed in before is known; it opens nothing."""
DEVICE_S: Final = 400 * 86_400
_Typed = Annotated[str, msgspec.Meta(max_length=100, pattern=TEXT)]


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A customer's credentials: a number and a code, or the secret of a link."""

    number: Annotated[_Typed, msgspec.Meta(description="Number or name of the room, or of its meter.")] = ""
    code: Annotated[_Typed, msgspec.Meta(description="As printed on the customer's card.")] = ""
    link: Annotated[_Typed, msgspec.Meta(description="The part of the link after `#in=`.")] = ""


class WantedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A customer's notification settings."""

    language: Annotated[str, msgspec.Meta(pattern=LANGUAGE, description="As in `en`.")] = ""
    email: Annotated[str, msgspec.Meta(max_length=200, pattern=EMAIL)] = ""
    phone: Annotated[str, msgspec.Meta(pattern=PHONE, description="As in `+254712345678`.")] = ""
    quiet_from: Annotated[str, msgspec.Meta(pattern=TIME_OF_DAY, description="As in `22:00`.")] = ""
    quiet_to: Annotated[str, msgspec.Meta(pattern=TIME_OF_DAY)] = ""
    low_credit: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=AMOUNT,
                description="Notify at this credit, as in `20.00`; default: the landlord's threshold.",
            ),
        ]
        | None
    ) = None
    days_left: Annotated[int, msgspec.Meta(ge=1, le=60)] | None = None


class AddressCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code that came to a new address."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$(?!\n)")]


@Endpoint(
    "POST",
    SIGN_IN,
    access=PUBLIC,
    answer=SignedIn,
    headers={PAGE_HEADER: "`1`: no page of another origin can send it."},
    example=SignIn(number="Flat 1", code="K7QM-2XRP"),
    refusals=(ErrorCode.NOT_AUTHENTICATED, ErrorCode.TOO_MANY_REQUESTS),
)
async def sign_in(call: Call) -> web.StreamResponse:
    """Sign in to the tenant's page: sets a cookie; the error is the same whatever is wrong."""
    _check_same_origin(call.request)
    body = await call.body(SignIn)
    page = call.app.page
    if body.link:
        who, cookie = await page.access.sign_in_by_link(body.link)
    else:
        device = call.request.cookies.get(DEVICE_COOKIE, "")
        who, cookie = await page.access.sign_in(body.number, body.code, _peer(call.request), device)
    response = web.Response(body=msgspec.json.encode(who), content_type="application/json")
    for name, value, path, max_age in (
        (SESSION_COOKIE, cookie, "/", SESSION_S),
        (DEVICE_COOKIE, page.access.device_cookie(cookie, body.number), SIGN_IN, DEVICE_S),
    ):
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path=path,
            httponly=True,
            samesite="Strict",
            secure=page.secure or call.request.secure,
        )
    return response


@Endpoint(
    "POST",
    "/api/v1/page/sign-out",
    access=PUBLIC,
    answer=None,
    status=HTTPStatus.NO_CONTENT,
    headers={PAGE_HEADER: "`1`: no page of another origin can send it."},
    refusals=(ErrorCode.STORAGE_UNAVAILABLE,),
)
async def sign_out(call: Call) -> web.StreamResponse:
    """Sign out of the tenant's page on this device: the session ends, wherever its cookie may be."""
    _check_same_origin(call.request)
    await call.app.page.access.sign_out(call.request.cookies.get(SESSION_COOKIE, ""))
    response = web.Response(status=HTTPStatus.NO_CONTENT)
    response.del_cookie(SESSION_COOKIE, path="/")
    return response


def _check_same_origin(request: web.Request) -> None:
    """Raise ``RequestRefused`` where the request may come from a page of another origin."""
    if PAGE_HEADER not in request.headers:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            "this is asked by the tenant's page alone",
            field=PAGE_HEADER,
            remedy=f"send the header {PAGE_HEADER}: 1",
        )


def _peer(request: web.Request) -> str | None:
    """Return whose wrong codes are counted together; a proxy on this machine hides who asks."""
    remote = request.remote
    return None if remote is None or is_unix_socket(request) or is_loopback(remote) else remote


@Endpoint(
    "POST",
    "/api/v1/accounts/{id}/access",
    access=LANDLORD,
    answer=AccessView,
    status=HTTPStatus.CREATED,
    refusals=(ErrorCode.CONFLICT, ErrorCode.STORAGE_UNAVAILABLE),
)
async def make_access(call: Call) -> Reply:
    """Create a customer's code and link, which replace earlier ones; they are shown only once."""
    return Reply(
        await call.app.page.access.create_access(call.actor, visible_account(call).id), HTTPStatus.CREATED
    )


@Endpoint(
    "DELETE",
    "/api/v1/accounts/{id}/access",
    access=LANDLORD,
    answer=None,
    status=HTTPStatus.NO_CONTENT,
    refusals=(ErrorCode.STORAGE_UNAVAILABLE,),
)
async def revoke_access(call: Call) -> Reply:
    """Revoke a customer's access to the page, on every device."""
    account = visible_account(call)
    await call.app.page.access.revoke_access(call.actor, account.id)
    return Reply(None, HTTPStatus.NO_CONTENT)


@Endpoint(
    "GET", "/api/v1/accounts/{id}/notifications", access=LANDLORD_AND_TENANT, answer=NotificationSettings
)
async def get_notification_settings(call: Call) -> Reply:
    """Return a customer's notification settings."""
    account = visible_account(call)
    settings = await call.app.page.notification_settings(call.actor, account.id)
    return Reply(call.app.notices.with_unconfirmed(call.actor, account.id, settings))


@Endpoint(
    "PUT",
    "/api/v1/accounts/{id}/notifications",
    access=LANDLORD_AND_TENANT,
    answer=NotificationSettings,
    example=WantedSettings(
        language="sw", phone="+254712345678", quiet_from="22:00", quiet_to="06:00", low_credit="20.00"
    ),
    refusals=(ErrorCode.CONFLICT, ErrorCode.TOO_MANY_REQUESTS, ErrorCode.STORAGE_UNAVAILABLE),
)
async def set_notification_settings(call: Call) -> Reply:
    """Store a customer's notification settings; a customer's new addresses once a code from there is back."""
    account = visible_account(call)
    body = await call.body(WantedSettings)
    text = body.low_credit
    low_credit = (
        None
        if text is None
        else parse_request_amount(account.currency, text, "low_credit", or_else=", or leave it out")
    )
    wanted = NotificationSettings(**msgspec.structs.asdict(body) | {"low_credit": low_credit})
    wanted = await call.app.notices.keep_unconfirmed(call.actor, account.id, wanted)
    return Reply(await call.app.page.set_notification_settings(call.actor, account.id, wanted))


@Endpoint(
    "POST",
    "/api/v1/accounts/{id}/notifications/confirm",
    access=LANDLORD_AND_TENANT,
    answer=NotificationSettings,
    example=AddressCode(code="402918"),
    refusals=(ErrorCode.STORAGE_UNAVAILABLE,),
)
async def confirm_address(call: Call) -> Reply:
    """Store the address to which a code was sent."""
    account = visible_account(call)
    body = await call.body(AddressCode)
    store = call.app.page.set_notification_settings
    return Reply(await call.app.notices.confirm(call.actor, account.id, body.code, store))


@Endpoint("GET", "/", access=PUBLIC, answer=None, status=HTTPStatus.FOUND, any_query=True, live=True)
async def lead_to_page(call: Call) -> web.StreamResponse:
    """Redirect to the tenant's page."""
    del call
    return web.Response(status=HTTPStatus.FOUND, headers={"Location": "/my/"})


@Endpoint("GET", "/my/", access=PUBLIC, answer="text/html", any_query=True, live=True)
async def get_page(call: Call) -> web.StreamResponse:
    """Return the tenant's page."""
    return file_response(call.request, call.request.app[FILES].find(INDEX))


@Endpoint(
    "GET",
    "/my/{file}",
    access=PUBLIC,
    answer="text/html",
    other_media=tuple(sorted(MEDIA_TYPES - {"text/html"})),
    any_query=True,
    live=True,
    refusals=(ErrorCode.NOT_FOUND,),
)
async def get_page_file(call: Call) -> web.StreamResponse:
    """Return a file of the tenant's page, or the page at one of its own addresses."""
    return file_response(call.request, await call.request.app[FILES].load(call.in_path("file")))
