"""Climbing ladders in the order in which energy is on record, without sorting it.

Daily sums lie in files in the order of unit and time. A *way* is one ladder of one unit in one of its
periods, a *piece* a stretch of rows of one way that follow each other in time. How high a row stands on its
ladder is a running sum over all rows, less what it was where the piece began, plus the pieces of the way
before it.

A way of one piece needs nothing but two running sums. A few ways of several are sorted (``quantities``), many
are joined with their pieces. Only where two pieces of a way overlap in time is the order of no use.
"""

from itertools import pairwise
from typing import Final

from dashboard.pricing.book import TariffTables

HALVES: Final = range(2)
"""Running sums are worked out row by row, so each half of the units has its own thread."""
_LINE: Final = "dense_rank() OVER (ORDER BY {of}period, {of}version, {of}band)::INTEGER AS line"


def create(book: TariffTables) -> tuple[str, ...]:
    """Return what makes the tables of parts; each part carries its line and the limits of its ladder."""
    limits = "".join(f", e{each} BIGINT" for each in _inner(book))
    return (
        f"""
        CREATE OR REPLACE TEMP TABLE place AS
        SELECT e.grp, c.run, c.rung, {_LINE.format(of="c.")}, e.* EXCLUDE (grp, step)
        FROM run c JOIN step e ON e.step = c.step""",  # noqa: S608
        f"""
        CREATE OR REPLACE TEMP TABLE place_line AS
        SELECT DISTINCT {_LINE.format(of="")}, period, version, band FROM run""",  # noqa: S608
        f"""
        CREATE OR REPLACE TEMP TABLE part
        (unit INTEGER, run INTEGER, line INTEGER, way BIGINT, wh BIGINT{limits})""",
    )


def add(book: TariffTables) -> str:
    """Return what adds the rows of ``loads`` as parts."""
    limits = "".join(f", p.e{each}" for each in _inner(book))
    rungs = len(book.calendar.rungs.things)
    return f"""
        INSERT INTO part
        SELECT l.unit, p.run, p.line, l.unit::BIGINT * {rungs} + p.rung, l.wh{limits}
        FROM loads l JOIN unit_group u ON u.unit = l.unit JOIN slot s ON s.slot = l.start_ms // 900000
        JOIN place p ON p.run = s.run AND p.grp = u.grp
        WHERE l.wh > 0"""  # noqa: S608


def _inner(book: TariffTables) -> range:
    return range(book.blocks - 1)


_ROWS: Final = "OVER (ROWS UNBOUNDED PRECEDING)"
_STEPPED: Final = f"""
    SELECT *, (sum(wh) {_ROWS})::BIGINT AS so_far, lag(run) OVER () AS run_before,
           coalesce(lag(way) OVER () <> way OR lag(run) OVER () > run, true) AS begins
    FROM part WHERE unit % 2 = {{half}}"""  # noqa: S608
_WALKED: Final = f"""
    SELECT * EXCLUDE (run, run_before, begins), max(CASE WHEN begins THEN so_far - wh END) {_ROWS} AS base
    FROM ({_STEPPED})"""  # noqa: S608
_BEGUN: Final = f"""
    SELECT unit, way, run AS first_run, so_far - wh AS base,
           coalesce(lead(run_before) OVER (ORDER BY so_far),
                    (SELECT max_by(run, rowid) FROM part WHERE unit % 2 = {{half}})) AS last_run,
           coalesce(lead(so_far - wh) OVER (ORDER BY so_far),
                    (SELECT sum(wh) FROM part WHERE unit % 2 = {{half}}))::BIGINT - base AS total
    FROM ({_STEPPED}) WHERE begins"""  # noqa: S608
PIECES: Final = f"""
    CREATE OR REPLACE TEMP TABLE piece AS
    SELECT *, coalesce(sum(total) OVER (in_time ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT
               AS below,
           coalesce(lead(first_run) OVER in_time < last_run, false) AS mixed
    FROM ({" UNION ALL ".join(_BEGUN.format(half=half) for half in HALVES)})
    WINDOW in_time AS (PARTITION BY way ORDER BY first_run, base)"""  # noqa: S608
COUNTS: Final = """
    SELECT count(*) FILTER (mixed) + (SELECT count(*) FROM unit_run SEMI JOIN piece USING (unit)),
           count(*) FILTER (below > 0)
    FROM piece"""
"""How many pieces overlap another in time, and how many are not the first of their way."""
_TO_SORT: Final = "INSERT INTO unit_run SELECT unit, run, sum(wh)::BIGINT FROM part{which} GROUP BY unit, run"
_DIVIDED: Final = " WHERE unit IN (SELECT unit FROM piece WHERE below > 0)"
SORT_ALL: Final = (_TO_SORT.format(which=""), "DELETE FROM part")
SORT_DIVIDED: Final = (_TO_SORT.format(which=_DIVIDED), f"DELETE FROM part{_DIVIDED}")  # noqa: S608
WALK: Final = f"""
    CREATE OR REPLACE TEMP TABLE walked AS
    SELECT w.* FROM ({" UNION ALL ".join(_WALKED.format(half=half) for half in HALVES)}) w"""  # noqa: S608
_WHOLE: Final = " UNION ALL ".join(
    f"SELECT *, so_far - base AS high FROM ({_WALKED.format(half=half)})"  # noqa: S608
    for half in HALVES
)
_JOINED: Final = """
    SELECT w.*, w.so_far - w.base + coalesce(p.below, 0) AS high
    FROM walked w LEFT JOIN (SELECT way, base, below FROM piece WHERE below > 0) p
         ON p.way = w.way AND p.base = w.base"""


def energy_by_block_query(book: TariffTables, *, divided: bool) -> str:
    """Return the query of each line's energy with its blocks in columns ``b0`` to ``bN``.

    ``divided`` says that ways of several pieces were walked.
    """
    inner = _inner(book)
    reached = "".join(f", sum(least(high, e{each}) - least(high - wh, e{each}))" for each in inner)
    names = [f"r{each}" for each in inner]
    blocks = ", ".join(f"({end} - {begin})::BIGINT" for begin, end in pairwise(["0", *names, "wh"]))
    return f"""
        SELECT s.unit, l.period, l.version, l.band, 0, {blocks}
        FROM (SELECT unit, line, sum(wh){reached} FROM ({_JOINED if divided else _WHOLE}) GROUP BY unit, line)
            s({", ".join(["unit", "line", "wh", *names])})
        JOIN place_line l ON l.line = s.line"""  # noqa: S608
