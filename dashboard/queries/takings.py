"""Tell what was paid in some days: sums by day and method, and the payments themselves."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.queries.payments import Payment, payment_from

# Every value is bound; a search is a list of words, each of which has to be found somewhere in the haystack.
_PAID: Final = """
    WITH back AS (SELECT DISTINCT refers_to AS id FROM reversal),
    paid AS (
        SELECT t.*, a.name, a.customer, a.site_name, a.time_zone, a.currency,
               coalesce(t.detail->>'$.method', '') AS method, back.id IS NOT NULL AS taken_back,
               (to_timestamp(t."at" / 1000.0) AT TIME ZONE a.time_zone)::DATE AS day
        FROM top_up t JOIN account a ON a.id = t.account_id
        JOIN permitted($every, $sites, $accounts) p ON p.account_id = t.account_id
        LEFT JOIN back ON back.id = t.id),
    chosen AS (
        SELECT * FROM paid
        WHERE day BETWEEN $first AND $last AND (len($methods) = 0 OR list_contains($methods, method))
          AND (len($words) = 0 OR list_aggregate(list_transform($words, lambda word: contains(
              lower(concat_ws(' ', name, customer, site_name, account_id, id, detail->>'$.reference')),
              word)), 'bool_and')))"""
_BY_DAY: Final = (
    _PAID  # noqa: S608
    + """
    SELECT currency, day, method, sum(amount)::BIGINT AS amount, count(*) AS payments,
           coalesce(sum(amount) FILTER (taken_back), 0)::BIGINT AS back
    FROM chosen GROUP BY ALL ORDER BY ALL"""
)
_UNITS: Final = (
    _PAID  # noqa: S608
    + """
    SELECT currency, count(DISTINCT account_id) AS units FROM chosen GROUP BY ALL"""
)
_LISTED: Final = (
    _PAID  # noqa: S608
    + """
    SELECT seq, id, account_id, name, customer, site_name, time_zone, currency, "at", amount, balance_after,
           detail, taken_back
    FROM chosen ORDER BY "at" DESC, seq DESC LIMIT $many OFFSET $skipped"""
)
_METHODS: Final = """
    SELECT DISTINCT coalesce(t.detail->>'$.method', '') AS method
    FROM top_up t JOIN permitted($every, $sites, $accounts) p ON p.account_id = t.account_id ORDER BY 1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFilter:
    """Which payments are asked for; no methods or words means all."""

    first: date
    last: date
    methods: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """Lower case."""

    def parameters(self) -> dict[str, object]:
        """Return the parameters of the queries."""
        return {
            "first": self.first,
            "last": self.last,
            "methods": list(self.methods),
            "words": list(self.words),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSum:
    """What came in on a local day by a method, in one currency."""

    currency: str
    day: date
    method: str
    amount: int
    payments: int
    back: int
    """Of the amount, what was taken back since."""


def payment_sums(warehouse: Warehouse, viewer: Viewer, wanted: PaymentFilter) -> list[PaymentSum]:
    """Return the sums of the wanted payments by currency, day and method."""
    return [PaymentSum(**row) for row in warehouse.rows(_BY_DAY, viewer.parameters() | wanted.parameters())]


def paying_units(warehouse: Warehouse, viewer: Viewer, wanted: PaymentFilter) -> dict[str, int]:
    """Return how many units paid, by currency."""
    rows = warehouse.rows(_UNITS, viewer.parameters() | wanted.parameters())
    return {row["currency"]: row["units"] for row in rows}


def filtered_payments(
    warehouse: Warehouse, viewer: Viewer, wanted: PaymentFilter, many: int, skipped: int = 0
) -> list[Payment]:
    """Return a part of the wanted payments, newest first."""
    parameters = viewer.parameters() | wanted.parameters() | {"many": many, "skipped": skipped}
    return [payment_from(row) for row in warehouse.rows(_LISTED, parameters)]


def methods(warehouse: Warehouse, viewer: Viewer) -> list[str]:
    """Return the methods of the snapshot's payments."""
    return [row["method"] for row in warehouse.rows(_METHODS, viewer.parameters())]
