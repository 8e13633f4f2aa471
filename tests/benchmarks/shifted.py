"""The bridge with its wall clock ahead, so that a boundary is reached when the benchmark needs it.

Run as ``python -m tests.benchmarks.shifted AHEAD_MS ARGUMENT...`` with the arguments of ``meter-bridge``.
"""

from collections.abc import Callable
import sys
import time
from unittest.mock import patch

from meter_bridge import cli


def ahead_of(clock: Callable[[], int], ahead_ns: int) -> Callable[[], int]:
    """Return a clock that is ahead of another."""
    return lambda: clock() + ahead_ns


if __name__ == "__main__":
    ahead_ms, *arguments = sys.argv[1:]
    with patch.object(time, "time_ns", ahead_of(time.time_ns, int(ahead_ms) * 1_000_000)):
        sys.exit(cli.main(arguments))
