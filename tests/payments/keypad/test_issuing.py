"""OpenPAYGO tokens: each unit is issued once, each count once, and a meter takes each token once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
import re

from hypothesis import given, settings, strategies as st
from openpaygo import OpenPAYGOTokenDecoder  # type: ignore[import-untyped]
from openpaygo.token_shared import TokenType  # type: ignore[import-untyped]
import pytest
import pytest_asyncio
from sqlalchemy.exc import IntegrityError

from meter_bridge.errors import RequestRefused
from meter_bridge.payments.keypad.tokens import (
    MAX_COUNT,
    MAX_TOKENS,
    IssuedToken,
    Keypad,
    KeypadError,
    next_tokens,
    special_token,
    token_digits,
)
from meter_bridge.payments.settings_file import load_providers
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.payments import KeypadTokenKind, KeypadTokens
from meter_bridge.protocol.requests import Reversal
from tests.engine.harness import LANDLORD, SITE, House, house, operate
from tests.payments.till import TENANT, write_file

pytestmark = pytest.mark.both_databases

KEY, CODE = "a29ab82edc5fbbc41ec9530f6dac86b1", 516_959_010
FILE = f"""
keypads:
  flat-1: {{serial: "000123", key: {KEY}, starting code: {CODE}, unit: 100 Wh}}
"""
UNITS = SITE.replace("prices: [2.00]", "prices: [2.00]\n            sold as: units bought")
KEYPAD = Keypad(account_id="flat-1", serial="000123", key=KEY, starting_code=CODE, unit_wh=100)


class Meter:
    """A meter as the standard's own decoder plays it; its used counts begin with one, or it forgets them."""

    def __init__(self, keypad: Keypad = KEYPAD) -> None:
        self.keypad = keypad
        self.count, self.used, self.units = 1, [1], 0

    def enter(self, token: str) -> int:
        """Type a token; return what kind the meter takes it for."""
        value, kind, count, used = OpenPAYGOTokenDecoder.decode_token(
            token=token.replace(" ", ""),
            secret_key=self.keypad.key,
            count=self.count,
            used_counts=self.used,
            starting_code=self.keypad.starting_code,
            restricted_digit_set=self.keypad.four_keys,
        )
        if kind in (TokenType.ADD_TIME, TokenType.DISABLE_PAYG, TokenType.COUNTER_SYNC):
            self.count, self.used = count, used
            self.units += int(value) if kind == TokenType.ADD_TIME else 0
        return int(kind)


@pytest_asyncio.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    write_file(tmp_path, FILE)
    async with house(tmp_path, UNITS, credit=None) as opened:
        yield opened


async def issued(flat: House, kind: KeypadTokenKind = KeypadTokenKind.ADD) -> KeypadTokens:
    actor = TENANT if kind is KeypadTokenKind.ADD else LANDLORD
    found = await flat.app.payments.keypad_tokens(actor, "flat-1", kind)
    await flat.settle()
    return found


async def test_what_a_top_up_buys_is_typed_at_the_meter(flat: House) -> None:
    await flat.top_up("50.00")
    (token,) = (await issued(flat)).tokens
    assert (token.units, token.wh) == (250, 25_000)
    meter = Meter()
    assert meter.enter(token.token) == TokenType.ADD_TIME
    assert meter.units == 250
    assert meter.enter(token.token) == TokenType.ALREADY_USED


@pytest.mark.invariant(4)
async def test_each_unit_is_issued_once_whoever_asks_how_often(flat: House) -> None:
    await flat.top_up("50.00")
    first = await issued(flat)
    again = await asyncio.gather(*(issued(flat) for _ in range(5)))
    assert all(each == first for each in again)
    assert flat.rows("SELECT count(*), sum(units) FROM keypad_token") == [(1, 250)]


async def test_what_does_not_fill_a_unit_waits_for_the_next_top_up(flat: House) -> None:
    await flat.top_up("0.30")
    assert [each.units for each in (await issued(flat)).tokens] == [1]
    await flat.top_up("0.30")
    assert [each.units for each in (await issued(flat)).tokens] == [2, 1]
    meter = Meter()
    for token in reversed((await issued(flat)).tokens):
        meter.enter(token.token)
    assert meter.units == 3


