"""From the quantity of each line to its amount, in SQL: exact cumulative values, rounded once, half to even.

Exact values count 10**-18 of an amount step, as in ``core.rating``; one too large for 128 bits is an error
and never a wrong figure.
"""

from collections.abc import Iterator
from typing import Final

from dashboard.pricing.book import TariffTables, kind_number
from meter_bridge.core.rating.rating import LineKind
from meter_bridge.core.tariff.tariff import EXACT_SCALE, PPM, WH_PER_MWH

_WHOLE: Final = f"{EXACT_SCALE}::HUGEINT"
_PER_WH: Final = f"{EXACT_SCALE // WH_PER_MWH}::HUGEINT"
_FACTORS: Final = f"{PPM * PPM}::HUGEINT"

MACROS: Final = (
    """CREATE OR REPLACE TEMP MACRO floor_div(n, d) AS
       CASE WHEN n >= 0 THEN n // d ELSE -((d - 1 - n) // d) END""",
    # n - d * floor(n / d) is at least 0 and below d; twice of it is compared with d.
    """CREATE OR REPLACE TEMP MACRO half_even(n, d) AS
       floor_div(n, d) + CASE WHEN 2 * (n - d * floor_div(n, d)) > d THEN 1
                              WHEN 2 * (n - d * floor_div(n, d)) = d THEN abs(floor_div(n, d) % 2)
                              ELSE 0 END""",
)


def amount_statements(book: TariffTables) -> Iterator[str]:
    """Yield what turns lines of energy into ``amount``, the amount of every line of every unit."""
    yield _PLAIN
    yield _DERIVED
    if book.share_table().num_rows:
        yield _SHARES
    if book.lifeline_table().num_rows:
        yield _LIFELINES
    if book.has_demand_charge or book.minimum_table().num_rows:
        yield _NEWEST
    if book.has_demand_charge:
        yield _DEMANDS
    if book.minimum_table().num_rows:
        yield _MINIMA
    yield _TAXES
    yield _AMOUNTS


def _k(kind: LineKind) -> str:
    return str(kind_number(kind))


_PLAIN: Final = f"""
    CREATE OR REPLACE TEMP TABLE plain AS
    SELECT l.*, p.price::HUGEINT AS price, p.price * {_PER_WH} * l.wh AS exact
    FROM line l JOIN price p ON p.version = l.version AND p.block = l.block AND p.band = l.band"""  # noqa: S608
_DERIVED: Final = """
    CREATE OR REPLACE TEMP TABLE derived
    (unit INTEGER, period INTEGER, version INTEGER, kind INTEGER, block INTEGER, name INTEGER,
     quantity BIGINT, exact HUGEINT)"""
_SHARES: Final = f"""
    INSERT INTO derived
    WITH total AS (
        SELECT e.unit, e.period, e.version, e.band, any_value(e.wh) AS wh, sum(o.wh)::HUGEINT AS total,
               any_value(p.free_climbs) AS free_climbs
        FROM line e JOIN pooled p ON p.version = e.version AND p.band = e.band
        JOIN line o ON o.unit = e.unit AND o.period = e.period AND o.band = p.other
        WHERE e.block = -1 GROUP BY e.unit, e.period, e.version, e.band),
    given AS (SELECT unit, period, sum(wh) AS free FROM free_line GROUP BY unit, period),
    shared AS (
        SELECT t.*, s.block, s.price * {_PER_WH} AS price,
               (least(greatest(s.high - f, 0), t.total)
                - CASE WHEN s.block = 0 THEN 0 ELSE least(greatest(s.low - f, 0), t.total) END) AS inside
        FROM (SELECT t.*, u.grp, CASE WHEN t.free_climbs THEN coalesce(g.free, 0) ELSE 0 END AS f
              FROM total t JOIN unit_group u ON u.unit = t.unit
              LEFT JOIN given g ON g.unit = t.unit AND g.period = t.period) t
        JOIN share s ON s.grp = t.grp AND s.period = t.period AND s.version = t.version AND s.band = t.band),
    divided AS (
        SELECT *, price * ((inside * wh) // total) AS whole, price * ((inside * wh) % total) AS rest
        FROM shared WHERE inside > 0),
    floored AS (SELECT *, whole + rest // total AS low, rest % total AS over FROM divided)
    SELECT unit, period, version, {_k(LineKind.CONSUMPTION)}, block, band, 0,
           low + CASE WHEN 2 * over > total THEN 1 WHEN 2 * over = total THEN low % 2 ELSE 0 END
    FROM floored"""  # noqa: S608
_LIFELINES: Final = f"""
    INSERT INTO derived
    WITH total AS (SELECT unit, period, sum(wh) AS wh FROM line GROUP BY unit, period),
    normal AS (
        SELECT unit, period, version, band, sum(exact) AS exact FROM (
            SELECT unit, period, version, band, exact FROM plain
            UNION ALL SELECT unit, period, version, name, exact FROM derived
            WHERE kind = {_k(LineKind.CONSUMPTION)}) GROUP BY ALL),
    used AS (SELECT unit, period, version, band, sum(wh) AS wh FROM line GROUP BY ALL)
    SELECT u.unit, u.period, u.version, {_k(LineKind.LIFELINE)}, -1, u.band, 0,
           l.price * {_PER_WH} * u.wh - n.exact
    FROM used u JOIN lifeline l ON l.version = u.version AND l.band = u.band
    JOIN total t ON t.unit = u.unit AND t.period = u.period AND t.wh <= l.limit_wh
    JOIN normal n ON n.unit = u.unit AND n.period = u.period AND n.version = u.version AND n.band = u.band"""  # noqa: S608
