"""Draw mutations at random and see which the tests find; see ``scripts/mutate --help``."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
import random
import signal
import sys
import tempfile
import tomllib
from typing import Final

from scripts.lib.mutation.finding import PACKAGES, Copy, Verdict
from scripts.lib.mutation.mutations import Mutation, mutations

PROJECT: Final = Path(__file__).resolve().parents[3]
EQUIVALENT: Final = Path("scripts/lib/mutation/equivalent.toml")
KEPT: Final = Path(".mutations/reached.json")
"""Which tests execute what, from one run to the next."""
LEFT_OUT: Final = (
    "meter_bridge/storage/migrations/",  # changed never again, and run by what they were written for
    "custom_components/prepaid_meter/client/protocol.py",  # copies, which a test compares
    "custom_components/prepaid_meter/client/vocabulary.py",
)


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A mutation that changes nothing that anybody could notice."""

    file: str
    before: str
    after: str
    reason: str


def equivalents(project: Path = PROJECT) -> list[Equivalent]:
    """Return the known equivalent mutations."""
    told = tomllib.loads((project / EQUIVALENT).read_text(encoding="utf-8"))
    return [Equivalent(**each) for each in told.get("equivalent", [])]


def drawn(seed: int, within: Sequence[str], project: Path = PROJECT) -> Iterator[tuple[Mutation, bytes]]:
    """Yield the mutations of some files or folders, each with its file, in the order of a seed."""
    files = sorted(path for name in within for path in _files(project / name))
    places = [
        (found, source)
        for path in files
        if not path.relative_to(project).as_posix().startswith(LEFT_OUT)
        for source in [path.read_bytes()]
        for found in mutations(path.relative_to(project), source)
    ]
    random.Random(seed).shuffle(places)  # noqa: S311 - a sample, no secret
    yield from places


def _files(path: Path) -> Iterator[Path]:
    yield from [path] if path.is_file() else path.rglob("*.py")


def main(arguments: Sequence[str]) -> int:
    """Try as many mutations as were asked for; the exit code is 1 if too few were killed."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the copy goes, and what runs in it
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    known = {(each.file, each.before, each.after): each.reason for each in equivalents()}
    print(f"seed {seed}", flush=True)
    outcomes: dict[str, int] = {"killed": 0, "survived": 0, "undecided": 0}
    with tempfile.TemporaryDirectory(prefix="mutations-") as name:
        copy = Copy(PROJECT, Path(name), PROJECT / KEPT)
        for mutation, source in drawn(seed, asked.within or list(PACKAGES)):
            if sum(outcomes.values()) == asked.count:
                break
            before, after = mutation.lines(source)
            where = f"{mutation.path}:{mutation.line}"
            if reason := known.get((mutation.path.as_posix(), before, after)):
                print(f"equivalent {where}: {reason}", flush=True)
                continue
            verdict = copy.try_to_find(mutation, asked.limit, nearest=asked.nearest)
            outcomes[verdict.outcome] += 1
            print(f"{verdict.outcome:9} {where}", _by(verdict), flush=True)
            if verdict.outcome != "killed":
                print(f"    - {before}\n    + {after}", flush=True)
    return _summed_up(outcomes, seed, asked)


def _by(verdict: Verdict) -> str:
    if verdict.by:
        return f"by {verdict.by}"
    return f"{verdict.asked} tests asked" if verdict.asked else "no test executes it"


def _summed_up(outcomes: dict[str, int], seed: int, asked: argparse.Namespace) -> int:
    tried = sum(outcomes.values())
    share = 100 * outcomes["killed"] / tried if tried else 0.0
    counts = ", ".join(f"{many} {outcome}" for outcome, many in outcomes.items())
    nearest = ("--nearest",) if asked.nearest else ()
    again = " ".join(("scripts/mutate", f"--seed {seed} --count {asked.count}", *nearest, *asked.within))
    print(f"{counts}: {share:.1f} % killed; again: {again}")
    return 0 if share >= asked.at_least else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument("within", nargs="*", help="files or folders of the product; default: all of it")
    parser.add_argument("--seed", type=int, help="which mutations, in which order; default: a new one")
    parser.add_argument("--count", type=int, default=20, help="how many are tried (20)")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds for the tests of each (900)")
    parser.add_argument(
        "--nearest",
        action="store_true",
        help="leave out the tests of the room: quicker, but some survive by it",
    )
    parser.add_argument("--at-least", type=float, default=95.0, help="share that must be killed, in percent")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
