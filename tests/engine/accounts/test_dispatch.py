"""Every request of the protocol has its operation, and a stored key is recognised by every later release.

``operations_515b651.jsonl`` holds requests with the name and hash under which that commit stored them.
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast, get_args

import msgspec
import pytest

from meter_bridge.engine.accounts.dispatch import OPERATIONS, operation_of
from meter_bridge.engine.state.model import Account
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.requests import OperationRequest
from tests.engine.harness import LANDLORD, House

STORED = [
    json.loads(line)
    for line in (Path(__file__).parent / "operations_515b651.jsonl").read_text(encoding="utf-8").splitlines()
]


def request_of(stored: dict[str, Any]) -> OperationRequest:
    """Return the request of a stored operation."""
    body: type[OperationRequest] = getattr(requests, stored["body"])
    return msgspec.convert(stored["request"], body)


def test_the_table_holds_every_request_and_no_other() -> None:
    assert set(OPERATIONS) == set(get_args(OperationRequest.__value__))
    assert {row["body"] for row in STORED} == {body.__name__ for body in OPERATIONS}


@pytest.mark.parametrize("stored", STORED, ids=[f"{row['operation']}-{n}" for n, row in enumerate(STORED)])
def test_an_operation_keeps_the_name_and_hash_under_which_it_was_stored(stored: dict[str, Any]) -> None:
    supplies = [SimpleNamespace(id=supply) for supply in stored["supplies"]]
    account = SimpleNamespace(site=SimpleNamespace(currency=stored["currency"]), supplies=supplies)
    operation = operation_of(cast("Account", account), request_of(stored))
    assert (operation.name, operation.content_hash()) == (stored["operation"], stored["content_hash"])


@pytest.mark.invariant(4)
async def test_a_key_that_an_older_release_answered_keeps_its_answer(flat: House) -> None:
    stored = STORED[0]
    request = request_of(stored)
    first, _ = await flat.app.accounts.operate(LANDLORD, "flat-1", request, key="before")
    assert flat.rows("SELECT operation, content_hash FROM operation WHERE key = 'before'") == [
        (stored["operation"], stored["content_hash"])
    ]
    again, replayed = await flat.app.accounts.operate(LANDLORD, "flat-1", request, key="before")
    assert (again, replayed) == (first, True)
    with pytest.raises(RequestRefused) as refusal:
        await flat.app.accounts.operate(LANDLORD, "flat-1", request_of(STORED[1]), key="before")
    assert refusal.value.code is ErrorCode.IDEMPOTENCY_CONFLICT
