"""Which units there are, how they stand, and the rules stored with them."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final, cast

import msgspec

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from meter_bridge.config.codec import CodecError, decode_policy
from meter_bridge.core.ledger.credit import CreditPolicy, CreditState, after_spending, split_charge
from meter_bridge.core.supply.decision import Policy


class _Document(msgspec.Struct):
    emergency_selected: bool = False


@lru_cache(maxsize=4096)
def policy_of(text: str) -> Policy | None:
    """Return a policy; None where it is of another version."""
    try:
        return decode_policy(text)
    except CodecError:
        return None


def credit_rules(text: str) -> CreditPolicy:
    """Return the rules of credit of a policy, or the plain ones where it is of another version."""
    policy = policy_of(text)
    return CreditPolicy() if policy is None else policy.credit


def emergency_selected(document: str) -> bool:
    """Return whether the customer selected emergency credit."""
    try:
        return msgspec.json.decode(document, type=_Document).emergency_selected
    except msgspec.DecodeError:
        return False


_QUERY: Final = """
    WITH accrual AS (
        SELECT account_id, sum(accrued)::HUGEINT AS accrued, max("at") AS "at",
               sum(energy_wh)::BIGINT AS energy_wh, sum(power_mw)::BIGINT AS power_mw
        FROM supply_status GROUP BY account_id),
    money AS (
        SELECT account_id, asset, sum(amount)::HUGEINT AS amount FROM balance GROUP BY account_id, asset),
    top_up_newest AS (SELECT account_id, arg_max("at", seq) AS "at", arg_max(amount, seq) AS amount
                      FROM top_up GROUP BY account_id),
    lending AS (SELECT account_id, asset, -sum(amount)::HUGEINT AS amount FROM held
                WHERE bucket = 'emergency_credit' GROUP BY account_id, asset),
    open_alert AS (SELECT account_id, list(DISTINCT kind ORDER BY kind) AS kinds,
                          min(opened_at) FILTER (WHERE kind = 'meter_offline') AS silent_since
                   FROM alert WHERE closed_at IS NULL GROUP BY account_id)
    SELECT a.id, a.name, nullif(a.customer::VARCHAR, '') AS customer, a.site_id, a.site_name, a.time_zone,
           a.currency, a.policy, nullif(a.vacant_since, 0) AS vacant_since,
           coalesce(m.amount, 0) AS balance, coalesce(c.accrued, 0) AS accrued,
           c."at" AS read_at, c.energy_wh, c.power_mw, s.supply_state, s.reason, s.since,
           nullif(s.hold::VARCHAR, '') AS hold,
           nullif(s.note::VARCHAR, '') AS note, coalesce(o.kinds, []) AS alerts, o.silent_since,
           t."at" AS top_up_at, t.amount AS top_up_amount, coalesce(l.amount, 0) AS lent,
           coalesce(s.document, '{}') AS document
    FROM account a JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    LEFT JOIN money m ON m.account_id = a.id AND m.asset = a.currency
    LEFT JOIN lending l ON l.account_id = a.id AND l.asset = a.currency
    LEFT JOIN accrual c ON c.account_id = a.id
    LEFT JOIN account_status s ON s.account_id = a.id
    LEFT JOIN top_up_newest t ON t.account_id = a.id
    LEFT JOIN open_alert o ON o.account_id = a.id
    ORDER BY a.site_name, a.name, a.id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit with its account and states, amounts in its currency."""

    id: str
    name: str
    customer: str | None
    site_id: str
    site_name: str
    time_zone: str
    currency: str
    policy: str
    vacant_since: int | None
    """When the last customer moved out; None where somebody lives there."""
    balance: int
    accrued: int
    read_at: int | None
    energy_wh: int | None
    power_mw: int | None
    supply_state: str | None
    reason: str | None
    since: int | None
    hold: str | None
    note: str | None
    alerts: tuple[str, ...]
    silent_since: int | None
    """Since when a meter of it is known to report no register, whatever else it reports."""
    top_up_at: int | None
    top_up_amount: int | None
    lent: int
    """Emergency credit that is out."""
    emergency_selected: bool

    @property
    def is_billed_later(self) -> bool:
        """Return whether running out of credit changes nothing, because the landlord bills later."""
        return self.reason == "credit_mode"

    @property
    def credit(self) -> CreditState:
        """Return what the posted credit comes to once what was used since is posted as well."""
        rules = credit_rules(self.policy)
        posted = CreditState(self.balance, self.lent, selected=self.emergency_selected)
        return after_spending(posted, split_charge(rules, posted, self.accrued))

    @property
    def available(self) -> int:
        """Return what is left now: the posted balance less what it bore since; emergency credit apart."""
        return self.credit.balance if self.emergency_selected or self.lent else self.balance - self.accrued


def units(warehouse: Warehouse, viewer: Viewer) -> list[Unit]:
    """Return the units that the viewer may see, by site and name."""
    rows = warehouse.visible_rows(viewer, _QUERY)
    return [
        Unit(**{name: value for name, value in row.items() if name != "document"} | _document_fields(row))
        for row in rows
    ]


def _document_fields(row: dict[str, object]) -> dict[str, Any]:
    document = str(row["document"])
    return {
        "alerts": tuple(cast("list[str]", row["alerts"])),
        "emergency_selected": document != "{}" and emergency_selected(document),
    }


_NAMES: Final = """
    SELECT a.id, a.name, a.customer, a.site_id, a.site_name, a.time_zone, a.currency
    FROM account a JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    ORDER BY a.site_name, a.name, a.id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitName:
    """A unit, its customer and site."""

    id: str
    name: str
    customer: str
    site_id: str
    site_name: str
    time_zone: str
    currency: str


def unit_names(warehouse: Warehouse, viewer: Viewer) -> list[UnitName]:
    """Return the units that the viewer may see, by site and name."""
    return warehouse.records(UnitName, viewer, _NAMES)


_OPENED: Final = """
    SELECT c.opened FROM account_clock c
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = c.account_id
    WHERE c.account_id = $account"""


def opening_day(warehouse: Warehouse, viewer: Viewer, account_id: str) -> date | None:
    """Return the local day on which a unit was opened."""
    rows = warehouse.visible_rows(viewer, _OPENED, account=account_id)
    return rows[0]["opened"] if rows else None
