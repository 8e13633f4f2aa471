"""Booking top-ups: once per key, posted after everything used so far, answered only when on disk."""

import asyncio
import hashlib
import json
from typing import Final

import msgspec
from sqlalchemy import select

from meter_bridge.api.port import Actor, Refused
from meter_bridge.core import ledger
from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger import EntryKind
from meter_bridge.core.money import MAX_AMOUNT, MoneyError, format_amount, minor_digits, parse_amount
from meter_bridge.engine.charging import settle_all
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.evaluation import available_credit
from meter_bridge.engine.journal import announce, book, entry_id
from meter_bridge.engine.state import Account
from meter_bridge.engine.unit import Unit
from meter_bridge.engine.views import supply_view
from meter_bridge.protocol.messages import ErrorCode, EventKind, TopUpResult, TopUpView
from meter_bridge.storage import tables, work as ops
from meter_bridge.storage.database import StorageError

OPERATION: Final = "top_up"
METHOD_LENGTH: Final = 40
REFERENCE_LENGTH: Final = 200
KEY_LENGTH: Final = 255


class TopUps:
    """Takes top-ups for one engine."""

    def __init__(self, engine: Engine) -> None:
        """Keep the engine; keys under way are remembered until they are on disk."""
        self._engine = engine
        self._under_way: dict[tuple[str, str], asyncio.Task[tuple[str, TopUpResult, bool]]] = {}

    async def book(
        self, actor: Actor, account: Account, *, amount: str, method: str, reference: str | None, key: str
    ) -> tuple[TopUpResult, bool]:
        """Book a top-up or return what its key was first answered with."""
        value = _parsed_amount(account, amount)
        _check_text("method", method, METHOD_LENGTH)
        _check_text("reference", reference or "", REFERENCE_LENGTH)
        _check_text("Idempotency-Key", key, KEY_LENGTH)
        content = _content_hash(value, method, reference)
        while (under_way := self._under_way.get((account.id, key))) is not None:
            known, result, _ = await asyncio.shield(under_way)
            return _same(known, content, key, result), True
        task = asyncio.create_task(self._book(actor, account.id, value, method, reference, key, content))
        self._under_way[account.id, key] = task
        task.add_done_callback(lambda _: self._under_way.pop((account.id, key), None))
        known, result, replayed = await asyncio.shield(task)
        return _same(known, content, key, result), replayed

    async def _book(
        self,
        actor: Actor,
        account_id: str,
        value: int,
        method: str,
        reference: str | None,
        key: str,
        content: str,
    ) -> tuple[str, TopUpResult, bool]:
        """Look the key up, else book; returns the content first booked under the key."""
        before = await asyncio.to_thread(self._find, account_id, key)
        if before is not None:
            return before[0], before[1], True
        while not self._engine.running.is_set():
            await self._engine.running.wait()
        account = self._engine.installation.accounts.get(account_id)
        if account is None or self._engine.broken:
            raise storage_unavailable()
        # Only now: a key that was answered keeps its answer, whatever limit was set since (invariant 4).
        _check_range(account, value)
        unit = Unit(self._engine.clock.now(), actor=actor.name)
        with self._engine.whole():
            seq, result = self._post(account, unit, value, method, reference)
        unit.work.add(
            ops.INSERT_OPERATION,
            {
                "account_id": account.id,
                "operation": OPERATION,
                "key": key,
                "content_hash": content,
                "entry_seq": seq,
                "result": msgspec.json.encode(result).decode(),
                "at": unit.at,
            },
        )
        await committed(self._engine, unit)
        return content, result, False

    def _find(self, account_id: str, key: str) -> tuple[str, TopUpResult] | None:
        """Return content and result of a key that was booked before."""
        table = tables.operation
        query = select(table.c.content_hash, table.c.result).where(
            table.c.account_id == account_id, table.c.operation == OPERATION, table.c.key == key
        )
        with self._engine.reader.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row[0], msgspec.json.decode(row[1], type=TopUpResult))

    def _post(
        self, account: Account, unit: Unit, value: int, method: str, reference: str | None
    ) -> tuple[int, TopUpResult]:
        """Post what was used, then the top-up, then decide on supply; return its entry and the answer."""
        engine = self._engine
        settle_all(engine.installation, account, unit)
        detail = {"amount": value, "method": method, "reference": reference, "split": {"balance": value}}
        seq = book(
            engine.installation,
            account,
            unit,
            EntryKind.TOP_UP,
            ledger.top_up(account.site.currency, value),
            description=f"Top-up, {method}",
            detail=detail,
        )
        top_up = TopUpView(
            id=entry_id(seq),
            at=iso(unit.at),
            amount=value,
            method=method,
            reference=reference,
            split={"balance": value},
            balance_after=account.balance,
        )
        account.last_top_up = top_up
        told = {"id": top_up.id, **detail, "balance_after": account.balance}
        announce(engine.installation, unit, EventKind.TOP_UP, account_id=account.id, data=told)
        # Evaluating posts nothing but standing charges already due, so the answer's balance is the posted
        # one.
        engine.evaluate(account, unit)
        return seq, TopUpResult(
            top_up=top_up,
            balance=account.balance,
            available=available_credit(account),
            supply=supply_view(account),
        )


