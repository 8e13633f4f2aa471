"""Thousands of guesses at a real bridge that is killed three times: few of each kind are checked."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from pathlib import Path

import aiohttp
import pytest

from meter_bridge.payments.vouchers.code import with_check_digits
from scripts.lib.demo.bridge import BridgeProcess
from scripts.lib.demo.process import LOOPBACK, free_port
from tests.crash.house import SITE, UNREACHABLE
from tests.example_budget import tries

GUESSES = tries(10_000, at_a_desk=2_000)
LIVES = 3
AT_ONCE = 16
HEARD = {"code": 30, "voucher": 5}
"""Page codes come from this machine, as behind a proxy, where nobody's five guesses lock a room."""
PAGE = {"Prepaid-Page": "1"}


@dataclass
class Guesser:
    """Tries page codes and vouchers, one wrong number after another, as fast as they are answered."""

    url: str
    token: str
    numbers: count[int] = field(default_factory=count)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    async def guess(self, limit: int) -> None:
        """Guess until this many were answered in all, or nothing answers any more."""
        async with aiohttp.ClientSession(self.url) as session:
            await asyncio.gather(*(self._one_by_one(session, limit) for _ in range(AT_ONCE)))

    async def _one_by_one(self, session: aiohttp.ClientSession, limit: int) -> None:
        while self.answers.total() < limit:
            number = next(self.numbers)
            try:
                what, status = await (self._code if number % 2 else self._voucher)(session, number)
            except UNREACHABLE:
                return
            self.answers[what, status] += 1

    async def _code(self, session: aiohttp.ClientSession, number: int) -> tuple[str, int]:
        body = {"number": "one", "code": f"{number:08d}"}
        async with session.post("/api/v1/page/sign-in", json=body, headers=PAGE) as answer:
            return "code", answer.status

    async def _voucher(self, session: aiohttp.ClientSession, number: int) -> tuple[str, int]:
        body = {"code": with_check_digits(number)}
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": f"guess-{number}"}
        async with session.post("/api/v1/accounts/one/vouchers", json=body, headers=headers) as answer:
            return "voucher", answer.status


async def sign_in(url: str, code: str) -> int:
    """Return the response to the correct code."""
    async with (
        aiohttp.ClientSession(url) as session,
        session.post("/api/v1/page/sign-in", json={"number": "one", "code": code}, headers=PAGE) as answer,
    ):
        return answer.status


@pytest.mark.crash
@pytest.mark.timeout(600)
async def test_of_thousands_of_guesses_across_kills_no_more_than_are_allowed_are_checked(
    tmp_path: Path,
) -> None:
    environment = {"PREPAID_METER_BROKER": f"mqtt://{LOOPBACK}:{free_port()}"}
    bridge = BridgeProcess(tmp_path / "data", free_port(), tmp_path / "bridge.log", environment)
    site = tmp_path / "site.yaml"
    site.write_text(SITE, encoding="utf-8")
    await bridge.run("apply", "--yes", str(site))
    guesser = Guesser(bridge.url, await bridge.token("guesser", "tenant", "one"))
    try:
        await bridge.start()
        card = await bridge.run("access", "create", "one")
        for life in range(1, LIVES + 1):
            guessing = asyncio.create_task(guesser.guess(GUESSES * life // LIVES + 2 * AT_ONCE))
            while guesser.answers.total() < GUESSES * life // LIVES:
                if guessing.done():
                    guessing = asyncio.create_task(guesser.guess(GUESSES * life // LIVES + 2 * AT_ONCE))
                await asyncio.sleep(0.01)
            await bridge.kill()
            await guessing
            await bridge.start()
        assert guesser.answers.total() >= GUESSES
        refused = {"code": HTTPStatus.UNAUTHORIZED, "voucher": HTTPStatus.UNPROCESSABLE_ENTITY}
        wrong = {what: guesser.answers.pop((what, status)) for what, status in refused.items()}
        assert all(wrong[what] <= HEARD[what] for what in HEARD), wrong
        assert {status for _, status in guesser.answers} == {HTTPStatus.TOO_MANY_REQUESTS}, guesser.answers
        assert await sign_in(bridge.url, card.splitlines()[1].split()[-2]) == HTTPStatus.TOO_MANY_REQUESTS
    finally:
        await bridge.stop()
    assert await bridge.problems() == []
