"""The faults of a simulation, planned from the seed in advance, so that any of them can be left out."""

from collections.abc import Sequence
from dataclasses import dataclass
import random
from typing import Final

from tests.simulation.disk import Crash

HOUR_S: Final = 3_600.0
DAY_S: Final = 24 * HOUR_S
METER_FAULTS: Final = ("recloses", "disobeys", "deaf", "silent", "repeats", "reorders")
NO_VALUES: Final = "no_values"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and its duration."""

    number: int
    kind: str
    at_s: float
    for_s: float
    target: str = ""
    strength: float = 0.0

    def __str__(self) -> str:
        day, rest = divmod(self.at_s, 24 * HOUR_S)
        hours, minutes = divmod(rest / 60, 60)
        what = f"{self.kind} {self.target}".strip()
        return (
            f"{self.number:4}  day {day:.0f} {hours:02.0f}:{minutes:02.0f} for {self.for_s:8.1f} s  {what}"
            f"  {self.strength:.2f}"
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """How often a kind of fault occurs, how long it lasts and how strong it is."""

    pause_h: float
    """Mean pause before the next one."""
    for_s: tuple[float, float]
    strength: tuple[float, float] = (0.0, 0.0)
    targets: Sequence[str] = ("",)


def recipes(meters: Sequence[str]) -> dict[str, Recipe]:
    """Return all possible faults."""
    common = {
        "loss": Recipe(8, (60, 4 * HOUR_S), (0.01, 0.3)),
        "repeats": Recipe(8, (60, 4 * HOUR_S), (0.01, 0.5)),
        "reorders": Recipe(8, (60, 4 * HOUR_S), (0.01, 0.5)),
        "broker restart": Recipe(12, (0.5, 0.5 * HOUR_S)),
        "connection cut": Recipe(8, (0.1, 1)),
        "stall": Recipe(12, (1, 0.3 * HOUR_S), (5, 1000)),
        "kill": Recipe(10, (0.5, 2 * HOUR_S)),
        "busy": Recipe(12, (60, HOUR_S), (0.1, 5)),
        "disk full": Recipe(16, (1, HOUR_S)),
        "disk read-only": Recipe(24, (1, HOUR_S)),
        "disk errors": Recipe(16, (1, HOUR_S), (0.01, 0.5)),
        "disk slow": Recipe(16, (1, HOUR_S), (0.1, 10)),
        "clock jump": Recipe(24, (60, 6 * HOUR_S), (-12 * HOUR_S, 12 * HOUR_S)),
    }
    dying = {f"crash {crash}": Recipe(12, (0.5, 600)) for crash in Crash}
    broken = {f"meter {fault}": Recipe(24, (60, 3 * HOUR_S), targets=meters) for fault in METER_FAULTS}
    return {
        **common,
        **dying,
        **broken,
        "meter restart": Recipe(24, (1, 1), targets=meters),
        "meter clock": Recipe(36, (60, 12 * HOUR_S), (-DAY_S, DAY_S), targets=meters),
        "meter buffers": Recipe(36, (60, 2 * HOUR_S), targets=meters),
        "counter told": Recipe(60, (1, 1), targets=meters),
        "counter reset": Recipe(60, (1, 1), targets=meters),
        "counter jump": Recipe(60, (1, 1), targets=meters),
        "counter replaced": Recipe(60, (60, HOUR_S), targets=meters),
        **{f"payment crash {crash}": Recipe(12, (0.5, 600)) for crash in Crash},
        f"meter {NO_VALUES}": Recipe(24, (60, 3 * HOUR_S), targets=meters),
        "device swapped": Recipe(60, (1, 1), targets=meters),
        "device in another unit": Recipe(60, (0.5 * HOUR_S, 6 * HOUR_S), (0.0, 1.0), targets=meters),
        "device stuck": Recipe(60, (3 * HOUR_S, 8 * HOUR_S), targets=meters),
        "device tells only its relay": Recipe(60, (0.5 * HOUR_S, 3 * HOUR_S), targets=meters),
        "device tells no register": Recipe(60, (0.5 * HOUR_S, 3 * HOUR_S), targets=meters),
        "device mistyped": Recipe(60, (0.5 * HOUR_S, 3 * HOUR_S), targets=meters),
    }


def plan_faults(seed: int, days: float, meters: Sequence[str]) -> list[Fault]:
    """Return the faults of a seed by start time.

    Each seed has its own selection of kinds (swarm testing: without one fault others take effect), and each
    kind its own random source.
    """
    chance = random.Random(f"{seed}/faults")
    share = chance.choice([0.2, 0.5, 0.8])
    found: list[tuple[float, float, str, str, float]] = []
    for kind, recipe in recipes(meters).items():
        wanted, own = chance.random() < share, random.Random(f"{seed}/faults/{kind}")
        if not wanted:
            continue
        for target in recipe.targets:
            found += _one_kind(own, days * 24 * HOUR_S, kind, recipe, target)
    return [
        Fault(number, kind, at, span, target, strength)
        for number, (at, span, kind, target, strength) in enumerate(sorted(found), 1)
    ]


def _one_kind(
    chance: random.Random, end_s: float, kind: str, recipe: Recipe, target: str
) -> list[tuple[float, float, str, str, float]]:
    """Return the faults of one kind and target, which do not overlap."""
    found, at = [], chance.expovariate(1 / (recipe.pause_h * HOUR_S))
    while at < end_s:
        shortest, longest = recipe.for_s
        span = min(shortest * (longest / shortest) ** chance.random(), end_s - at)
        found.append((at, span, kind, target, chance.uniform(*recipe.strength)))
        at += span + chance.expovariate(1 / (recipe.pause_h * HOUR_S))
    return found
