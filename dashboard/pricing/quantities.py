"""From intervals to the quantity of each line, in SQL.

Phase one adds up the energy of each unit in each run of the calendar, the only pass over the intervals. Phase
two climbs the ladders run by run: within a run all energy goes on the same band, so a block that ends inside
of it divides its sum exactly, and no interval is looked at again.
"""

from collections.abc import Iterator
from typing import Final

from dashboard.pricing.book import TariffTables

ADD_RUNS: Final = """
    INSERT INTO unit_run
    SELECT l.unit, s.run, sum(l.wh)::BIGINT
    FROM loads l JOIN slot s ON s.slot = l.start_ms // 900000
    WHERE l.wh > 0 GROUP BY l.unit, s.run"""
# A quarter hour in which a run ends is divided linearly, cumulative Wh floored, as core.rating.allocate does.
_PART: Final = """
    CASE WHEN {at} <= l.start_ms THEN 0 WHEN {at} >= l.end_ms THEN l.wh
         ELSE l.wh::HUGEINT * ({at} - l.start_ms) // (l.end_ms - l.start_ms) END"""
_CUT: Final = f"""
    SELECT l.unit, c.run, c.demand, ({_PART.format(at="c.end_ms")}) - ({_PART.format(at="c.start_ms")}) AS wh
    FROM loads l JOIN cut c ON c.slot = l.start_ms // 900000
    WHERE l.wh > 0 AND c.end_ms > l.start_ms AND (c.start_ms < l.end_ms OR c.start_ms = l.start_ms)"""  # noqa: S608
ADD_CUT_RUNS: Final = f"""
    INSERT INTO unit_run SELECT unit, run, sum(wh)::BIGINT FROM ({_CUT}) WHERE wh > 0 GROUP BY unit, run"""  # noqa: S608
ADD_PEAKS: Final = f"""
    INSERT INTO unit_peak
    SELECT unit, period, max(wh)::BIGINT FROM (
        SELECT p.unit, r.period, p.demand, sum(p.wh) AS wh FROM (
            SELECT l.unit, s.run, s.demand, l.wh FROM loads l JOIN slot s ON s.slot = l.start_ms // 900000
            WHERE s.demand >= 0 AND l.wh > 0
            UNION ALL SELECT unit, run, demand, wh FROM ({_CUT}) WHERE demand >= 0) p
        JOIN run r ON r.run = p.run GROUP BY p.unit, r.period, p.demand)
    GROUP BY unit, period"""  # noqa: S608
UNFIT: Final = """
    SELECT count(*) FROM loads
    WHERE start_ms < $first OR greatest(start_ms, end_ms - 1) >= $last OR end_ms < start_ms OR wh < 0
       OR start_ms // 900000 <> greatest(start_ms, end_ms - 1) // 900000"""
CREATE: Final = (
    "CREATE OR REPLACE TEMP TABLE unit_run (unit INTEGER, run INTEGER, wh BIGINT)",
    "CREATE OR REPLACE TEMP TABLE unit_peak (unit INTEGER, period INTEGER, peak BIGINT)",
)


def line_statements(book: TariffTables, *, summed: bool = False, climbed: str = "") -> Iterator[str]:
    """Yield what turns the energy of runs into ``line`` and ``free_line``.

    ``summed`` says that no unit has two rows of a run, so that they need not be added up once more;
    ``climbed`` is the query of what needs no sorting (``climbing``).
    """
    if book.has_history_blocks:
        yield _HISTORY
    yield f"CREATE OR REPLACE TEMP VIEW unit_run_sum AS {_ONCE if summed else _SUMMED}"
    yield f"CREATE OR REPLACE TEMP TABLE wide AS {_energy_by_block_query(book)}"
    if climbed:
        yield f"INSERT INTO wide {climbed}"
    parts = " UNION ALL ".join(
        f"SELECT unit, period, version, {block} AS block, band, b{block} AS wh FROM wide WHERE b{block} > 0"  # noqa: S608
        for block in range(book.blocks)
    )
    yield f"""
        CREATE OR REPLACE TEMP TABLE line AS
        SELECT w.unit, w.period, w.version, CASE WHEN v.pro_rata THEN -1 ELSE w.block END AS block,
               w.band, w.wh
        FROM ({parts}) w JOIN version v ON v.version = w.version"""  # noqa: S608
    yield """
        CREATE OR REPLACE TEMP TABLE free_line AS
        SELECT unit, period, version, band, free AS wh FROM wide WHERE free > 0"""


