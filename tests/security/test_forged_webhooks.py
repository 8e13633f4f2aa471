"""A webhook with any one bit changed, in its body or its signature, gives nobody credit."""

from collections.abc import AsyncIterator
import json
from pathlib import Path
import tempfile
import time

from aiohttp import ClientSession
import pytest
import pytest_asyncio

from meter_bridge.payments.providers.signature import HEADER, sign
from tests.api.real_engine import RealEngine, real_engine

SECRET = "6e2f0b7c9a5d4418b1f6"
URL = "/api/v1/payment-events/till"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[RealEngine]:
    """Serve the house with a provider."""
    with tempfile.TemporaryDirectory(prefix="pm-") as name:
        async with real_engine(Path(name)) as served:
            yield served


def flipped(content: bytes) -> list[bytes]:
    """Return every text that differs in one bit."""
    return [
        content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :]
        for bit in range(8 * len(content))
    ]


@pytest.mark.asyncio(loop_scope="module")
async def test_any_one_changed_bit_is_refused(engine: RealEngine) -> None:
    async with ClientSession(engine.url) as session:
        headers = engine.headers("owner")
        paying = await session.post(
            "/api/v1/accounts/flat-1/payments",
            json={"amount": "50.00", "provider": "till"},
            headers=headers | {"Idempotency-Key": "k"},
        )
        order = (await paying.json())["id"]
        body = json.dumps(
            {
                "id": "e",
                "type": "succeeded",
                "order": order,
                "payment": "p",
                "amount": "50.00",
                "currency": "ZAR",
            }
        ).encode()
        signature = sign(SECRET, body, round(time.time())).encode()
        forged = [(each, signature) for each in flipped(body)]
        # What cannot stand in a header at all is refused before anybody reads it.
        forged += [
            (body, each) for each in flipped(signature) if each.isascii() and each.decode().isprintable()
        ]
        for content, header in forged:
            answer = await session.post(URL, data=content, headers={HEADER: header.decode()})
            assert answer.status in {400, 401}, (content, header)
        ledger = await (await session.get("/api/v1/accounts/flat-1/ledger", headers=headers)).json()
        assert [each["kind"] for each in ledger["entries"]] == []
        told = await session.post(URL, data=body, headers={HEADER: signature.decode()})
        assert told.status == 200, await told.text()
        ledger = await (await session.get("/api/v1/accounts/flat-1/ledger", headers=headers)).json()
        assert [each["kind"] for each in ledger["entries"]] == ["top_up"]
