"""In which order the whole suite runs, and what stays together, so that its workers end together.

``scripts/test`` gives each worker one file after the other (xdist's ``loadfile``), so that what a file
shares is made once; a simulated life shares nothing and goes out alone. What takes long begins first:
a worker that took a long file last would be waited for. Files that start real programs mostly wait for them,
so they stand between files that compute, and further workers use the two processors meanwhile.
The tests that share Home Assistant and the broker of ``tests/e2e`` are one piece, so that both start once.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

import pytest
from xdist.scheduler import LoadFileScheduling

REAL = ("tests/e2e/", "tests/crash/")
ALONE = ("tests/simulation/",)
LONG = ("tests/simulation/", "tests/oracles/", "tests/cluster/", "tests/dashboard/")
HOUSE = "the house of tests/e2e"
HOUSE_FILES = (
    "tests/e2e/test_broker_killed.py",
    "tests/e2e/test_dashboard_pages.py",
    "tests/e2e/test_home_assistant",
    "tests/e2e/test_hostile_payloads.py",
    "tests/e2e/test_story.py",
)
COMPUTING_BESIDE = 2
"""So many files that compute for each that waits."""


class ByFile(LoadFileScheduling):
    """Gives out whole files in the order in which they were collected, and the house's as one."""

    def _split_scope(self, nodeid: str) -> str:
        """Return what is given to one worker together."""
        return piece(nodeid)


def piece(nodeid: str) -> str:
    """Return the name of what a test belongs to: itself, its file, or all that share the house."""
    if nodeid.startswith(ALONE):
        return nodeid
    return HOUSE if nodeid.startswith(HOUSE_FILES) else nodeid.split("::", 1)[0]


def ordered(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests of all files, the house's first; the order within a file stays."""
    pieces: dict[str, list[pytest.Item]] = {}
    for item in items:
        pieces.setdefault(piece(item.nodeid), []).append(item)
    return [item for name in names(list(pieces)) for item in pieces[name]]


def names(pieces: Sequence[str]) -> Iterator[str]:
    """Yield what waits for real programs between what computes, of which the longest comes first."""
    waiting = sorted((name for name in pieces if _waits(name)), key=lambda name: name != HOUSE)
    computing = iter(sorted((name for name in pieces if not _waits(name)), key=_place))
    beside = zip_longest(*[computing] * COMPUTING_BESIDE)
    for group in zip_longest(((name,) for name in waiting), beside, fillvalue=()):
        yield from filter(None, chain(*group))


def _place(name: str) -> int:
    """Return the place of a file that computes among the long ones, or one after them."""
    return next((place for place, folder in enumerate(LONG) if name.startswith(folder)), len(LONG))


def _waits(name: str) -> bool:
    return name == HOUSE or name.startswith(REAL)
