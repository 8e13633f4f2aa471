"""``python -m dashboard --data DIR``: serve the dashboard on this machine."""

import argparse
import os
from pathlib import Path
import sys
from typing import Final

from dashboard.data import DATA_VARIABLE

ADDRESS: Final = "127.0.0.1"
APP: Final = Path(__file__).with_name("app.py")
DEFAULT_PORT: Final = 8501
_EPILOG: Final = f"""\
examples:
  python -m dashboard --data /var/lib/prepaid-meter
  {DATA_VARIABLE}=./data python -m dashboard --port 8600

DIR is the data folder of the bridge: it holds bridge.db and export/. The dashboard only reads it, also while
the bridge runs, and shows what to do when nothing is there yet.

There is no sign-in: it listens on {ADDRESS} only, and whoever uses this machine sees everything.
"""


def _arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m dashboard",
        description="Show the landlord's dashboard of a prepaid-electricity bridge in the browser.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    folder = os.environ.get(DATA_VARIABLE)
    parser.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        default=None if folder is None else Path(folder),
        help=f"data folder of the bridge; default: the variable {DATA_VARIABLE}",
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port to listen on; default %(default)s"
    )
    given = parser.parse_args()
    if given.data is None:
        parser.error(f"give the bridge's data folder with --data DIR, or in the variable {DATA_VARIABLE}")
    return given


def command(port: int) -> list[str]:
    """Return the command that serves the dashboard."""
    flags = [f"--server.address={ADDRESS}", f"--server.port={port}", "--server.headless=true"]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *flags]


def main() -> None:
    """Become the dashboard's server."""
    given = _arguments()
    os.environ[DATA_VARIABLE] = str(given.data.absolute())
    where = f"Dashboard on {ADDRESS}:{given.port}, this machine only, without sign-in"
    print(f"{where}; data in {given.data.absolute()}", flush=True)  # noqa: T201
    arguments = command(given.port)
    os.execv(arguments[0], arguments)  # noqa: S606


if __name__ == "__main__":
    main()
