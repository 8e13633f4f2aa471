"""Finds few faults that suffice for a failure that happened with many (delta debugging, Zeller 1999)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from tests.simulation.faults import Fault
from tests.simulation.world import Plan, simulate

MOST_RUNS: Final = 60


def kind_of(problems: Sequence[str]) -> str:
    """Return what distinguishes kinds of problems, without figures and names."""
    return problems[0].partition(":")[0] if problems else ""


def shrink(plan: Plan, problems: Sequence[str], *, report: Callable[[str], None]) -> tuple[Fault, ...]:
    """Return fewer faults of a failing plan with which the same kind of problem occurs."""
    wanted = kind_of(problems)
    faults = plan.all_faults() if plan.faults is None else list(plan.faults)
    runs = 0

    def still_fails(some: Sequence[Fault]) -> bool:
        nonlocal runs
        runs += 1
        found = simulate(replace(plan, faults=tuple(some))).problems
        report(f"  {len(some):4} faults: {'fails' if found else 'passes'}")
        return wanted in {problem.partition(":")[0] for problem in found}

    parts = 2
    while faults and runs < MOST_RUNS:
        size = -(-len(faults) // parts)
        chunks = [faults[start : start + size] for start in range(0, len(faults), size)]
        rests = ([fault for fault in faults if fault not in chunk] for chunk in chunks)
        smaller = next((rest for rest in rests if runs < MOST_RUNS and still_fails(rest)), None)
        if smaller is not None:
            faults, parts = smaller, max(parts - 1, 2)
        elif size == 1:
            break
        else:
            parts = min(parts * 2, len(faults))
    return tuple(faults)
