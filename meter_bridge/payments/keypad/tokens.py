"""Keypad meters that are never online: OpenPAYGO tokens, which a customer types at the meter.

The tokens are those of the ``openpaygo`` library, the standard's own. Its traps are closed here: it takes
negative values, and values that are rounded to none; a count that goes back makes a token that the meter has
used; an empty starting code is replaced in silence; and a token takes longer to make the higher its count is.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from openpaygo import OpenPAYGOTokenEncoder  # type: ignore[import-untyped]
from openpaygo.token_shared import TokenType  # type: ignore[import-untyped]
from sqlalchemy import Engine as SqlEngine, func, select

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, EventKind, Role
from meter_bridge.protocol.payments import KeypadToken, KeypadTokenKind, KeypadTokens
from meter_bridge.storage import changeset as ops, tables

MAX_UNITS: Final = 995
"""Of one token; what lies above stands for other things (OpenPAYGO Token 2.3)."""
MAX_TOKENS: Final = 10
"""At once; a meter accepts a token up to 64 counts, which is 32 tokens, after the one that was typed last."""
MAX_COUNT: Final = 10_000
"""From here on a token takes a third of a second to make; the meter is to be given a new starting code."""
_TYPES: Final = {
    KeypadTokenKind.ADD: TokenType.ADD_TIME,
    KeypadTokenKind.DISABLE: TokenType.DISABLE_PAYG,
    KeypadTokenKind.SYNC: TokenType.COUNTER_SYNC,
}
_GROUP: Final = 3


class KeypadError(ValueError):
    """A token that cannot be made; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypad:
    """A keypad meter of an account."""

    account_id: str
    serial: str
    key: str = field(repr=False)
    """16 bytes as hexadecimal digits."""
    starting_code: int = field(repr=False)
    unit_wh: int
    """Energy that one unit of a token stands for."""
    four_keys: bool = False
    """The keypad has but the digits 1 to 4; tokens then have 15 digits."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token as it is kept: everything but its digits, which follow from these and the meter's key."""

    count: int
    kind: KeypadTokenKind
    units: int


def next_tokens(count: int, units: int) -> list[IssuedToken]:
    """Return the tokens that carry so many units, after a count; at most ``MAX_TOKENS``, the rest later."""
    if units < 0:
        raise KeypadError(f"{units} units are fewer than none")
    found: list[IssuedToken] = []
    while units > 0 and len(found) < MAX_TOKENS:
        part = min(units, MAX_UNITS)
        count = _next_count(count, KeypadTokenKind.ADD)
        found.append(IssuedToken(count, KeypadTokenKind.ADD, part))
        units -= part
    return found


def special_token(count: int, kind: KeypadTokenKind) -> IssuedToken:
    """Return the token that unlocks a meter for good, or brings its count in step again."""
    return IssuedToken(_next_count(count, kind), kind, 0)


def _next_count(count: int, kind: KeypadTokenKind) -> int:
    """Even counts add units, odd ones do everything else."""
    found = count + 1 if (count + 1) % 2 == (kind is not KeypadTokenKind.ADD) else count + 2
    if found > MAX_COUNT:
        raise KeypadError(
            f"{found} tokens are more than a key is good for: give the meter a new starting code"
        )
    return found


def token_digits(keypad: Keypad, token_data: IssuedToken) -> str:
    """Return a token's digits, in groups; slow, so not on the loop."""
    value = token_data.units if token_data.kind is KeypadTokenKind.ADD else None
    if value is not None and not 0 < value <= MAX_UNITS:
        raise KeypadError(f"a token carries 1 to {MAX_UNITS} units, not {value}")
    count, token = OpenPAYGOTokenEncoder.generate_token(
        secret_key=keypad.key,
        count=token_data.count - 1,
        value=value,
        token_type=_TYPES[token_data.kind],
        starting_code=keypad.starting_code,
        restricted_digit_set=keypad.four_keys,
    )
    assert count == token_data.count, "the count decides which token it is"
    text = str(token)
    return " ".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


MAX_LISTED: Final = 20
_TABLE: Final = tables.keypad_token


class KeypadTokenIssuer:
    """Tokens of the keypad meters of one session."""

    def __init__(self, session: Session, keypads: Mapping[str, Keypad]) -> None:
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
        """Store tokens before anybody sees their digits; the database refuses to use a count twice."""
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
    """Return the Wh bought less reversals, the units issued, and the newest count."""
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
