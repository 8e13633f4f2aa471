"""Real mosquitto and bridge, killed, disconnected and without disk: whatever was acknowledged is kept."""

from pathlib import Path
import random

import pytest

from tests.crash.rounds import ROUNDS, run_rounds


@pytest.mark.crash
@pytest.mark.e2e
@pytest.mark.timeout(600)
@pytest.mark.invariant(4, 5, 8, 9, 13)
async def test_nothing_acknowledged_is_lost_and_every_relay_ends_in_its_position(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    print(f"again: scripts/crash --seed {seed} --rounds {len(ROUNDS)}")  # noqa: T201 - shown where a test fails
    done = await run_rounds(tmp_path / "house", seed, len(ROUNDS), print)
    assert set(done) == set(ROUNDS)
