"""The command line of the crash rounds; see ``scripts/crash --help``."""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
import random
import sys
import tempfile

from tests.crash.retention_run import run_kills
from tests.crash.rounds import run_rounds


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/crash")
    parser.add_argument("--rounds", type=int, default=100, help="how many (100)")
    parser.add_argument("--seed", type=int, help="of the instants that are drawn (a random one)")
    parser.add_argument("--readings", action="store_true", help="kill a bridge that lets old readings go")
    asked = parser.parse_args(arguments)
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}", flush=True)
    run = run_kills if asked.readings else run_rounds
    with tempfile.TemporaryDirectory(prefix="prepaid-crash-") as folder:
        house = Path(folder) / "house"
        done = asyncio.run(run(house, seed, asked.rounds, lambda line: print(line, flush=True)))
    for name, times in sorted(done.items()):
        print(f"{times:5}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
