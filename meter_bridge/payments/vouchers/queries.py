"""Reading vouchers from the database, beside the writer."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, Select, func, select

from meter_bridge.core.calendar import iso
from meter_bridge.core.money import amount_digits
from meter_bridge.payments.vouchers.code import Voucher
from meter_bridge.protocol.payments import VoucherBatch, VoucherState, VoucherView
from meter_bridge.storage import tables

_BATCH: Final = tables.voucher_batch
_VOUCHER: Final = tables.voucher
_USED: Final = tables.voucher_redemption
_EVERYTHING: Final = _VOUCHER.join(_BATCH, _BATCH.c.id == _VOUCHER.c.batch_id).outerjoin(
    _USED, _USED.c.voucher_id == _VOUCHER.c.id
)


def _query() -> Select[Any]:
    return select(
        _VOUCHER.c.id,
        _VOUCHER.c.batch_id,
        _VOUCHER.c.sold_at,
        _VOUCHER.c.sold_to,
        _VOUCHER.c.blocked_at,
        _VOUCHER.c.blocked_reason,
        _BATCH.c.site_id,
        _BATCH.c.amount,
        _BATCH.c.currency,
        _BATCH.c.needs_sale,
        _BATCH.c.expires_at,
        _USED.c.at.label("redeemed_at"),
        _USED.c.account_id,
    ).select_from(_EVERYTHING)


def _voucher(row: RowMapping) -> Voucher:
    return Voucher(serial=row["id"], **{name: value for name, value in row.items() if name != "id"})


def currencies(reader: Engine) -> dict[str, str]:
    """Return the currency of each site, of whichever shard."""
    site = tables.site
    with reader.connect() as connection:
        return dict(connection.execute(select(site.c.id, site.c.currency)).tuples().all())


def by_code(reader: Engine, code_hash: bytes) -> Voucher | None:
    """Return the voucher of a code's hash."""
    with reader.connect() as connection:
        row = connection.execute(_query().where(_VOUCHER.c.code_hash == code_hash)).mappings().first()
    return None if row is None else _voucher(row)


def by_serials(reader: Engine, serials: Sequence[str]) -> list[Voucher]:
    """Return the vouchers of serial numbers, as far as there are any."""
    with reader.connect() as connection:
        rows = connection.execute(_query().where(_VOUCHER.c.id.in_(serials))).mappings().all()
    return [_voucher(row) for row in rows]


def of_batch(reader: Engine, batch_id: str) -> list[Voucher]:
    """Return the vouchers of a batch in the order of their serial numbers."""
    with reader.connect() as connection:
        query = _query().where(_VOUCHER.c.batch_id == batch_id).order_by(_VOUCHER.c.id)
        return [_voucher(row) for row in connection.execute(query).mappings()]


def batches(reader: Engine, at: int, batch_id: str | None = None) -> list[VoucherBatch]:
    """Return all batches, or the one of an id, newest first, with how many are in each state."""
    with reader.connect() as connection:
        wanted = select(_BATCH).order_by(_BATCH.c.created_at.desc(), _BATCH.c.id)
        if batch_id is not None:
            wanted = wanted.where(_BATCH.c.id == batch_id)
        return [_batch(connection, row, at) for row in connection.execute(wanted).mappings().all()]


def _batch(connection: Connection, row: RowMapping, at: int) -> VoucherBatch:
    return VoucherBatch(
        id=row["id"],
        site_id=row["site_id"],
        amount=row["amount"],
        currency=row["currency"],
        amount_digits=amount_digits(row["currency"]),
        created_at=iso(row["created_at"]),
        expires_at=None if row["expires_at"] is None else iso(row["expires_at"]),
        needs_sale=row["needs_sale"],
        note=row["note"],
        by=row["actor"],
        states=_states(connection, row, at),
    )


def _states(connection: Connection, batch: RowMapping, at: int) -> dict[VoucherState, int]:
    used, blocked, sold = (
        column.is_not(None) for column in (_USED.c.at, _VOUCHER.c.blocked_at, _VOUCHER.c.sold_at)
    )
    columns = (used.label("used"), blocked.label("blocked"), sold.label("sold"))
    query = select(*columns, func.count()).select_from(_EVERYTHING).where(_VOUCHER.c.batch_id == batch["id"])
    states: dict[VoucherState, int] = {}
    for is_used, is_blocked, is_sold, count in connection.execute(query.group_by(*columns)):
        one = Voucher(
            serial="",
            batch_id=batch["id"],
            site_id=None,
            amount=0,
            currency="",
            needs_sale=batch["needs_sale"],
            expires_at=batch["expires_at"],
            sold_at=0 if is_sold else None,
            blocked_at=0 if is_blocked else None,
            redeemed_at=0 if is_used else None,
        )
        state = one.state(at)
        states[state] = states.get(state, 0) + count
    return states


def view(voucher: Voucher, at: int) -> VoucherView:
    """Return a voucher as it goes over the wire."""

    def when(instant: int | None) -> str | None:
        return None if instant is None else iso(instant)

    return VoucherView(
        serial=voucher.serial,
        state=voucher.state(at),
        sold_at=when(voucher.sold_at),
        sold_to=voucher.sold_to,
        redeemed_at=when(voucher.redeemed_at),
        account_id=voucher.account_id,
        blocked_at=when(voucher.blocked_at),
        blocked_reason=voucher.blocked_reason,
    )


def uses_other_key(reader: Engine, key_id: str) -> bool:
    """Return whether there are vouchers whose hashes were made with another key than this."""
    with reader.connect() as connection:
        return connection.execute(select(_BATCH.c.id).where(_BATCH.c.key_id != key_id)).first() is not None
