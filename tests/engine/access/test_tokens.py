"""Tokens are opaque, stored hashed, bounded in reach and time, and revoked at once."""

import pytest

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Role
from tests.engine.harness import HOUR, LANDLORD, House, opened, read_only

pytestmark = pytest.mark.both_databases


async def panel(flat: House, days: int | None = None) -> str:
    """Return a new tenant's token."""
    return await flat.bridge.create_token(
        LANDLORD, name="panel", role=Role.TENANT, sites=frozenset(), accounts=frozenset({"flat-1"}), days=days
    )


async def test_a_token_speaks_for_whom_it_was_made(flat: House) -> None:
    actor = flat.bridge.authenticate(await panel(flat))
    assert actor is not None
    assert (actor.name, actor.role, actor.accounts) == ("panel", Role.TENANT, frozenset({"flat-1"}))


async def test_only_the_hash_of_a_secret_is_stored(flat: House) -> None:
    token = await panel(flat)
    secret = token.rpartition("_")[2]
    assert secret not in repr(flat.rows("SELECT * FROM token"))
    assert secret not in repr(await flat.bridge.tokens(LANDLORD))


@pytest.mark.parametrize(
    "text", ["", "x", "pmb_", "pmb__", "pmb_0_0", "pmb_nobody_nobody", "pmb_\ud800_x", "é" * 99]
)
async def test_what_is_no_token_speaks_for_nobody(flat: House, text: str) -> None:
    assert flat.bridge.authenticate(text) is None


async def test_a_token_with_a_wrong_secret_speaks_for_nobody(flat: House) -> None:
    token = await panel(flat)
    assert flat.bridge.authenticate(token[:-1] + ("a" if token[-1] != "a" else "b")) is None
    assert flat.bridge.authenticate(token.upper()) is None


async def test_a_token_ends_with_its_days(flat: House) -> None:
    token = await panel(flat, days=1)
    await flat.tick(24 * HOUR - 1)
    assert flat.bridge.authenticate(token) is not None
    await flat.tick(1)
    assert flat.bridge.authenticate(token) is None


async def test_a_revoked_token_is_dead_at_once_and_after_a_restart(flat: House) -> None:
    token = await panel(flat)
    kept = await panel(flat)
    token_id = token.split("_")[1]
    await flat.bridge.revoke_token(LANDLORD, token_id)
    assert flat.bridge.authenticate(token) is None
    async with opened(flat.data, flat.time) as again:
        assert again.bridge.authenticate(token) is None
        assert again.bridge.authenticate(kept) is not None


async def test_a_token_for_nothing_that_exists_is_refused(flat: House) -> None:
    with pytest.raises(RequestRefused) as refusal:
        await flat.bridge.create_token(
            LANDLORD, name="x", role=Role.TENANT, sites=frozenset(), accounts=frozenset({"flat-9"}), days=None
        )
    assert refusal.value.code is ErrorCode.NOT_FOUND
    with pytest.raises(RequestRefused):
        await flat.bridge.revoke_token(LANDLORD, "nothing")


@pytest.mark.invariant(13)
async def test_a_token_that_was_not_stored_is_not_given_out(flat: House) -> None:
    with read_only(flat), pytest.raises(RequestRefused) as refusal:
        await panel(flat)
    assert refusal.value.code is ErrorCode.STORAGE_UNAVAILABLE
    assert await flat.bridge.tokens(LANDLORD) == []
