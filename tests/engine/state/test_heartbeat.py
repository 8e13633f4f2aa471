"""How often a bridge with nothing to store tells its database that it lives."""

import pytest

from meter_bridge.engine.state.session import HEARTBEAT_MS, Session
from meter_bridge.engine.state.transaction import Transaction
from tests.engine.harness import House


@pytest.fixture
async def handed_over(flat: House, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the instants of the transactions that are handed over from here on."""
    session = flat.engine.session
    session.flush(everything=True)
    instants: list[int] = []
    submit = session.submit

    def noted(tx: Transaction) -> object:
        instants.append(tx.at)
        return submit(tx)

    monkeypatch.setattr(session, "submit", noted)
    return instants


async def flush_after(flat: House, milliseconds: int) -> None:
    await flat.settle()
    flat.time.forward(milliseconds)
    session: Session = flat.engine.session
    session.flush()


async def test_a_flush_with_nothing_to_store_commits_no_more_than_a_heartbeat(
    flat: House, handed_over: list[int]
) -> None:
    for _ in range(59):
        await flush_after(flat, HEARTBEAT_MS // 60)
    assert handed_over == []
    await flush_after(flat, HEARTBEAT_MS // 60)
    assert handed_over == [flat.time.wall]
    await flush_after(flat, HEARTBEAT_MS - 1)
    assert len(handed_over) == 1
    await flush_after(flat, 1)
    assert len(handed_over) == 2
