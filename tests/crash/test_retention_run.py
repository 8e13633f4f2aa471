"""A bridge that is killed while it deletes old readings: each is in the database or in files, once."""

from pathlib import Path
import random

import pytest

from tests.crash.retention_run import run_kills

ROUNDS = 3


@pytest.mark.crash
@pytest.mark.timeout(300)
@pytest.mark.invariant(5)
async def test_no_quarter_hour_is_lost_or_duplicated_if_deletion_is_killed(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    print(f"again: scripts/crash --readings --seed {seed} --rounds {ROUNDS}")  # noqa: T201 - shown where it fails
    killed = await run_kills(tmp_path, seed, ROUNDS, print)
    assert killed.total() == ROUNDS
