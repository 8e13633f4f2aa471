"""Top-ups over the API: once for each key, and acknowledged only after they were booked."""

from typing import Final

import pytest

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from tests.api.serving import Served

PATH: Final = "/api/v1/accounts/flat-1/top-ups"
BODY: Final = {"amount": "100.00", "method": "cash", "reference": "receipt 7"}


async def test_a_top_up_answers_201_with_its_split(api: Served) -> None:
    response = await api.ask("POST", PATH, json=BODY, headers={"Idempotency-Key": "k1"})
    assert response.status == 201
    answer = await response.json()
    assert answer["top_up"]["split"] == {"balance": 100_000_000}
    assert answer["balance"] == 112_500_000
    assert "Idempotency-Replayed" not in response.headers


@pytest.mark.invariant(4)
async def test_the_same_key_and_content_gives_the_first_answer_and_books_once(api: Served) -> None:
    first = await api.ask("POST", PATH, json=BODY, headers={"Idempotency-Key": "k1"})
    again = await api.ask("POST", PATH, json=BODY, headers={"Idempotency-Key": "k1"})
    assert again.status == 200
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await again.json() == await first.json()
    assert api.port.balances["flat-1"] == 112_500_000


@pytest.mark.invariant(4)
async def test_the_same_key_with_other_content_is_a_conflict(api: Served) -> None:
    await api.ask("POST", PATH, json=BODY, headers={"Idempotency-Key": "k1"})
    other = await api.ask("POST", PATH, json=BODY | {"amount": "5.00"}, headers={"Idempotency-Key": "k1"})
    assert other.status == 409
    assert (await other.json())["code"] == "idempotency_conflict"


async def test_without_a_key_nothing_is_booked(api: Served) -> None:
    response = await api.ask("POST", PATH, json=BODY)
    assert response.status == 400
    problem = await response.json()
    assert problem["code"] == "idempotency_key_missing"
    assert problem["field"] == "Idempotency-Key"
    assert api.port.touched == []


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "tab\there"])
async def test_a_key_that_is_not_1_to_255_printable_characters_is_refused(api: Served, key: str) -> None:
    response = await api.ask("POST", PATH, json=BODY, headers={"Idempotency-Key": key})
    assert response.status == 400
    assert (await response.json())["field"] == "Idempotency-Key"
    assert api.port.touched == []


async def test_two_keys_are_refused(api: Served) -> None:
    headers = [*api.headers("owner").items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    url = str(api.url).rstrip("/") + PATH
    async with api.session.post(url, json=BODY, headers=headers) as response:
        assert response.status == 400


@pytest.mark.parametrize("key", ["k", "x" * 255, "a key with spaces", "!~"])
async def test_a_key_of_1_to_255_printable_characters_is_taken(api: Served, key: str) -> None:
    assert (await api.ask("POST", PATH, json=BODY, headers={"Idempotency-Key": key})).status == 201


@pytest.mark.parametrize(
    "amount", ["1e3", "", " 1", "1.", ".5", "0x10", "\uff11\uff10", "1,000", "NaN", "1" * 41]
)
async def test_an_amount_that_is_no_plain_decimal_is_refused(api: Served, amount: str) -> None:
    response = await api.ask("POST", PATH, json=BODY | {"amount": amount}, headers={"Idempotency-Key": "k"})
    assert response.status == 400
    assert (await response.json())["field"] == "amount"


@pytest.mark.parametrize("amount", [100, 100.0, None, True, ["100"]])
async def test_an_amount_that_is_not_text_is_refused(api: Served, amount: object) -> None:
    response = await api.ask("POST", PATH, json=BODY | {"amount": amount}, headers={"Idempotency-Key": "k"})
    assert response.status == 400
    assert (await response.json())["field"] == "amount"


async def test_what_the_engine_refuses_is_told_with_its_status(api: Served) -> None:
    response = await api.ask("POST", PATH, json=BODY | {"amount": "-5"}, headers={"Idempotency-Key": "k"})
    assert response.status == 422
    assert (await response.json())["code"] == "amount_out_of_range"


@pytest.mark.invariant(8)
@pytest.mark.parametrize(
    "failure,status",
    [
        (RequestRefused(ErrorCode.STORAGE_UNAVAILABLE, "the disk is full"), 503),
        (RuntimeError("secret detail"), 500),
        (OSError(28, "secret detail"), 500),
    ],
)
async def test_a_top_up_that_was_not_stored_is_not_acknowledged(
    api: Served, failure: Exception, status: int
) -> None:
    api.port.failure = failure
    response = await api.ask("POST", PATH, json=BODY, headers={"Idempotency-Key": "k"})
    assert response.status == status
    assert "secret detail" not in await response.text()
