"""``python -m dashboard report``: a month's reports as files, for people and for timers."""

import argparse
from collections.abc import Callable, Sequence
from datetime import date
import os
from pathlib import Path
import sys
import time
from typing import Final

from dashboard.access import Viewer
from dashboard.bridge import BridgeClient, BridgeDownError
from dashboard.data.snapshot import SnapshotError, read_snapshot
from dashboard.data.snapshot_sql import Scope, report_scope
from dashboard.data.warehouse import Warehouse, local_date
from dashboard.queries.units import UnitName, unit_names
from dashboard.reports.months import MonthError, parse_month
from dashboard.reports.portfolio import portfolio_pdf
from dashboard.reports.statements import FailedStatement, statements
from dashboard.settings import DATA_VARIABLE, settings

STEP: Final = 20
KINDS: Final = ("statements", "portfolio")
_EPILOG: Final = f"""\
examples:
  python -m dashboard report --data /var/lib/prepaid-meter --to /srv/reports
  python -m dashboard report --data ./data --month 2026-10 --only portfolio --to .
  {DATA_VARIABLE}=./data python -m dashboard report --site rose-street --unit flat-1 --to .

Without --month it reports the month before, so that a timer on the first of a month needs no arguments. The
bridge has to run, because it states accounts; a portfolio report needs the data folder alone. Files of the
same month are replaced. Exits with status 1, naming what failed, if a report could not be made.
"""


class ReportError(Exception):
    """Something that cannot be reported; the message says why and what to do."""


def main(arguments: Sequence[str]) -> int:
    """Write reports and return an exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _report(options)
    except (ReportError, SnapshotError, MonthError, BridgeDownError, OSError) as problem:
        print(f"report: {problem}", file=sys.stderr)  # noqa: T201
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dashboard report",
        description="Write a month's statements and portfolio report as PDF.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    folder = os.environ.get(DATA_VARIABLE)
    parser.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        default=None if folder is None else Path(folder),
        required=folder is None,
        help=f"data folder of the bridge; default: the variable {DATA_VARIABLE}",
    )
    parser.add_argument("--to", metavar="DIR", type=Path, required=True, help="folder that the files go to")
    parser.add_argument(
        "--month", metavar="MONTH", default="last", help="such as 2026-10, or this; default: the month before"
    )
    parser.add_argument("--only", choices=KINDS, help="statements or portfolio alone; default: both")
    parser.add_argument("--site", metavar="ID", action="append", default=[], help="only units of this site")
    parser.add_argument(
        "--unit", metavar="ID", action="append", default=[], help="only this unit's statement"
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing unless something went wrong")
    return parser


def _report(options: argparse.Namespace) -> int:
    now, database = int(time.time() * 1000), settings().database
    opened = Warehouse(read_snapshot(options.data, Scope(kind="report", since=now), database))
    viewer = Viewer(every_site=not options.site, sites=tuple(options.site))
    every = unit_names(opened, viewer)
    if not every:
        raise ReportError("there is no unit to report on; meter-bridge accounts lists them")
    month = parse_month(options.month, local_date(opened.as_of or 0, every[0].time_zone))
    if month < date(1990, 1, 1) or month > local_date(opened.as_of or 0, every[0].time_zone):
        raise ReportError(f"{month:%Y-%m} is not a month on record; choose one that has begun")
    opened = Warehouse(read_snapshot(options.data, report_scope(month), database))
    failed = 0
    if options.only != "portfolio":
        failed = _statements(options, _chosen(every, options.unit), month)
    if options.only != "statements" and not options.unit:
        path = options.to / f"portfolio-{month:%Y-%m}.pdf"
        _write(path, portfolio_pdf(opened, viewer, month))
        _print(options, str(path))
    return 1 if failed else 0


def _chosen(every: Sequence[UnitName], wanted: Sequence[str]) -> list[UnitName]:
    known = {place.id: place for place in every}
    missing = [unit for unit in wanted if unit not in known]
    if missing:
        raise ReportError(f"there is no unit {missing[0]!r}; meter-bridge accounts lists them")
    return [known[unit] for unit in wanted] or list(every)


def _statements(options: argparse.Namespace, chosen: Sequence[UnitName], month: date) -> int:
    bridge = BridgeClient(options.data, as_operator=True)
    failed = 0
    for result in statements(bridge, "", chosen, month, _progress_bar(options)):
        if isinstance(result, FailedStatement):
            failed += 1
            line = "\n" if _shows_progress(options) else ""  # the bar stands on the line before
            print(f"{line}report: {result.unit}: {result.reason}", file=sys.stderr)  # noqa: T201
        else:
            _write(options.to / result.name, result.content)
    _print(options, f"{len(chosen) - failed} statements of {month:%Y-%m} in {options.to}")
    return failed


def _shows_progress(options: argparse.Namespace) -> bool:
    return not options.quiet and sys.stderr.isatty()


def _progress_bar(options: argparse.Namespace) -> Callable[[int, int], None]:
    if not _shows_progress(options):
        return lambda _done, _many: None

    def draw(done: int, many: int) -> None:
        full = STEP * done // many
        end = "\n" if done == many else ""
        print(f"\r[{'=' * full}{' ' * (STEP - full)}] {done} of {many}", end=end, file=sys.stderr, flush=True)  # noqa: T201

    return draw


def _write(path: Path, content: bytes) -> None:
    """Replace a file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def _print(options: argparse.Namespace, text: str) -> None:
    if not options.quiet:
        print(text)  # noqa: T201