async def test_a_reversal_after_the_token_is_made_up_by_the_next_top_up(flat: House) -> None:
    booked = await flat.top_up("50.00")
    await issued(flat)
    await operate(flat, Reversal(entry=booked.top_up.id, reason="bounced"))
    assert len((await issued(flat)).tokens) == 1
    await flat.top_up("60.00")
    assert sum(each.units for each in (await issued(flat)).tokens) == 300


async def test_a_landlord_unlocks_a_meter_and_brings_it_in_step(flat: House) -> None:
    await flat.top_up("50.00")
    await issued(flat)
    sync = (await issued(flat, KeypadTokenKind.SYNC)).tokens[0]
    unlock = (await issued(flat, KeypadTokenKind.DISABLE)).tokens[0]
    meter = Meter()
    assert meter.enter(sync.token) == TokenType.COUNTER_SYNC
    assert meter.enter(unlock.token) == TokenType.DISABLE_PAYG


async def test_nothing_stored_holds_a_token_or_the_key_and_a_count_is_kept_for_ever(flat: House) -> None:
    await flat.top_up("50.00")
    (token,) = (await issued(flat)).tokens
    stored = "".join(str(flat.rows(f"SELECT * FROM {table}")) for table in ("keypad_token", "event"))
    for secret in (token.token, token.token.replace(" ", ""), KEY):
        assert secret not in stored
    for statement in (
        "INSERT INTO keypad_token SELECT * FROM keypad_token",
        "UPDATE keypad_token SET units = 1",
        "DELETE FROM keypad_token",
    ):
        with pytest.raises(IntegrityError):
            flat.change(statement)


async def test_an_account_without_a_keypad_is_told_so(tmp_path: Path) -> None:
    async with house(tmp_path) as plain:
        with pytest.raises(RequestRefused) as refused:
            await issued(plain)
        assert refused.value.code is ErrorCode.NOT_SUPPORTED


@given(bought=st.lists(st.integers(1, 3_000), min_size=1, max_size=5), four=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_meter_that_is_given_every_token_in_order_has_every_unit(bought: list[int], *, four: bool) -> None:
    keypad = Keypad(account_id="a", serial="s", key=KEY, starting_code=CODE, unit_wh=100, four_keys=four)
    meter, count = Meter(keypad), 0
    for units in bought:
        for minted in next_tokens(count, units):
            count = minted.count
            assert meter.enter(token_digits(keypad, minted)) == TokenType.ADD_TIME
    assert meter.units == sum(bought)


def test_more_than_a_token_carries_is_several_and_never_more_than_a_meter_follows() -> None:
    assert [each.units for each in next_tokens(0, 2_000)] == [995, 995, 10]
    assert len(next_tokens(0, 10**6)) == MAX_TOKENS
    counts = [each.count for each in next_tokens(0, 10**6)]
    assert counts == list(range(2, 22, 2))
    assert special_token(counts[-1], KeypadTokenKind.SYNC).count == 21


@pytest.mark.parametrize("units", [-1, 996, 0])
def test_a_value_that_the_library_would_take_wrongly_is_refused(units: int) -> None:
    with pytest.raises(KeypadError):
        token_digits(KEYPAD, IssuedToken(2, KeypadTokenKind.ADD, units))
    if units < 0:
        with pytest.raises(KeypadError):
            next_tokens(0, units)


def test_a_key_that_is_used_up_is_told() -> None:
    with pytest.raises(KeypadError, match="new starting code"):
        next_tokens(MAX_COUNT, 1)


@pytest.mark.parametrize(
    "text",
    [
        FILE.replace(KEY, "abc"),
        FILE.replace(str(CODE), "0"),
        FILE.replace("100 Wh", "-100 Wh"),
        FILE + '  flat-2: {serial: "000123", key: ' + KEY + ", starting code: 1, unit: 1 Wh}\n",
    ],
)
def test_a_keypad_that_is_written_wrongly_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    write_file(tmp_path, text)
    file = load_providers(tmp_path)
    assert len(file.problems) >= 1
    for problem in map(str, file.problems):
        assert re.search(r"line \d+, keypads", problem)
        assert KEY not in problem
    assert "flat-2" not in file.keypads
