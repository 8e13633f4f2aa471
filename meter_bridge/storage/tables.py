"""Tables of the bridge's database.

Instants are integers in milliseconds since 1970 UTC, energy integer Wh, amounts integers of an asset
(``amount_digits`` below one unit of currency). Journal tables are append only: the database refuses to update
or delete their rows (``APPEND_ONLY``). ``seq`` numbers are given by the one writer and rise without gaps.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.schema import SchemaItem

from meter_bridge.storage import segment_columns

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _instant(name: str, *, optional: bool = False) -> Column[int]:
    """Return a column of milliseconds since 1970 UTC."""
    return Column(name, BigInteger, nullable=optional)


def _table(name: str, *columns: SchemaItem) -> Table:
    return Table(name, metadata, *columns)


def _compact(name: str, *columns: SchemaItem) -> Table:
    """Return a table stored in the order of its primary key, as SQLite's WITHOUT ROWID has it."""
    return Table(name, metadata, *columns, sqlite_with_rowid=False)


installation = _table(
    "installation",
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    _instant("created_at"),
    _instant("last_instant"),
)
"""One row; ``last_instant`` is the newest event time committed (invariant 12)."""

site = _table(
    "site",
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("currency", Text, nullable=False),
)

tariff = _table(
    "tariff",
    Column("id", Text, primary_key=True),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("name", Text, nullable=False),
)

tariff_version = _table(
    "tariff_version",
    Column("id", Text, primary_key=True),
    Column("tariff_id", ForeignKey("tariff.id"), nullable=False, index=True),
    _instant("valid_from"),
    Column("document", Text, nullable=False),
    _instant("withdrawn_at", optional=True),
)
"""``document`` is the resolved price list as JSON; a version that has begun never changes."""

