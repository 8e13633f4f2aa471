"""Making statements of accounts that the engine knows: what was used is posted, then the journal is read."""

import asyncio
from contextlib import suppress
from zoneinfo import ZoneInfo

from meter_bridge.api.port import Refused
from meter_bridge.engine.charging import settle_all
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.operations import committed
from meter_bridge.engine.state import Account
from meter_bridge.engine.unit import Unit
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.statements import Detail, Statement
from meter_bridge.statement.assembling import DoesNotAddUpError, Holder, assemble
from meter_bridge.statement.books import TooLongError, read_books
from meter_bridge.statement.period import PeriodError, parse_period, since


async def make_statement(
    engine: Engine,
    account: Account,
    *,
    begin: str | None,
    end: str | None,
    detail: Detail,
    whole: bool = True,
) -> Statement:
    """Return an account's statement; raises ``Refused`` for a period of which there is none.

    One whose period has not ended holds everything that was used until now: it is posted first. Where it
    is not the ``whole`` account's, nothing from before the present tenancy is in it.
    """
    site, now = account.site, engine.clock.now()
    holder = Holder(
        account_id=account.id,
        account_name=account.name,
        customer=account.customer,
        site_id=site.id,
        site_name=site.name,
        time_zone=site.time_zone,
        currency=site.currency,
    )
    try:
        period = parse_period(begin, end, now=now, zone=ZoneInfo(site.time_zone))
        first = 0 if whole else account.tenancy.first_seq
        if not whole:
            period = since(period, account.tenancy.start, begin or end)
        if period.end > now:
            await _post(engine, account)
        books = await asyncio.to_thread(
            read_books,
            engine.reader,
            account.id,
            site.currency,
            period,
            by_day=detail is Detail.DAY,
            own=first,
        )
        return assemble(holder, period, books, engine.clock.now())
    except PeriodError as error:
        raise Refused(
            ErrorCode.BAD_REQUEST, str(error), field=error.field, value=error.value, remedy=error.remedy
        ) from error
    except TooLongError as error:
        raise Refused(
            ErrorCode.BAD_REQUEST,
            str(error),
            field="from",
            value=begin,
            remedy="ask for shorter periods one after the other; they join without a gap",
        ) from error
    except DoesNotAddUpError as error:
        raise Refused(
            ErrorCode.BOOKS_WRONG,
            f"{error}; nothing of it is shown",
            remedy="run 'meter-bridge verify', and restore the newest backup that it finds right",
        ) from error


async def _post(engine: Engine, account: Account) -> None:
    """Post what was used so far and what the clock made due.

    Where nothing can be stored now, the statement tells it as not yet posted instead of failing.
    """
    if engine.broken is not None or not engine.running.is_set():
        return
    unit = Unit(engine.clock.now())
    with engine.whole():
        settle_all(engine.installation, account, unit)
        engine.evaluate(account, unit)
    with suppress(Refused):
        await committed(engine, unit)
