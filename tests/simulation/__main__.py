"""The command line of the simulator; see ``scripts/simulate --help`` and ``scripts/soak --help``."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
import random
import sys
import time

from tests.simulation.faults import Fault
from tests.simulation.shrink import shrink
from tests.simulation.world import Outcome, Plan, simulate


def main(arguments: Sequence[str]) -> int:
    """Run what was requested; the exit code is 1 if anything was wrong."""
    asked = _parser().parse_args(arguments)
    if asked.soak:
        return _soak(asked)
    plan = Plan(seed=asked.seed, days=asked.days, meters=asked.meters)
    if asked.faults is not None:
        plan = replace(plan, faults=_chosen(plan, asked.faults))
    if asked.list:
        for fault in plan.faults or plan.all_faults():
            print(fault)
        return 0
    return _run(plan, shrinks=not asked.no_shrink)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/simulate",
        description="Let a simulated street live for some days with everything that can fail, and check it.",
    )
    parser.add_argument("--seed", type=int, default=1, help="what happens when; the same seed ends the same")
    parser.add_argument("--days", type=float, default=2.0, help="how long the street lives (2)")
    parser.add_argument("--meters", type=int, default=5, help="how many units it has (5)")
    parser.add_argument("--faults", help="only these of the seed's faults, such as 3,7-9; '' for none")
    parser.add_argument("--list", action="store_true", help="print the faults of the seed and stop")
    parser.add_argument("--no-shrink", action="store_true", help="do not look for fewer faults")
    parser.add_argument("--soak", action="store_true", help="run one seed after the other without end")
    parser.add_argument("--from", dest="first", type=int, help="with --soak: the first seed (a random one)")
    return parser


def _chosen(plan: Plan, text: str) -> tuple[Fault, ...]:
    wanted: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        wanted |= set(range(int(first), int(last or first) + 1))
    return tuple(fault for fault in plan.all_faults() if fault.number in wanted)


def _run(plan: Plan, *, shrinks: bool) -> int:
    """Run one plan, and print how to reproduce a failure."""
    started = time.monotonic()
    outcome = simulate(plan)
    print(_line(plan, outcome, time.monotonic() - started), flush=True)
    if not outcome.problems:
        return 0
    for problem in outcome.problems:
        print(f"  {problem}")
    print(f"again: {_command(plan)}", flush=True)
    if shrinks:
        _shrink(plan, outcome)
    return 1


def _shrink(plan: Plan, outcome: Outcome) -> None:
    few = shrink(plan, outcome.problems, report=lambda line: print(line, flush=True))
    print(f"{len(few)} of {len(plan.faults or plan.all_faults())} faults are enough:")
    for fault in few:
        print(fault)
    print(f"again with these alone: {_command(replace(plan, faults=few))}", flush=True)


def _line(plan: Plan, outcome: Outcome, seconds: float) -> str:
    ending = f"{len(outcome.problems)} problems" if outcome.problems else "right"
    speed = plan.days * 86_400 / seconds
    return (
        f"seed {plan.seed}: {ending}; {plan.days:g} days, {plan.meters} meters, {outcome.faults} faults,"
        f" {outcome.starts} starts, {outcome.top_ups} top-ups, {outcome.commits} commits;"
        f" hash {outcome.hash[:16]}; {seconds:.1f} s, {speed:,.0f} times real time"
    )


def _command(plan: Plan) -> str:
    command = f"scripts/simulate --seed {plan.seed} --days {plan.days:g} --meters {plan.meters}"
    if plan.faults is None:
        return command
    return f"{command} --faults '{','.join(str(fault.number) for fault in plan.faults)}'"


def _soak(asked: argparse.Namespace) -> int:
    """Run seeds of all lengths and sizes until one fails or Ctrl+C."""
    seed = asked.first if asked.first is not None else random.SystemRandom().randrange(10**6, 10**9)
    while True:
        chance = random.Random(seed)
        plan = Plan(seed=seed, days=chance.choice([0.5, 1, 2, 5]), meters=chance.choice([1, 3, 5, 9]))
        if _run(plan, shrinks=not asked.no_shrink):
            return 1
        seed += 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