async def committed(engine: Engine, unit: Unit) -> None:
    """Wait until a unit is on disk; raises ``Refused`` if it was not stored."""
    done = engine.submit(unit)
    try:
        if done is not None:
            await engine.ended(done)
    except StorageError as error:
        raise storage_unavailable() from error


def storage_unavailable() -> Refused:
    """Return the refusal of a request that cannot be stored now."""
    return Refused(
        ErrorCode.STORAGE_UNAVAILABLE,
        "the bridge cannot store anything now; nothing was booked or changed",
        remedy="try again with the same key when the bridge is healthy",
    )


def _parsed_amount(account: Account, text: str) -> int:
    """Return the amount of a top-up; raises ``Refused`` naming field, value and remedy."""
    currency = account.site.currency
    try:
        return parse_amount(text, currency, digits=minor_digits(currency))
    except MoneyError as error:
        raise Refused(ErrorCode.BAD_REQUEST, str(error), field="amount", value=text[:40]) from error


def _check_range(account: Account, value: int) -> None:
    """Refuse an amount outside the limits of the account."""
    currency, policy = account.site.currency, account.policy
    low = max(policy.top_up_minimum, 1)
    high = min(policy.top_up_maximum or MAX_AMOUNT, MAX_AMOUNT - abs(account.balance))
    if not low <= value <= high:
        raise Refused(
            ErrorCode.AMOUNT_OUT_OF_RANGE,
            f"a top-up must be from {format_amount(low, currency)} to {format_amount(high, currency)}",
            field="amount",
            value=format_amount(value, currency),
            remedy="choose an amount in that range",
        )


def _check_text(field: str, text: str, length: int) -> None:
    """Refuse a text that is too long or that no database can keep (half of a surrogate pair)."""
    whole = text.isascii() or text.encode(errors="ignore").decode() == text
    if len(text) > length or not whole:
        raise Refused(
            ErrorCode.BAD_REQUEST,
            f"{field} is longer than {length} characters or not Unicode",
            field=field,
            value=ascii(text[:40]),
            remedy="shorten it, and write it in whole characters",
        )


def _content_hash(value: int, method: str, reference: str | None) -> str:
    """Return the hash that tells one top-up's content from another's."""
    return hashlib.sha256(json.dumps([value, method, reference]).encode()).hexdigest()


def _same(known: str, content: str, key: str, result: TopUpResult) -> TopUpResult:
    """Return the result if the content is the one first booked; raises ``Refused`` otherwise."""
    if known != content:
        raise Refused(
            ErrorCode.IDEMPOTENCY_CONFLICT,
            "this key was used before for a top-up with other content",
            field="Idempotency-Key",
            value=key,
            remedy="use a new key for a new top-up; repeat an old one with the same content",
        )
    return result