def _energy_by_block_query(book: TariffTables) -> str:
    sums = ", ".join(f"sum({_block(book, block)})::BIGINT AS b{block}" for block in range(book.blocks))
    return f"""
        SELECT p.unit, p.period, p.version, p.band, sum(p.free)::BIGINT AS free, {sums}
        FROM ({_positions(book)}) p
        JOIN step e ON e.grp = p.grp AND e.step = p.step
        {_HISTORY_JOIN if book.has_history_blocks else ""}
        GROUP BY p.unit, p.period, p.version, p.band"""  # noqa: S608


def _block(book: TariffTables, block: int) -> str:
    if book.blocks == 1:
        return "p.charged"
    low = f"e.e{block - 1}" if block else "0"
    inside = f"greatest(least(p.high, e.e{block}) - greatest(p.high - p.charged, {low}), 0)"
    if not book.has_history_blocks:
        return inside
    # Without any period before, it is the first block.
    by_history = f"CASE WHEN coalesce(h.block, 0) = {block} THEN p.charged ELSE 0 END"
    return f"CASE WHEN v.by_history THEN {by_history} ELSE {inside} END"


def _positions(book: TariffTables) -> str:
    """Return the query of each run's charged energy and its position on the ladder after free units."""
    climb = "CASE WHEN free_climbs THEN wh ELSE charged END" if book.has_free_units else "charged"
    high = f"sum({climb}) OVER (PARTITION BY unit, rung ORDER BY run)" if book.blocks > 1 else "0"
    return f"""
        SELECT *, ({high})::BIGINT AS high FROM ({_charged(book)})"""  # noqa: S608


def _charged(book: TariffTables) -> str:
    if not book.has_free_units:
        return f"SELECT *, wh AS charged, 0 AS free FROM ({_RUNS})"  # noqa: S608
    return f"""
        SELECT *, wh - free AS charged FROM (
            SELECT *, greatest(least(so_far, free_wh) - (so_far - wh), 0)::BIGINT AS free FROM (
                SELECT r.*, f.free AS free_wh, v.free_climbs,
                       sum(wh) OVER (PARTITION BY unit, r.period ORDER BY run) AS so_far
                FROM ({_RUNS}) r JOIN free f ON f.grp = r.grp AND f.period = r.period
                JOIN version v ON v.version = r.version))"""  # noqa: S608


_ONCE: Final = "SELECT unit, run, wh FROM unit_run"
_SUMMED: Final = "SELECT unit, run, sum(wh)::BIGINT AS wh FROM unit_run GROUP BY unit, run"
_RUNS: Final = """
    SELECT q.unit, u.grp, q.run, q.wh, c.period, c.rung, c.step, c.version, c.band
    FROM unit_run_sum q
    JOIN run c ON c.run = q.run JOIN unit_group u ON u.unit = q.unit"""
_HISTORY: Final = """
    CREATE OR REPLACE TEMP TABLE history AS
    WITH energy AS (
        SELECT q.unit, c.period, sum(q.wh) AS wh FROM unit_run q JOIN run c ON c.run = q.run GROUP BY ALL),
    mean AS (
        SELECT u.unit, k.version, k.period, sum(coalesce(e.wh, 0)) AS wh, count(*) AS periods
        FROM unit_group u CROSS JOIN known k
        LEFT JOIN energy e ON e.unit = u.unit AND e.period = k.known GROUP BY ALL),
    passed AS (
        SELECT m.unit, m.version, m.period, l.band, count(*) FILTER (m.wh > l.limit_wh * m.periods) AS block
        FROM mean m JOIN ladder l ON l.version = m.version GROUP BY ALL)
    SELECT * FROM passed"""
_HISTORY_JOIN: Final = """
    JOIN version v ON v.version = p.version
    LEFT JOIN (SELECT unit, version, period, band, block FROM history) h
        ON h.unit = p.unit AND h.version = p.version AND h.period = p.period AND h.band = p.band"""
