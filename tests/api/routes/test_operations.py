"""Operations through the API: who may, once per key, and every slip named."""

from collections.abc import Mapping

import msgspec
import pytest

from meter_bridge.api.http.endpoint import Endpoint
from meter_bridge.api.routes import operations
from tests.api.serving import Served

OPERATIONS = operations.OPERATIONS
KEY = {"Idempotency-Key": "one"}


@pytest.fixture(params=OPERATIONS, ids=lambda each: each.name)
def operation(request: pytest.FixtureRequest) -> Endpoint:
    """Return each operation in turn."""
    found = request.param
    assert isinstance(found, Endpoint)
    return found


async def ask(
    api: Served, each: Endpoint, body: object, headers: Mapping[str, str] = KEY
) -> tuple[int, dict[str, object], Mapping[str, str]]:
    """Ask for an operation as the landlord; return status, body and headers."""
    path = each.path.replace("{id}", "flat-1")
    response = await api.ask("POST", path, "landlord", json=body, headers=headers)
    return response.status, await response.json(), response.headers


def example(each: Endpoint) -> dict[str, object]:
    """Return the example of an operation's body."""
    body = msgspec.to_builtins(each.example)
    assert isinstance(body, dict)
    return {name: value for name, value in body.items() if value is not None}


@pytest.mark.invariant(4)
async def test_an_operation_is_carried_out_once_per_key(api: Served, operation: Endpoint) -> None:
    status, first, _ = await ask(api, operation, example(operation))
    assert status == 201
    status, again, headers = await ask(api, operation, example(operation))
    assert (status, again, headers["Idempotency-Replayed"]) == (200, first, "true")
    assert list(api.port.operated.values()) == [operation.example]


async def test_an_operation_wants_a_key(api: Served, operation: Endpoint) -> None:
    status, problem, _ = await ask(api, operation, example(operation), {})
    assert (status, problem["code"]) == (400, "idempotency_key_missing")


async def test_an_unknown_field_is_named(api: Served, operation: Endpoint) -> None:
    status, problem, _ = await ask(api, operation, example(operation) | {"surprise": 1})
    assert (status, problem["field"]) == (400, "surprise")


@pytest.mark.parametrize("reason", ["", "a\nb", None])
async def test_an_operation_on_money_wants_a_reason_of_one_line(
    api: Served, operation: Endpoint, reason: str | None
) -> None:
    body = example(operation)
    if "reason" not in body:
        return
    given = {name: value for name, value in body.items() if name != "reason"}
    status, problem, _ = await ask(api, operation, given if reason is None else body | {"reason": reason})
    assert (status, problem["field"]) == (400, "reason")
    assert api.port.operated == {}


@pytest.mark.parametrize("amount", ["ten", "1e3", "", "1,000", 5, None])
async def test_an_amount_is_a_decimal_number_written_as_text(
    api: Served, operation: Endpoint, amount: object
) -> None:
    body = example(operation)
    if "amount" not in body or (amount is None and operation.name in ("write_off", "settle")):
        return
    status, problem, _ = await ask(api, operation, body | {"amount": amount})
    assert (status, problem["field"]) == (400, "amount")


async def test_a_tenant_selects_emergency_credit_for_the_own_account_alone(api: Served) -> None:
    path = "/api/v1/accounts/{}/emergency-credit"
    own = await api.ask("POST", path.format("flat-1"), "tenant", json={}, headers=KEY)
    foreign = await api.ask("POST", path.format("flat-2"), "tenant", json={}, headers=KEY)
    assert (own.status, foreign.status) == (201, 404)


@pytest.mark.invariant(15)
async def test_what_customers_owe_is_listed_for_the_own_sites(api: Served) -> None:
    for who, accounts in (("owner", ["flat-1", "flat-2", "shop-1"]), ("landlord", ["flat-1", "flat-2"])):
        debts = await (await api.ask("GET", "/api/v1/debts", who)).json()
        left = await (await api.ask("GET", "/api/v1/tenancies?outstanding=true", who)).json()
        assert [each["account_id"] for each in debts["debts"]] == accounts
        assert [each["account_id"] for each in left["tenancies"]] == accounts
    assert "tenancies True" in api.port.calls


async def test_move_out_are_listed(api: Served) -> None:
    response = await api.ask("GET", "/api/v1/accounts/flat-1/tenancies", "landlord")
    assert [each["customer"] for each in (await response.json())["tenancies"]] == ["N. Dlamini"]
