"""Issuing keypad tokens for the units that an account bought: each unit once, each count once."""

import asyncio
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Engine as SqlEngine, func, select

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.keypad.tokens import (
    IssuedToken,
    Keypad,
    KeypadError,
    next_tokens,
    special_token,
    token_digits,
)
from meter_bridge.protocol.messages import ErrorCode, EventKind, Role
from meter_bridge.protocol.payments import KeypadToken, KeypadTokenKind, KeypadTokens
from meter_bridge.storage import changeset as ops, tables

MAX_LISTED: Final = 20
_TABLE: Final = tables.keypad_token


class KeypadTokenIssuer:
    """Tokens of the keypad meters of one session."""

    def __init__(self, session: Session, keypads: Mapping[str, Keypad]) -> None:
        """Keep the meters by their accounts."""
        self._session = session
        self._keypads = keypads
        self._lock = asyncio.Lock()

    def has(self, account_id: str) -> bool:
        """Return whether an account has a keypad meter."""
        return account_id in self._keypads

    async def issue(self, actor: Actor, account: Account, kind: KeypadTokenKind) -> KeypadTokens:
        """Issue tokens for what was bought and not issued yet, or a special one; return the newest."""
        keypad = self._keypads.get(account.id)
        if keypad is None:
            raise RequestRefused(
                ErrorCode.NOT_SUPPORTED,
                f"{account.name} has no keypad meter",
                field="id",
                value=account.id,
                remedy="name it below keypads: in payments.yaml",
            )
        async with self._lock:
            tokens = await self._due_tokens(keypad, account, kind)
            if tokens:
                await self._save(actor, keypad, account, tokens)
        since = account.tenancy.start if actor.role is Role.TENANT else 0
        return await asyncio.to_thread(_newest_tokens, self._session.reader, keypad, since)

    async def _due_tokens(self, keypad: Keypad, account: Account, kind: KeypadTokenKind) -> list[IssuedToken]:
        """Return the tokens that are due now."""
        bought, issued, count = await asyncio.to_thread(_bought_and_issued, self._session.reader, keypad)
        try:
            if kind is not KeypadTokenKind.ADD:
                return [special_token(count, kind)]
            return next_tokens(count, max(bought // keypad.unit_wh - issued, 0))
        except KeypadError as error:
            raise RequestRefused(
                ErrorCode.CONFLICT, str(error), field="id", value=account.id, remedy="see docs/payments.md"
            ) from error

    async def _save(self, actor: Actor, keypad: Keypad, account: Account, tokens: list[IssuedToken]) -> None:
        """Store tokens before anybody sees their digits; the database refuses a count twice."""
        tx = self._session.begin(actor)
        for each in tokens:
            row = {"serial": keypad.serial, "count": each.count, "account_id": account.id}
            row |= {"kind": each.kind.value, "units": each.units, "actor": tx.actor, "at": tx.at}
            tx.changeset.add(ops.INSERT_KEYPAD_TOKEN, row)
        event_data = {"serial": keypad.serial, "tokens": len(tokens), "kind": tokens[0].kind.value}
        event_data |= {"units": sum(each.units for each in tokens), "by": tx.actor}
        kind = EventKind.KEYPAD_TOKENS
        record_event(self._session.installation, tx, kind, account_id=account.id, data=event_data)
        await self._session.commit(tx)


def _bought_and_issued(reader: SqlEngine, keypad: Keypad) -> tuple[int, int, int]:
    """Return the Wh that were bought, less those taken back, the units issued, and the newest count."""
    entry, posting = tables.journal_entry, tables.posting
    bought = (
        select(func.coalesce(func.sum(posting.c.amount), 0))
        .select_from(posting.join(entry, entry.c.seq == posting.c.entry_seq))
        .where(
            posting.c.account_id == keypad.account_id,
            posting.c.bucket == Bucket.UNITS,
            entry.c.kind.in_((EntryKind.TOP_UP, EntryKind.REVERSAL)),
        )
    )
    issued = select(func.coalesce(func.sum(_TABLE.c.units), 0), func.coalesce(func.max(_TABLE.c.count), 0))
    with reader.connect() as connection:
        units, count = connection.execute(issued.where(_TABLE.c.serial == keypad.serial)).one()
        return int(connection.execute(bought).scalar_one()), int(units), int(count)


def _newest_tokens(reader: SqlEngine, keypad: Keypad, since: int) -> KeypadTokens:
    """Return the newest tokens of a meter with their digits, made anew from its key."""
    query = select(_TABLE).where(_TABLE.c.serial == keypad.serial, _TABLE.c.at >= since)
    with reader.connect() as connection:
        rows = connection.execute(query.order_by(_TABLE.c.count.desc()).limit(MAX_LISTED)).mappings().all()
    return KeypadTokens(
        serial=keypad.serial,
        unit_wh=keypad.unit_wh,
        tokens=tuple(
            KeypadToken(
                token=token_digits(
                    keypad, IssuedToken(row["count"], KeypadTokenKind(row["kind"]), row["units"])
                ),
                kind=KeypadTokenKind(row["kind"]),
                units=row["units"],
                wh=row["units"] * keypad.unit_wh,
                count=row["count"],
                at=iso(row["at"]),
            )
            for row in rows
        ),
    )