_NEWEST: Final = """
    CREATE OR REPLACE TEMP TABLE newest AS
    WITH charged AS (
        SELECT unit, period, version FROM line UNION ALL SELECT unit, period, version FROM free_line
        UNION ALL SELECT u.unit, f.period, f.version FROM unit_group u JOIN fixed f ON f.grp = u.grp)
    SELECT u.unit, u.grp, p.period, coalesce(max(c.version), any_value(p.version)) AS version
    FROM unit_group u CROSS JOIN period p
    LEFT JOIN charged c ON c.unit = u.unit AND c.period = p.period GROUP BY u.unit, u.grp, p.period"""
_DEMANDS: Final = f"""
    INSERT INTO derived
    SELECT n.unit, n.period, n.version, {_k(LineKind.DEMAND)}, -1, $demand, k.peak * 60 // d.interval_min,
           d.per_kw::HUGEINT * (k.peak * 60 // d.interval_min) * {EXACT_SCALE // 1000}::HUGEINT
    FROM (SELECT unit, period, max(peak) AS peak FROM unit_peak GROUP BY unit, period) k
    JOIN newest n ON n.unit = k.unit AND n.period = k.period
    JOIN demand d ON d.version = n.version WHERE k.peak > 0"""  # noqa: S608
_MINIMA: Final = f"""
    INSERT INTO derived
    WITH charged AS (
        SELECT unit, period, sum(exact) AS exact FROM (
            SELECT unit, period, exact FROM plain
            UNION ALL SELECT unit, period, exact FROM derived
            UNION ALL SELECT u.unit, f.period, f.exact FROM unit_group u JOIN fixed f ON f.grp = u.grp
            WHERE f.kind IN ({_k(LineKind.STANDING)}, {_k(LineKind.DEMAND)})) GROUP BY unit, period)
    SELECT n.unit, n.period, n.version, {_k(LineKind.MINIMUM)}, -1, $minimum, 0,
           m.exact - coalesce(c.exact, 0)
    FROM newest n JOIN minimum m ON m.grp = n.grp AND m.period = n.period AND m.version = n.version
    LEFT JOIN charged c ON c.unit = n.unit AND c.period = n.period
    WHERE m.exact > coalesce(c.exact, 0)"""  # noqa: S608
_TAXES: Final = f"""
    CREATE OR REPLACE TEMP TABLE tax AS
    SELECT unit, period, version, kind, name, base, sum(exact) AS exact FROM (
        SELECT l.unit, l.period, l.version, t.kind, t.name, t.base, t.per_wh * l.wh AS exact
        FROM line l JOIN tax_per_wh t ON t.version = l.version AND t.block = l.block AND t.band = l.band
        UNION ALL
        SELECT d.unit, d.period, d.version, t.kind, t.name, t.base,
               CASE WHEN t.inclusive THEN d.exact
                    ELSE floor_div(d.exact, {_FACTORS}) * t.factor
                         + floor_div((d.exact - {_FACTORS} * floor_div(d.exact, {_FACTORS})) * t.factor,
                                     {_FACTORS})
               END
        FROM derived d JOIN tax_factor t ON t.version = d.version AND t.of_kind = d.kind
        UNION ALL
        SELECT u.unit, f.period, f.version, f.kind, f.name, f.base, f.exact
        FROM unit_group u JOIN fixed f ON f.grp = u.grp
        WHERE f.kind IN ({_k(LineKind.TAX)}, {_k(LineKind.INCLUDED_TAX)})) GROUP BY ALL"""  # noqa: S608
_AMOUNTS: Final = f"""
    CREATE OR REPLACE TEMP TABLE amount AS
    SELECT unit, period, version, {_k(LineKind.CONSUMPTION)} AS kind, block, band AS name, 0 AS base,
           wh AS quantity, half_even(price * wh, {WH_PER_MWH}::HUGEINT)::BIGINT AS amount
    FROM plain WHERE block >= 0
    UNION ALL
    SELECT unit, period, version, {_k(LineKind.FREE)}, -1, band, 0, wh, 0 FROM free_line
    UNION ALL
    SELECT unit, period, version, kind, block, name, 0, quantity,
           half_even(exact, {_WHOLE})::BIGINT
    FROM derived
    UNION ALL
    SELECT u.unit, f.period, f.version, f.kind, -1, f.name, 0, 0, half_even(f.exact, {_WHOLE})::BIGINT
    FROM unit_group u JOIN fixed f ON f.grp = u.grp
    WHERE f.kind IN ({_k(LineKind.STANDING)}, {_k(LineKind.DEMAND)})
    UNION ALL
    SELECT t.unit, t.period, t.version, t.kind, -1, t.name, t.base, 0,
           CASE WHEN i.rate IS NULL THEN half_even(t.exact, {_WHOLE})
                ELSE half_even(t.exact * i.rate, i.whole) END::BIGINT
    FROM tax t LEFT JOIN included i ON i.version = t.version AND i.name = t.name AND i.base = t.base
                                       AND t.kind = {_k(LineKind.INCLUDED_TAX)}"""  # noqa: S608
