"""Tokens: list, make, revoke."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Final, Literal

import msgspec

from meter_bridge.api.http.authentication import LANDLORD_OF_ALL_SITES
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply
from meter_bridge.engine.access.tokens import TokenInfo
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.answers import NewToken, Tokens, TokenView
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.protocol.patterns import TEXT

MAX_DAYS: Final = 3660
MAX_IDS: Final = 1000
BY_SITES: Final = frozenset({Role.LANDLORD, Role.CARETAKER})

type Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=TEXT)]


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token to create."""

    name: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=100, pattern=TEXT, description="Person or program that will use it."
        ),
    ]
    role: Literal["landlord", "caretaker", "tenant", "device"]
    sites: Annotated[
        tuple[Id, ...],
        msgspec.Meta(
            max_length=MAX_IDS, description='Landlord and caretaker: sites that it may see; `["*"]` for all.'
        ),
    ] = ()
    accounts: Annotated[
        tuple[Id, ...],
        msgspec.Meta(max_length=MAX_IDS, description="Tenant and device: accounts that it may see."),
    ] = ()
    days: (
        Annotated[
            int,
            msgspec.Meta(ge=1, le=MAX_DAYS, description="Days until it expires; default: never."),
        ]
        | None
    ) = None


@Endpoint("GET", "/api/v1/tokens", access=LANDLORD_OF_ALL_SITES, answer=Tokens)
async def list_tokens(call: Call) -> Reply:
    """List the tokens of the installation, without their secrets."""
    return Reply(Tokens(tuple(_view(token) for token in call.app.tokens.views(call.actor))))


@Endpoint(
    "POST",
    "/api/v1/tokens",
    access=LANDLORD_OF_ALL_SITES,
    answer=NewToken,
    status=HTTPStatus.CREATED,
    example=TokenRequest(name="Flat 1's panel", role="tenant", accounts=("flat-1",), days=365),
    refusals=(ErrorCode.NOT_FOUND, ErrorCode.STORAGE_UNAVAILABLE),
)
async def create_token(call: Call) -> Reply:
    """Create a token; it is shown only once."""
    body = await call.body(TokenRequest)
    role = Role(body.role)
    _check_scope(role, body)
    token = await call.app.tokens.create(
        call.actor,
        name=body.name,
        role=role,
        sites=frozenset(body.sites),
        accounts=frozenset(body.accounts),
        days=body.days,
    )
    return Reply(NewToken(id=_id(token), token=token), HTTPStatus.CREATED)


@Endpoint(
    "DELETE",
    "/api/v1/tokens/{id}",
    access=LANDLORD_OF_ALL_SITES,
    answer=None,
    status=HTTPStatus.NO_CONTENT,
    refusals=(ErrorCode.STORAGE_UNAVAILABLE,),
)
async def revoke_token(call: Call) -> Reply:
    """Revoke a token at once and disconnect its clients."""
    await call.app.tokens.revoke(call.actor, call.id)
    return Reply(None, HTTPStatus.NO_CONTENT)


def _check_scope(role: Role, body: TokenRequest) -> None:
    """Refuse a token that would see nothing, or that mixes what it sees by."""
    wanted, unwanted = ("sites", "accounts") if role in BY_SITES else ("accounts", "sites")
    if not getattr(body, wanted):
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            f"a token of role {role} without {wanted} sees nothing",
            field=wanted,
            remedy=f"name its {wanted}" + (', or ["*"] for all' if role in BY_SITES else ""),
        )
    if getattr(body, unwanted):
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            f"a token of role {role} sees by {wanted}, not by {unwanted}",
            field=unwanted,
            remedy=f"leave out {unwanted}",
        )


def _view(token: TokenInfo) -> TokenView:
    scope = {"sites": tuple(sorted(token.sites)), "accounts": tuple(sorted(token.accounts))}
    return TokenView(**asdict(token) | scope)


def _id(token: str) -> str:
    """Return the id within ``pmb_<id>_<secret>``."""
    return token.split("_", 2)[1]
