"""A million typed by mistake asks first, at every route that takes an amount; or a line says why not."""

from typing import Final

import msgspec
import pytest

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.api.http.endpoint import Endpoint
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.patterns import AMOUNT, AMOUNT_OR_NONE
from meter_bridge.protocol.requests import Confirmation

NOT_ASKED: Final = {
    "GET /api/v1/accounts/{id}/top-up-preview": "books nothing, and shows where the amount would go",
    "POST /api/v1/accounts/{id}/policy": "thresholds of warnings: no money moves, and they are shown at once",
    "PUT /api/v1/accounts/{id}/notifications": "the customer's own threshold of a warning: no money moves",
}
OTHERWISE: Final = {
    "POST /api/v1/site": "a file: 'apply' shows each amount that changes, and asks before it applies them",
    "POST /api/v1/payment-events/{provider}": "money that was paid, as its order was asked about",
    "POST /api/v1/payments/decide": "credits what the provider received, which is shown beside the decision",
    "POST /api/v1/payments/reconciliation/{provider}": "compares a file with the journal and books nothing",
    "POST /api/v1/accounts/{id}/vouchers": "a code; its value was asked about when it was made",
}
"""Routes that bring amounts in another form than as a field that a person fills in."""


def takes_amount(endpoint: Endpoint) -> bool:
    """Return whether a route has a field for an amount."""
    kinds = [kind for kind in (endpoint.body, endpoint.query) if kind is not None]
    patterns = {msgspec.json.encode(pattern).decode() for pattern in (AMOUNT, AMOUNT_OR_NONE)}
    schemas = [msgspec.json.encode(msgspec.json.schema(kind)).decode() for kind in kinds]
    return any(pattern in schema for pattern in patterns for schema in schemas)


TAKING: Final = {f"{each.method} {each.path}": each for each in ENDPOINTS if takes_amount(each)}


def test_the_routes_that_take_an_amount_are_known() -> None:
    assert len(TAKING) > 10
    assert TAKING.keys() >= NOT_ASKED.keys()
    assert not TAKING.keys() & OTHERWISE.keys()
    assert {f"{each.method} {each.path}" for each in ENDPOINTS} >= OTHERWISE.keys()


@pytest.mark.parametrize("route", sorted(TAKING.keys() - NOT_ASKED.keys()))
def test_a_route_that_takes_an_amount_asks_before_it_books_an_unusual_one(route: str) -> None:
    assert TAKING[route].query is Confirmation
    assert ErrorCode.CONFIRMATION_NEEDED in TAKING[route].refusals
