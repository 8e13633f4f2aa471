"""``python -m dashboard --data DIR``: serve the dashboard; ``report`` as first word writes reports."""

import argparse
from ipaddress import ip_address
import os
from pathlib import Path
import re
import sys
from typing import Final

from dashboard.settings import DATA_VARIABLE, DATABASE_VARIABLE, SESSION_HOURS, Settings
from meter_bridge.text.formats import CONVENTIONS

ADDRESS: Final = "127.0.0.1"
APP: Final = Path(__file__).with_name("serve.py")
DEFAULT_PORT: Final = 8501
REPORT: Final = "report"
ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")
_EPILOG: Final = f"""\
examples:
  python -m dashboard --data /var/lib/prepaid-meter
  python -m dashboard --data ./data --without-sign-in
  {DATA_VARIABLE}=./data python -m dashboard --port 8600
  python -m dashboard report --help

DIR is the data folder of the bridge: it holds bridge.db and export/. The dashboard only reads it, also while
the bridge runs, and shows what to do when nothing is there yet. Where the bridge's database is on PostgreSQL,
{DATABASE_VARIABLE} names it for both.

People sign in with a token of the bridge (meter-bridge token create), or through OpenID Connect with
--people. With --without-sign-in anyone who uses this machine can read everything, and nobody can change
anything.
"""


def _parser() -> argparse.ArgumentParser:
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
    parser.add_argument(
        "--address", default=ADDRESS, help="address to listen on; default %(default)s, this machine only"
    )
    parser.add_argument(
        "--without-sign-in",
        action="store_true",
        help="anyone who uses this machine can read everything; loopback only",
    )
    parser.add_argument(
        "--people", metavar="FILE", type=Path, help="roles of people who sign in through OpenID Connect"
    )
    parser.add_argument("--bridge", metavar="URL", help="the bridge's API, where it is on another machine")
    parser.add_argument(
        "--session-hours",
        metavar="N",
        type=int,
        default=SESSION_HOURS,
        help="how long a sign-in lasts; default %(default)s",
    )
    parser.add_argument(
        "--language", metavar="CODE", default="en", help="language of the pages; default %(default)s"
    )
    parser.add_argument(
        "--numbers",
        choices=CONVENTIONS,
        default="",
        help="how numbers are written; default: as the language does",
    )
    parser.add_argument(
        "--origin",
        metavar="URL",
        action="append",
        default=[],
        help="address under which a proxy that changes Host shows the dashboard; may be given again",
    )
    parser.add_argument(
        "--framed-by",
        metavar="ORIGIN",
        action="append",
        default=[],
        help="whose pages may show the dashboard in a frame, such as http://homeassistant.local:8123",
    )
    return parser


def _arguments() -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args()
    if options.data is None:
        parser.error(f"give the bridge's data folder with --data DIR, or in the variable {DATA_VARIABLE}")
    if options.without_sign_in and not _is_loopback(options.address):
        parser.error(
            f"--without-sign-in would show everything to anyone who reaches {options.address}; leave it out"
        )
    if options.session_hours < 1:
        parser.error("--session-hours is at least 1")
    for option, given in (("--framed-by", options.framed_by), ("--origin", options.origin)):
        wrong = next((each for each in given if not ORIGIN.fullmatch(each)), None)
        if wrong is not None:
            parser.error(f"{option} {wrong!r} is no origin; write scheme, host and port without a path")
    if options.people is not None and not options.people.is_file():
        parser.error(f"--people {options.people}: there is no such file; docs/dashboard.md shows one")
    return options


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def server_command(options: argparse.Namespace) -> list[str]:
    """Return the command that serves the dashboard."""
    flags = [f"--server.address={options.address}", f"--server.port={options.port}", "--server.headless=true"]
    flags += [f"--server.corsAllowedOrigins={origin}" for origin in options.origin]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *flags]


def _serve() -> None:
    options = _arguments()
    environment = Settings(
        data=options.data.absolute(),
        database=os.environ.get(DATABASE_VARIABLE) or None,
        bridge=options.bridge,
        without_sign_in=options.without_sign_in,
        framed_by=tuple(options.framed_by),
        origins=tuple(options.origin),
        people=None if options.people is None else options.people.absolute(),
        session_hours=options.session_hours,
        language=options.language,
        numbers=options.numbers,
    )
    os.environ.update(environment.environment())
    how = "without sign-in" if options.without_sign_in else "with sign-in"
    print(f"Dashboard on {options.address}:{options.port}, {how}; data in {environment.data}", flush=True)  # noqa: T201
    arguments = server_command(options)
    os.execv(arguments[0], arguments)  # noqa: S606


def main() -> int:
    """Serve the pages, or write reports."""
    if sys.argv[1:2] == [REPORT]:
        # Imported here because whoever serves pages does not typeset.
        from dashboard.reports.command import main as report  # noqa: PLC0415

        return report(sys.argv[2:])
    _serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
