"""A failure is reduced to few faults, and printed with the command that reproduces it."""

import pytest

from tests.simulation import shrink as shrinking
from tests.simulation.__main__ import main
from tests.simulation.shrink import shrink
from tests.simulation.world import Outcome, Plan

GUILTY = {3, 17}


def fails_with_both(plan: Plan) -> Outcome:
    """Stand in for a simulation that fails if two faults occur together."""
    numbers = {fault.number for fault in plan.faults or plan.all_faults()}
    return Outcome(problems=["invariant 5: something"] if numbers >= GUILTY else [])


def test_only_the_necessary_faults_remain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shrinking, "simulate", fails_with_both)
    few = shrink(Plan(seed=8), ["invariant 5: something"], report=lambda _line: None)
    assert {fault.number for fault in few} == GUILTY


def test_a_failure_prints_the_command_that_reproduces_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shrinking, "simulate", fails_with_both)
    monkeypatch.setattr("tests.simulation.__main__.simulate", fails_with_both)
    assert main(["--seed", "8"]) == 1
    printed = capsys.readouterr().out
    assert "again: scripts/simulate --seed 8 --days 2 --meters 5\n" in printed
    assert (
        "again with these alone: scripts/simulate --seed 8 --days 2 --meters 5 --faults '3,17'\n" in printed
    )


def test_a_life_without_problems_needs_no_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.simulation.__main__.simulate", fails_with_both)
    assert main(["--seed", "8", "--faults", "3"]) == 0
    assert "again" not in capsys.readouterr().out
