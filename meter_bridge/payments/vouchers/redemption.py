"""Redeeming vouchers: wrong codes are counted, kept on record, and too many lock entry."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from meter_bridge.actor import Actor
from meter_bridge.core.supply.alerts import AlertKind
from meter_bridge.engine.access import lockout_rules
from meter_bridge.engine.access.failed_attempts import GuessBook
from meter_bridge.engine.access.keyed_lock import Turns
from meter_bridge.engine.access.secret_key import SecretKey, code_hash
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.ledger.journal import announce
from meter_bridge.engine.operations.operation import Operations, committed
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.supply.holds import unit_of
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.vouchers import queries
from meter_bridge.payments.vouchers.code import digits_of, is_whole
from meter_bridge.payments.vouchers.redeem_operation import RedeemVoucher, mistyped
from meter_bridge.protocol.messages import ErrorCode, EventKind, TopUpResult
from meter_bridge.storage import tables

GUARD: Final = "voucher"
_ON_RECORD: Final = (ErrorCode.VOUCHER_USED, ErrorCode.VOUCHER_BLOCKED, ErrorCode.VOUCHER_EXPIRED)
"""Refusals of codes that are real: on record, but nobody guessed."""


class VoucherTill:
    """Where codes become credit; wrong ones count beyond a restart."""

    def __init__(self, engine: Engine, operations: Operations, key: SecretKey) -> None:
        """Keep what effects go through, and take up what was guessed before the start."""
        self._engine = engine
        self._operations = operations
        self._key = key
        self._guard = lockout_rules.Guard()
        self._book = GuessBook(engine, key, {GUARD: self._guard})
        self._turns = Turns()

    async def redeem(self, actor: Actor, account: Account, code: str, key: str) -> tuple[TopUpResult, bool]:
        """Turn a code into credit of an account, once per key; wrong codes are counted and kept on record."""
        names = f"account {account.id}", f"token {actor.token_id or 'local'}"
        who = tuple(self._book.who(each) for each in names)
        # Tries that arrive at once would otherwise all be looked at before the first of them counts.
        async with self._turns.of(who):
            return await self._look_at(actor, account, code, key, who)

    async def _look_at(
        self, actor: Actor, account: Account, code: str, key: str, who: Sequence[str]
    ) -> tuple[TopUpResult, bool]:
        """Redeem a code in one's turn."""
        digits = digits_of(code)
        whole = digits is not None and is_whole(digits)
        mark = code_hash(self._key, digits or code)
        try:
            self._refuse_locked(who, account, key if whole else "")
            if not whole:
                raise mistyped()
            operation = RedeemVoucher(mark)
            result = await self._operations.run(actor, account.id, operation, key)
        except RequestRefused as refused:
            if refused.code is ErrorCode.VOUCHER_NOT_VALID:
                weight = lockout_rules.WRONG if whole else lockout_rules.MISTYPED
                await self._count(actor, account, who, mark.hex()[:8], weight)
                self._check_key(refused)
            elif refused.code in _ON_RECORD:
                await self._record(actor, account, {"reason": refused.code.value, "serial": refused.value})
            raise
        forgiven = [(GUARD, each) for each in who if self._guard.forgive(each)]
        if forgiven:
            await self._book.keep(forgiven)
        return result

    def _answered(self, account: Account, key: str) -> bool:
        """Say whether a key was answered before: such a one is answered again also while entry is locked."""
        done = tables.operation.c
        query = select(done.at).where(
            done.account_id == account.id, done.operation == RedeemVoucher.name, done.key == key
        )
        with self._engine.reader.connect() as connection:
            return connection.execute(query).first() is not None

    def _refuse_locked(self, who: Sequence[str], account: Account, key: str) -> None:
        """Raise ``RequestRefused`` while an account or token is locked, unless the key was answered before."""
        at = self._engine.clock.now()
        until = max((self._guard.locked_until(each, at) or 0 for each in who), default=0)
        if until and not self._answered(account, key):
            minutes = max((until - at + 59_999) // 60_000, 1)
            raise RequestRefused(
                ErrorCode.TOO_MANY_REQUESTS,
                "too many wrong voucher codes; none is looked at for a while",
                field="code",
                remedy=f"try again in {minutes} minute{'s' if minutes > 1 else ''}",
            )

    async def _count(
        self, actor: Actor, account: Account, who: Sequence[str], mark: str, weight: int
    ) -> None:
        """Count a wrong code, lock where there were too many, and keep it on record."""
        at = self._engine.clock.now()
        away = max(self._guard.turned_away(each) for each in who)
        verdicts = {self._guard.wrong(each, mark, weight, at) for each in who}
        locked = lockout_rules.Verdict.LOCKED in verdicts
        if verdicts != {lockout_rules.Verdict.KNOWN}:
            await self._book.keep((GUARD, each) for each in who)
        if locked or (weight == lockout_rules.WRONG and lockout_rules.Verdict.COUNTED in verdicts):
            data = {"reason": "not_valid", "code": mark, "weight": weight, "locked": locked}
            await self._record(actor, account, data | {"turned_away_before": away})
        self.watch()

    def watch(self) -> None:
        """Open or close the alert that tells of guessing over many accounts."""
        attacked = self._guard.attacked(self._engine.clock.now())
        message = "Voucher codes are being guessed: one wrong code now locks an account for an hour"
        self._engine.set_installation_alert(AlertKind.VOUCHER_GUESSING, message if attacked else None)

    async def _record(self, actor: Actor, account: Account, data: dict[str, object]) -> None:
        """Keep a refused code on record, unless nothing can be stored."""
        if self._engine.broken is None and self._engine.running.is_set():
            unit = unit_of(self._engine, actor)
            told = {"by": unit.actor, **data}
            kind = EventKind.VOUCHER_REFUSED
            announce(self._engine.installation, unit, kind, account_id=account.id, data=told)
            await committed(self._engine, unit)

    def _check_key(self, refused: RequestRefused) -> None:
        """Name the real reason where vouchers cannot be recognised: their key was lost in a restore."""
        if queries.other_keys(self._engine.reader, self._key.id):
            lost = "some vouchers were made under another secret.key, restore it from a backup"
            refused.remedy = f"{refused.remedy}; {lost}"