account = _table(
    "account",
    Column("id", Text, primary_key=True),
    Column("site_id", ForeignKey("site.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("customer", Text),
    Column("policy", Text, nullable=False),
    _instant("opened_at"),
    _instant("closed_at", optional=True),
)
"""``name`` is the unit's; ``policy`` is JSON: payment mode, thresholds, restore, friendly hours, limits."""

tenancy = _table(
    "tenancy",
    Column("account_id", ForeignKey("account.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("customer", Text),
    _instant("start_ms"),
    _instant("end_ms", optional=True),
    Column("first_seq", BigInteger, nullable=False),
    Column("first_event", BigInteger, nullable=False),
)
"""Who lived in a unit when; entries from ``first_seq`` and events from ``first_event`` on are its own."""

supply = _table(
    "supply",
    Column("id", Text, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    Column("commodity", Text, nullable=False),
    _instant("closed_at", optional=True),
)

supply_tariff = _table(
    "supply_tariff",
    Column("supply_id", ForeignKey("supply.id"), primary_key=True),
    Column("valid_from", BigInteger, primary_key=True),
    Column("tariff_id", ForeignKey("tariff.id"), nullable=False),
)
"""Which tariff a supply is charged by, from an instant on."""

meter = _table(
    "meter",
    Column("id", Text, primary_key=True),
    Column("supply_id", ForeignKey("supply.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("energy_address", Text, nullable=False),
    Column("relay_address", Text),
    Column("settings", Text, nullable=False),
    _instant("assigned_at"),
    _instant("removed_at", optional=True),
)
"""``settings`` is JSON: rating in W, register modulus, protections, host of a meter without a broker."""

supply_status = _compact(
    "supply_status",
    Column("supply_id", ForeignKey("supply.id"), primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    _instant("at"),
    Column("accrued", BigInteger, nullable=False),
    Column("energy_wh", BigInteger, nullable=False),
    Column("power_mw", BigInteger),
    Column("document", LargeBinary, nullable=False),
)
"""Newest state of a supply, at most a second late: registers, lines and open segments, in ``document``."""

daily_use = _table(
    "daily_use",
    Column("supply_id", ForeignKey("supply.id"), primary_key=True),
    Column("last_day", Text, nullable=False),
    Column("uses", Text, nullable=False),
)
"""Energy of the newest local days of a supply: ``uses`` is JSON, Wh of each day up to ``last_day``, null for
one that is not whole. Forecasts learn from it."""

foresight = _table(
    "foresight",
    Column("supply_id", ForeignKey("supply.id"), primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    _instant("made_at"),
    Column("in_units", Boolean, nullable=False),
    Column("points", LargeBinary, nullable=False),
    Column("bands", Text, nullable=False),
)
"""Newest forecast of what a supply will spend: ``points`` as in ``engine.foresight_rows``, empty where too
little is known; ``bands`` is JSON, by horizon in days. For readers only: a new bridge forecasts again."""

account_status = _table(
    "account_status",
    Column("account_id", ForeignKey("account.id"), primary_key=True),
    Column("supply_state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    _instant("since"),
    Column("hold", Text),
    Column("note", Text),
    Column("revision", BigInteger, nullable=False),
    Column("low_credit_level", Integer, nullable=False),
    Column("document", Text, nullable=False),
)
"""Supply decision in force and the landlord's hold (``off``, ``on`` or none); ``document`` is JSON: the
decision's other inputs."""

relay_status = _table(
    "relay_status",
    Column("meter_id", ForeignKey("meter.id"), primary_key=True),
    Column("requested", Text),
    _instant("requested_at", optional=True),
    Column("revision", BigInteger, nullable=False),
    Column("reported", Text),
    _instant("reported_at", optional=True),
    Column("proof", Text, nullable=False),
    _instant("proof_at", optional=True),
)

outbox = _table(
    "outbox",
    Column("meter_id", ForeignKey("meter.id"), primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("position", Text, nullable=False),
    Column("decision_seq", BigInteger, nullable=False),
    _instant("created_at"),
    _instant("settled_at", optional=True),
    Column("outcome", Text),
)
"""Relay commands; a row exists exactly when its decision was committed (invariant 10)."""

cut_off = _table(
    "cut_off",
    Column("address", Text, primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("relay_address", Text, nullable=False),
    Column("wanted_wh", BigInteger),
    Column("held", Text, nullable=False),
    Column("held_wh", BigInteger),
    _instant("held_at"),
    _instant("written_at"),
)
"""Wanted and reported local cut-offs by device, which may belong to no meter any more. A row is there before
anything is written to the device."""

_REFERS: Final = text("refers_to IS NOT NULL")
journal_entry = _table(
    "journal_entry",
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    _instant("at"),
    Column("kind", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("refers_to", Text),
    Column("balance_after", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    Index("ix_journal_entry_account_seq", "account_id", "seq", "at"),
    Index("ix_journal_entry_kind_account_seq", "kind", "account_id", "seq"),
    Index("ix_journal_entry_refers_to", "refers_to", sqlite_where=_REFERS, postgresql_where=_REFERS),
)
"""``kind`` as in ``core.ledger.EntryKind``. ``detail`` is JSON: method, reference, split, reason; of a
charge the newest reading of each meter (instant, Wh, epoch)."""

posting = _compact(
    "posting",
    Column("entry_seq", ForeignKey("journal_entry.seq"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
)
"""Signed postings; per entry and asset they sum to zero (invariant 1). Buckets as in ``core.ledger``."""

charge_line = _compact(
    "charge_line",
    Column("entry_seq", ForeignKey("journal_entry.seq"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("supply_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("version_id", Text, nullable=False),
    Column("block", Integer),
    Column("band", Text),
    Column("quantity", BigInteger, nullable=False),
    Column("unit_price", BigInteger),
    Column("amount", BigInteger, nullable=False),
)

_SEGMENT_TYPES: Final = {
    segment_columns.BIGINT: BigInteger,
    segment_columns.BOOLEAN: Boolean,
    segment_columns.DATE: Text,
    segment_columns.INTEGER: Integer,
    segment_columns.SMALLINT: Integer,
    segment_columns.VARCHAR: Text,
}


def _segment_column(column: segment_columns.SegmentColumn) -> Column[object]:
    """Return a column of a segment; its first one is the entry that the segment belongs to."""
    entry = [ForeignKey("journal_entry.seq")] if column.name == "entry_seq" else []
    key = column.name in segment_columns.SEGMENT_KEY
    kind = _SEGMENT_TYPES[column.type]
    return Column(column.name, kind, *entry, primary_key=key, nullable=column.optional)


segment = _compact("segment", *map(_segment_column, segment_columns.SEGMENT))
"""Fact row of all analysis: at most 15 minutes of one meter, cut at every price boundary and posting.

``kind`` is that of its line; ``standing`` and other charges have no meter and no energy. ``local_day`` is ISO
in the site's time zone, ``local_slot`` the quarter of the local day by the wall clock (0 to 95), ``block``
counts from 1. ``amount`` is before tax. Sums of segments equal the journal's charges to the last unit.
``register_wh`` is what the meter's register showed at the end, linear between two readings; null where that
is not known. ``estimated``: some of the energy was spread over an hour or more without a reading.
"""

balance = _compact(
    "balance",
    Column("account_id", ForeignKey("account.id"), primary_key=True),
    Column("bucket", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
)
"""Cache of the fold of the journal, kept in the same transaction (invariant 2)."""

operation = _compact(
    "operation",
    Column("account_id", ForeignKey("account.id"), primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("content_hash", Text, nullable=False),
    Column("entry_seq", BigInteger),
    Column("result", Text, nullable=False),
    _instant("at"),
)
"""Idempotency keys, kept for ever (invariant 4); ``entry_seq`` is the journal entry where there is one."""

supply_decision = _table(
    "supply_decision",
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    _instant("at"),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("note", Text),
    Column("available", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
)

quarantine = _table(
    "quarantine",
    Column("id", Text, primary_key=True),
    Column("meter_id", ForeignKey("meter.id"), nullable=False, index=True),
    _instant("opened_at"),
    Column("cause", Text, nullable=False),
    Column("watermark_wh", BigInteger, nullable=False),
    Column("register_wh", BigInteger, nullable=False),
    _instant("closed_at", optional=True),
    Column("decision", Text),
    Column("actor", Text),
    Column("reason", Text),
)

register_record = _table(
    "register_record",
    Column("id", Text, primary_key=True),
    Column("meter_id", ForeignKey("meter.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    _instant("at"),
    _instant("told_at"),
    Column("register_wh", BigInteger, nullable=False),
    Column("opening_wh", BigInteger),
    Column("address", Text),
    Column("confirmed", Boolean, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
)
"""Manual readings and replaced meters: ``kind`` is ``register_read`` or ``meter_replaced``.

Of a replacement ``register_wh`` is the closing reading of the old counter, ``opening_wh`` of the new one.
"""

alert = _table(
    "alert",
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("site_id", Text),
    Column("account_id", Text),
    Column("meter_id", Text),
    Column("facts", Text, nullable=False),
    _instant("opened_at"),
    _instant("acknowledged_at", optional=True),
    Column("acknowledged_by", Text),
    _instant("closed_at", optional=True),
    Index("ix_alert_opened", "opened_at"),
)
"""Open while ``closed_at`` is null; ``key`` tells two open alerts of a kind apart (thresholds, meters).

``facts`` is JSON, of which ``text.alerts`` makes the text.
"""

event = _table(
    "event",
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _instant("at"),
    Column("kind", Text, nullable=False),
    Column("account_id", Text),
    Column("meter_id", Text),
    Column("data", Text, nullable=False),
)

token = _table(
    "token",
    Column("id", Text, primary_key=True),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("sites", Text, nullable=False),
    Column("accounts", Text, nullable=False),
    _instant("created_at"),
    _instant("expires_at", optional=True),
    _instant("revoked_at", optional=True),
)
"""``sites`` and ``accounts`` are JSON lists of ids that the token may see; ``["*"]`` means all sites."""

export_file = _table(
    "export_file",
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("first_day", Text),
    Column("last_day", Text),
    _instant("created_at"),
    _instant("retired_at", optional=True),
    Column("checked", Boolean, nullable=False),
)
"""Manifest of immutable Parquet files: ``kind`` is ``segments`` or ``rollup``; name relative to the export
folder."""

export_watermark = _table(
    "export_watermark",
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)
"""One row: every segment up to this journal ``seq`` is in the files that ``export_file`` names."""

retention = _table(
    "retention",
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)
"""One row, where retention let go of any: segments up to this journal ``seq`` are in exported files alone."""

retired_energy = _table(
    "retired_energy",
    Column("meter_id", ForeignKey("meter.id"), primary_key=True),
    Column("assigned_at", BigInteger, primary_key=True),
    Column("wh", BigInteger, nullable=False),
)
"""Energy of the segments that retention let go of, by meter and by the assignment that it counts for."""

applied_site = _table(
    "applied_site",
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _instant("at"),
    Column("actor", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("plan", Text, nullable=False),
)
"""Site files as applied, newest last: the text, and what it meant as JSON."""

voucher_batch = _table(
    "voucher_batch",
    Column("id", Text, primary_key=True),
    Column("site_id", ForeignKey("site.id")),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("needs_sale", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("actor", Text, nullable=False),
    _instant("created_at"),
    _instant("expires_at", optional=True),
)
"""Vouchers printed together: ``site_id`` is where they are good, null for everywhere; ``needs_sale`` ones are
good only once sold; ``key_id`` names the key of their hashes, which is not in the database."""

voucher = _table(
    "voucher",
    Column("id", Text, primary_key=True),
    Column("batch_id", ForeignKey("voucher_batch.id"), nullable=False, index=True),
    Column("code_hash", LargeBinary, nullable=False, unique=True),
    _instant("sold_at", optional=True),
    Column("sold_to", Text),
    Column("sold_by", Text),
    _instant("blocked_at", optional=True),
    Column("blocked_by", Text),
    Column("blocked_reason", Text),
)
"""A voucher under the serial number that is printed on it; of its code there is only a keyed hash."""

voucher_redemption = _compact(
    "voucher_redemption",
    Column("voucher_id", ForeignKey("voucher.id"), primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("entry_seq", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    _instant("at"),
)
"""A voucher that was used; its primary key lets the database refuse a second time."""

payment_order = _table(
    "payment_order",
    Column("id", Text, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("tenancy", Integer, nullable=False),
    Column("provider", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reference", Text, nullable=False, unique=True),
    Column("key", Text, nullable=False),
    Column("actor", Text, nullable=False),
    _instant("created_at"),
    Index("uq_payment_order_account_key", "account_id", "key", unique=True),
    Index("ix_payment_order_created_at", "created_at"),
)
"""What customers set out to pay: amount, currency and account of every credit come from here."""

payment_event = _table(
    "payment_event",
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("provider", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("order_id", Text, index=True),
    Column("payment_id", Text, index=True),
    Column("reversal_id", Text),
    Column("amount", BigInteger),
    Column("currency", Text),
    _instant("happened_at", optional=True),
    _instant("at"),
    Column("detail", Text, nullable=False),
    Index("uq_payment_event_provider_event", "provider", "event_id", unique=True),
)
"""Events of payment providers in order of arrival; each event once, and for ever."""

_DECIDED: Final = text("step IN ('credit', 'dismiss')")
payment_booking = _compact(
    "payment_booking",
    Column("provider", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("payment_id", Text, nullable=False),
    Column("order_id", Text),
    Column("account_id", Text),
    Column("amount", BigInteger, nullable=False),
    Column("entry_id", Text),
    Column("actor", Text, nullable=False),
    Column("note", Text, nullable=False),
    _instant("at"),
    Index("ix_payment_booking_payment", "provider", "payment_id"),
    Index(
        "uq_payment_booking_decision",
        "provider",
        "key",
        unique=True,
        sqlite_where=_DECIDED,
        postgresql_where=_DECIDED,
    ),
)
"""What was booked for a payment or a reversal, in the same transaction as its entry; its primary key lets the
database refuse a second time, and its index a payment that is both credited and dismissed."""


lease = _table(
    "lease",
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("address", Text),
    Column("word", Text),
    Index("uq_lease_name_token", "name", "token", unique=True),
)
"""Who owns what on PostgreSQL, by the server's clock; ``token`` rises with each owner. Unused on SQLite.

A worker's own lease has its ``address``, and a ``word`` that proves that who asks can read this table."""

shard = _table(
    "shard",
    Column("n", Integer, primary_key=True, autoincrement=False),
    _instant("last_instant"),
    Column("applied", BigInteger, nullable=False),
)
"""Shares of the sites, where there are several: the newest event time that each committed, and the newest
``applied_site`` that its accounts are of. Empty where one bridge owns all."""

site_shard = _table(
    "site_shard",
    Column("site_id", ForeignKey("site.id"), primary_key=True),
    Column("shard", Integer, nullable=False),
)
"""To which shard a site belongs, with all its accounts; one without a row belongs to shard 0."""

tenant_access = _table(
    "tenant_access",
    Column("id", Text, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    Column("tenancy", Integer, nullable=False),
    Column("code_hash", LargeBinary, nullable=False),
    Column("link_hash", LargeBinary, nullable=False),
    Column("actor", Text, nullable=False),
    _instant("created_at"),
    _instant("revoked_at", optional=True),
)
"""Codes and links of customers, as keyed hashes; each belongs to one tenancy."""

contact = _table(
    "contact",
    Column("account_id", ForeignKey("account.id"), primary_key=True),
    Column("tenancy", Integer, primary_key=True),
    Column("document", Text, nullable=False),
    _instant("at"),
)
"""A customer's preferences for notices, as JSON: language, addresses, quiet hours."""

wrong_secret = _table(
    "wrong_secret",
    Column("id", Text, primary_key=True),
    Column("document", Text, nullable=False),
    _instant("expires_at"),
    Index("ix_wrong_secret_expires_at", "expires_at"),
)
"""Recent wrong codes and vouchers, as JSON, by where they were tried and a keyed hash of who tried them.

So a restart resets no lock-out. Rows that have expired are deleted with the next wrong secret.
"""

notice = _table(
    "notice",
    Column("id", Text, primary_key=True),
    Column("event_seq", BigInteger, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("account_id", ForeignKey("account.id")),
    Column("tenancy", Integer),
    Column("alert_id", Text),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    _instant("made_at"),
    _instant("next_at"),
    Column("attempts", Integer, nullable=False),
    Column("sent", Text, nullable=False),
    Column("ended_at", BigInteger),
    Column("outcome", Text),
    Column("sending", Text),
    Column("uncertain", Text),
    Index("ix_notice_waiting", "ended_at", "next_at"),
)
"""A message for one person about one event. As JSON, ``sent`` names the channels that took it, ``sending``
those through which it is on its way, and ``uncertain`` those that may have taken it: the bridge was ended
before they answered."""

notice_mark = _table(
    "notice_mark",
    Column("id", Integer, primary_key=True),
    Column("event_seq", BigInteger, nullable=False),
    Column("digests", Text, nullable=False),
)
"""The one row: the last event of which notices were made, and the day of each person's last digest (JSON)."""

own_warning = _table(
    "own_warning",
    Column("id", Text, primary_key=True),
    Column("below", Boolean, nullable=False),
    _instant("since"),
)
"""Whether an account is below the threshold that somebody chose, and since when.

The id is recipient, account, tenancy and topic; so there is one row for each, which is never deleted.
"""

keypad_token = _compact(
    "keypad_token",
    Column("serial", Text, primary_key=True),
    Column("count", Integer, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("units", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    _instant("at"),
)
"""Tokens issued for keypad meters, without their digits: those follow from count and key, and the key is not
in the database."""

APPEND_ONLY: Final = (
    journal_entry,
    posting,
    charge_line,
    segment,
    operation,
    supply_decision,
    event,
    applied_site,
    register_record,
    voucher_batch,
    voucher_redemption,
    payment_order,
    payment_event,
    payment_booking,
    keypad_token,
)
"""Tables whose rows are never updated; those of the journal are never deleted either."""

PRUNABLE: Final = frozenset({"segment", "event"})
"""Append-only tables whose old rows may be deleted: segments once exported, events as the settings say."""
