"""Making statements of accounts: what was used is posted first, then the journal is read."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from meter_bridge.engine.ledger.journal import post_accruals, post_deferred
from meter_bridge.engine.ledger.past_tenancies import PastTenancy, past_tenancy
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.statement.builder import DoesNotAddUpError, StatementHolder, build_statement
from meter_bridge.engine.statement.entry_range import TenancyRange
from meter_bridge.engine.statement.journal_reader import TooLongError, read_settlements, read_statement_data
from meter_bridge.engine.statement.period import Period, parse_period, period_within
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.statements import Detail, Statement, StatementEntry


@dataclass(frozen=True, slots=True)
class StatementRequest:
    """Which statement is wanted; a tenancy's holds nothing of any other."""

    begin: str | None
    end: str | None
    detail: Detail
    tenancy: int | None = None
    whole_tenancy: bool = True
    """Without a period it is the whole tenancy's; else this month's."""


async def make_statement(session: Session, account: Account, request: StatementRequest) -> Statement:
    """Return an account's statement; raises ``RequestRefused`` for a period of which there is none.

    One whose period has not ended holds everything that was used until now: it is posted first. So is what
    closed in a period that has ended and still waits for its turn: what is stated once stays as it is.
    """
    now = session.clock.now()
    past = await _tenancy(session, account, request.tenancy)
    try:
        period = _period(account, request, past, now)
        await _post_until(session, account.id, period.end)
        holder = await _holder(session, account, past)
        own = TenancyRange()
        if past is not None:
            own = TenancyRange(past.first_seq, past.stop_seq or own.stop)
        books = await asyncio.to_thread(
            read_statement_data,
            session.reader,
            session.archive,
            account.id,
            account.site.currency,
            period,
            by_day=request.detail is Detail.DAY,
            tenancy_range=own,
        )
        return build_statement(holder, period, books, session.clock.now())
    except TooLongError as error:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            str(error),
            field="from",
            value=request.begin,
            remedy="ask for shorter periods one after the other; they join without a gap",
        ) from error
    except DoesNotAddUpError as error:
        raise RequestRefused(
            ErrorCode.BOOKS_WRONG,
            f"{error}; nothing of it is shown",
            remedy="run 'meter-bridge verify', and restore the newest backup that it finds right",
        ) from error


async def _tenancy(session: Session, account: Account, n: int | None) -> PastTenancy | None:
    if n is None:
        return None

    def read() -> PastTenancy | None:
        with session.reader.connect() as connection:
            return past_tenancy(connection, account.id, n)

    tenancy = await asyncio.to_thread(read)
    if tenancy is None:
        raise tenancy_not_found(account, n)
    return tenancy


def tenancy_not_found(account: Account, n: int) -> RequestRefused:
    """Return the refusal of a request about a tenancy that does not exist."""
    return RequestRefused(
        ErrorCode.NOT_FOUND,
        f"{account.id} has no tenancy {n}",
        field="tenancy",
        value=str(n),
        remedy="'meter-bridge tenancies' lists those that there are",
    )


def _period(account: Account, request: StatementRequest, past: PastTenancy | None, now: int) -> Period:
    # The final settlement is booked at the very instant at which a tenancy ends.
    end = None if past is None or past.end is None else past.end + 1
    zone = ZoneInfo(account.site.time_zone)
    if past is not None and request.whole_tenancy and request.begin is None and request.end is None:
        return Period(past.start, parse_period(None, None, now=now, zone=zone).end if end is None else end)
    period = parse_period(request.begin, request.end, now=now, zone=zone)
    return period if past is None else period_within(period, past.start, end, request.begin or request.end)


async def _holder(session: Session, account: Account, past: PastTenancy | None) -> StatementHolder:
    site = account.site
    former = None if past is None or past.end is None else past
    settlements: tuple[StatementEntry, ...] = ()
    if former is not None:
        settlements = await asyncio.to_thread(read_settlements, session.reader, account.id, former.n)
    return StatementHolder(
        account_id=account.id,
        account_name=account.name,
        customer=account.customer if past is None else past.customer,
        site_id=site.id,
        site_name=site.name,
        time_zone=site.time_zone,
        currency=site.currency,
        tenancy=None if past is None else past.n,
        outstanding=None if former is None else former.outstanding,
        settlements=settlements,
    )


async def _post_until(session: Session, account_id: str, end: int) -> None:
    """Post what was used so far, or what closed before an end that has passed, and what is due.

    If nothing can be stored now, the statement shows it as not yet posted instead of failing.
    """
    # Only now: the state may have been reloaded while the tenancy was read.
    account = session.installation.accounts.get(account_id)
    if account is None or not session.can_change or account.site.id in session.stopped_sites:
        return
    tx = Transaction(session.clock.now())
    if end > tx.at:
        post = post_accruals
    elif any(
        supply.deferred_posting is not None and supply.deferred_posting.at < end
        for supply in account.supplies
    ):
        post = post_deferred
    else:
        await session.wait_for_submitted()
        return
    with session.atomic():
        post(session.installation, account, tx)
        evaluate(session, account, tx)
    with suppress(RequestRefused):
        await session.commit(tx)
