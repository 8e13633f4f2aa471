"""Every request of the protocol has its operation."""

from typing import get_args

from meter_bridge.engine.accounts.dispatch import OPERATIONS
from meter_bridge.protocol.requests import OperationRequest


def test_the_table_holds_every_request_and_no_other() -> None:
    assert set(OPERATIONS) == set(get_args(OperationRequest.__value__))
