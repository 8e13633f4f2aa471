"""Which payments came in: the newest, those of a unit, and any of some days with their sums."""

from dataclasses import asdict, dataclass
from datetime import date
import json
from typing import Any, Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.text.formatting import money
from dashboard.text.labels import METHODS, spelled, split_label
from dashboard.text.translate import _

_SELECT: Final = """
    SELECT t.seq, t.id, t.account_id, a.name, a.customer, a.site_name, a.time_zone, a.currency, t."at",
           t.amount, t.balance_after, t.detail{more}
    FROM top_up t JOIN account a ON a.id = t.account_id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = t.account_id"""
_NEWEST: Final = f"""{_SELECT.format(more="")}
    WHERE t."at" > $now - 14 * 86400000 ORDER BY t."at" DESC, t.seq DESC LIMIT $many"""
_OF_UNIT: Final = f"""{_SELECT.format(more=", t.id IN (SELECT refers_to FROM reversal) AS taken_back")}
    WHERE t.account_id = $account ORDER BY t.seq DESC"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A booked payment of a unit; ``split`` says which part went where."""

    seq: int
    id: str
    account_id: str
    name: str
    customer: str
    site_name: str
    time_zone: str
    currency: str
    at: int
    amount: int
    balance_after: int
    method: str
    reference: str
    split: dict[str, int]
    taken_back: bool = False

    @property
    def method_text(self) -> str:
        """Return method and reference."""
        return " · ".join(part for part in (method_label(self.method), self.reference) if part)

    @property
    def split_text(self) -> str:
        """Return where the money went."""
        if self.split.keys() <= {"balance"}:
            return _("all to balance")
        return ", ".join(
            f"{money(part, self.currency)} {split_label(name)}" for name, part in self.split.items()
        )


def method_label(method: str) -> str:
    """Return how a payment came, in words."""
    return _(METHODS.get(method, spelled(method).capitalize())) if method else ""


def newest_payments(warehouse: Warehouse, viewer: Viewer, many: int) -> list[Payment]:
    """Return the newest payments of the last fourteen days."""
    rows = warehouse.visible_rows(viewer, _NEWEST, now=warehouse.as_of or 0, many=many)
    return [payment_from(row) for row in rows]


def unit_payments(warehouse: Warehouse, viewer: Viewer, account_id: str) -> list[Payment]:
    """Return the payments of a unit, booked last first."""
    return [payment_from(row) for row in warehouse.visible_rows(viewer, _OF_UNIT, account=account_id)]


def payment_from(row: dict[str, Any]) -> Payment:
    """Return a payment with what its entry's detail says."""
    entry_detail = json.loads(str(row.pop("detail")))
    split = entry_detail.get("split") or {}
    return Payment(
        **row,
        method=str(entry_detail.get("method") or ""),
        reference=str(entry_detail.get("reference") or ""),
        split={str(part): int(amount) for part, amount in split.items()},
    )


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
_BY_DAY: Final = f"""{_PAID}
    SELECT currency, day, method, sum(amount)::HUGEINT AS amount, count(*) AS payments,
           coalesce(sum(amount) FILTER (taken_back), 0)::HUGEINT AS back
    FROM chosen GROUP BY ALL ORDER BY ALL"""  # noqa: S608
_PAYING_UNITS: Final = f"""{_PAID}
    SELECT currency, count(DISTINCT account_id) AS units FROM chosen GROUP BY ALL"""  # noqa: S608
_LISTED: Final = f"""{_PAID}
    SELECT seq, id, account_id, name, customer, site_name, time_zone, currency, "at", amount, balance_after,
           detail, taken_back
    FROM chosen ORDER BY "at" DESC, seq DESC LIMIT $many OFFSET $skipped"""  # noqa: S608
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
        return asdict(self) | {"methods": list(self.methods), "words": list(self.words)}


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
    return warehouse.records(PaymentSum, viewer, _BY_DAY, **wanted.parameters())


def paying_units(warehouse: Warehouse, viewer: Viewer, wanted: PaymentFilter) -> dict[str, int]:
    """Return how many units paid, by currency."""
    rows = warehouse.visible_rows(viewer, _PAYING_UNITS, **wanted.parameters())
    return {row["currency"]: row["units"] for row in rows}


def filtered_payments(
    warehouse: Warehouse, viewer: Viewer, wanted: PaymentFilter, many: int, skipped: int = 0
) -> list[Payment]:
    """Return a part of the wanted payments, newest first."""
    rows = warehouse.visible_rows(viewer, _LISTED, many=many, skipped=skipped, **wanted.parameters())
    return [payment_from(row) for row in rows]


def methods(warehouse: Warehouse, viewer: Viewer) -> list[str]:
    """Return the methods of the snapshot's payments."""
    return [row["method"] for row in warehouse.visible_rows(viewer, _METHODS)]
