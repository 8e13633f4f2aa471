"""Simulated lives of a street: whatever fails, once it stops the books and the relays are right."""

import os
from pathlib import Path
import subprocess
import sys

import pytest

from tests.example_budget import tries
from tests.simulation.world import Plan, simulate

SEEDS = range(1, 1 + tries(20, at_a_desk=4))
FRESH = [int(seed) for seed in os.environ.get("PREPAID_FRESH_SEEDS", "").split()]
"""What ``.ci/run`` draws anew each time, and prints."""
ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)
@pytest.mark.invariant(1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 16)
@pytest.mark.parametrize("seed", [*SEEDS, *FRESH])
def test_everything_is_right_once_faults_have_stopped(seed: int) -> None:
    outcome = simulate(Plan(seed=seed))
    assert outcome.problems == [], f"again: scripts/simulate --seed {seed}"
    assert outcome.top_ups > 0


@pytest.mark.timeout(600)
@pytest.mark.invariant(14)
def test_the_same_seed_ends_in_the_same_books_whatever_the_process() -> None:
    def life(hash_seed: str) -> str:
        command = [sys.executable, "-m", "tests.simulation", "--seed", "3", "--days", "0.2"]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
        return done.stdout.partition("hash ")[2].partition(";")[0]

    assert len(life("1")) == 16
    assert life("1") == life("2")


@pytest.mark.invariant(14)
def test_another_seed_ends_in_different_books() -> None:
    assert simulate(Plan(seed=1, days=0.1)).hash != simulate(Plan(seed=2, days=0.1)).hash
