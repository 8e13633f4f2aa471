"""A long life of one account, by chance: the books stay right and no limit is passed."""

from contextlib import suppress
from pathlib import Path
import random

import pytest

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.requests import (
    ChangeDebt,
    CloseDebt,
    Correction,
    MoveIn,
    MoveOut,
    OpenDebt,
    OperationRequest,
    Refund,
    Reversal,
    SelectEmergencyCredit,
    WriteOff,
)
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, House, house, opened, operate, zar

RULES = """        overdraft: 5.00
        emergency credit: {limit: 20.00, threshold: 3.00}
        debt while in emergency credit: accumulate
        debt while disconnected: pause
        standing charge while in emergency credit: accumulate
        standing charge while disconnected: accumulate
        friendly hours: [{days: sat, from: "00:00", to: "24:00"}]
"""


def some_operation(chance: random.Random, entries: int) -> OperationRequest:
    """Return an operation that may be possible or not."""
    amount = f"{chance.randint(1, 40)}.{chance.randint(0, 99):02d}"
    return chance.choice(
        (
            SelectEmergencyCredit(),
            SelectEmergencyCredit(),
            Refund(amount=amount, reason="r"),
            Correction(amount=chance.choice((amount, f"-{amount}")), reason="r"),
            Reversal(entry=f"entry-{chance.randint(1, entries)}", reason="r"),
            WriteOff(reason="r", debt=chance.choice((None, "old", "new"))),
            OpenDebt(debt="old", description="Old", amount=amount, reason="r", rate="2.00", every="day"),
            OpenDebt(
                debt="new",
                description="New",
                amount=amount,
                reason="r",
                percent="30",
                cap="4",
                cap_every="day",
            ),
            ChangeDebt(debt="old", reason="r", percent="20"),
            CloseDebt(debt="old", reason="r"),
            MoveOut(reason="r", remainder=chance.choice(("refund", "keep"))),
            MoveIn(customer="N.", opening_credit=chance.choice(("0", amount))),
        )
    )


def check_limits(made: House) -> None:
    """Check what must hold after every step."""
    account = made.account
    assert 0 <= account.emergency_used <= zar("20")
    assert account.arrears >= 0
    assert all(debt.owed >= 0 for debt in account.debts.values())
    assert account.emergency_selected or not account.emergency_used
    if account.balance > -zar("5"):
        assert not account.emergency_used, "emergency credit is repaid before the balance grows"


@pytest.mark.invariant(1)
@pytest.mark.invariant(2)
@pytest.mark.parametrize("seed", range(4))
async def test_a_long_life_of_one_account(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with house(tmp_path, BLOCKS + RULES, credit="30.00") as made:
        made.time.synchronised = True
        wh = 0
        await made.read(wh)
        for _ in range(120):
            match chance.randrange(5):
                case 0 | 1:
                    hours = chance.randint(1, 30)
                    wh += chance.randint(0, 1_500)
                    await made.read(wh, after=hours * HOUR)
                case 2:
                    with suppress(RequestRefused):
                        await made.top_up(f"{chance.randint(1, 30)}.00")
                case 3:
                    with suppress(RequestRefused):
                        await operate(
                            made, some_operation(chance, made.engine.session.installation.sequences.entry)
                        )
                case _:
                    await made.tick(chance.randint(1, 20) * HOUR)
            check_limits(made)
            assert made.engine.session.storage_error is None
        assert made.problems() == []
        before = made.app.accounts.view(LANDLORD, "flat-1")
        await made.settle()
        async with opened(made.data, made.time) as again:
            after = again.app.accounts.view(LANDLORD, "flat-1")
            assert (after.balance, after.arrears, after.debts) == (
                before.balance,
                before.arrears,
                before.debts,
            )
            assert after.emergency_credit == before.emergency_credit
            assert after.last_top_up == before.last_top_up
