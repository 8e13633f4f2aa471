"""``contained.py SECONDS PROGRAM...`` runs a program for so long at most, and ends all that it started.

Whatever its tests started, in whichever session, comes to this process when its parent ends
(PR_SET_CHILD_SUBREAPER of prctl(2)), so nothing is left over. The exit code is its own, or timeout(1)'s.
"""

from contextlib import suppress
import ctypes
from pathlib import Path
import resource
import shutil
import signal
import subprocess
import sys
from typing import Final

import psutil

TIME_IS_UP: Final = 124
MEMORY_BYTES: Final = 16 << 30
"""A mutation may never stop to ask for memory."""
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36


def main_of(command: list[str], seconds: float) -> int:
    """Return the exit code of a program that another Python contains."""
    return subprocess.call([sys.executable, __file__, str(seconds), *command])  # nosec B603


def main(seconds: float, command: list[str]) -> int:
    """Run a program and return its exit code."""
    system = ctypes.CDLL(None, use_errno=True)
    system.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    system.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TIME_IS_UP))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # nosec B603 - what this program was given
    try:
        return program.wait(seconds)
    except subprocess.TimeoutExpired:
        return TIME_IS_UP
    finally:
        _end_all()


def _end_all() -> None:
    """End every descendant; an ended parent's children come here, so look until there are none."""
    while started := psutil.Process().children(recursive=True):
        for process in started:
            with suppress(psutil.Error):
                _forget_server(process)
                process.kill()
        psutil.wait_procs(started, timeout=5)


def _forget_server(process: psutil.Process) -> None:
    """Remove the database cluster of a PostgreSQL server that is ended: nobody else knows of it."""
    cluster = Path(process.cwd()).parent
    if process.name() == "postgres" and cluster.name.startswith("prepaid-pg-"):
        process.kill()
        shutil.rmtree(cluster, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
