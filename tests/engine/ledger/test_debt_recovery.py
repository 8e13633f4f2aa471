"""Recovery by time: a period takes its instalment once, and nothing is made up for while nothing was owed."""

from pathlib import Path

import pytest

from meter_bridge.protocol.requests import ChangeDebt, OpenDebt, Reversal
from tests.engine.harness import HOUR, SITE, House, house, operate, zar

DAY = 24 * HOUR
DEBT = OpenDebt(
    debt="old",
    description="Old",
    amount="50.00",
    reason="agreed",
    rate="2.00",
    every="day",
    percent="100",
)


def instalments(flat: House) -> int:
    """Return how many instalments were recovered."""
    query = "SELECT count(*) FROM journal_entry WHERE kind = 'debt_recovery'"
    return int(str(flat.rows(query)[0][0]))


@pytest.mark.parametrize("reopened", ["reversal", "reversal after a change of terms", "reversal at once"])
async def test_a_reversal_of_the_top_up_that_paid_a_debt_takes_no_missed_instalments(
    tmp_path: Path, reopened: str
) -> None:
    """The weeks in which nothing was owed recover nothing, also not all at once when something is again."""
    async with house(tmp_path, SITE) as flat:
        await operate(flat, DEBT)
        paid = await flat.top_up("60.00")
        assert flat.account.debts["old"].owed == 0
        passed = 0 if reopened == "reversal at once" else 20
        for _ in range(passed):
            await flat.tick(DAY)
        if reopened == "reversal after a change of terms":
            await operate(flat, ChangeDebt(debt="old", reason="less", rate="1.00"))
        await operate(flat, Reversal(entry=paid.top_up.id, reason="bounced"))
        for _ in range(60):
            await flat.tick()
        assert flat.account.debts["old"].owed == zar("50.00")
        assert instalments(flat) == 0
        await flat.tick(DAY)
        assert instalments(flat) == 1
        await flat.tick(DAY)
        assert instalments(flat) == 2
        assert flat.problems() == []
