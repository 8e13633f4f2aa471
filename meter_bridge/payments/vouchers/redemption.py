"""Redeeming vouchers: wrong codes are counted, kept on record, and too many lock entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, override

from sqlalchemy import select

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.engine.access import lockout_rules
from meter_bridge.engine.access.keyed_lock import KeyedLock
from meter_bridge.engine.access.lockout_rules import FailedAttempts
from meter_bridge.engine.access.secret_key import SecretKey, code_hash
from meter_bridge.engine.accounts.top_ups import TopUp
from meter_bridge.engine.alerts.alerting import set_installation_alert
from meter_bridge.engine.operations.operation import Operation, Operations
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.vouchers import queries
from meter_bridge.payments.vouchers.code import Voucher, digits_of, has_valid_check_digits
from meter_bridge.protocol.messages import ErrorCode, EventKind, TopUpResult
from meter_bridge.protocol.payments import VoucherState
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.storage import changeset as ops, tables

METHOD: Final = "voucher"


@dataclass(slots=True)
class RedeemVoucher(Operation[TopUpResult]):
    """A code that somebody typed for an account."""

    code_hash: bytes
    voucher: Voucher | None = None

    name: ClassVar[str] = "voucher"
    answer: ClassVar[type] = TopUpResult
    exclusive: ClassVar[bool] = True

    @override
    def fingerprint(self) -> list[object]:
        return [self.code_hash.hex()]

    @override
    def prefetch(self, session: Session, account_id: str) -> None:
        """Read the voucher; refuse a code that belongs to none."""
        self.voucher = queries.by_code(session.reader, self.code_hash)
        if self.voucher is None:
            raise RequestRefused(
                ErrorCode.VOUCHER_NOT_VALID,
                "this voucher is not valid",
                field="code",
                remedy="compare every digit with the voucher, or ask where it was bought",
            )

    @override
    def check(self, session: Session, account: Account) -> None:
        voucher = self._voucher()
        check_usable(voucher, session.clock.believed_wall())
        if voucher.currency != account.site.currency or voucher.site_id not in (None, account.site.id):
            raise RequestRefused(
                ErrorCode.VOUCHER_NOT_VALID,
                f"this voucher is in {voucher.currency} and not for {account.name}; it was not used up",
                field="code",
                remedy="use it where it was sold for, or give it back to the shop",
            )
        try:
            self._top_up().check(session, account)
        except RequestRefused as refused:
            raise RequestRefused(
                refused.code,
                f"{refused.message}; the voucher was not used up",
                field="code",
                value=refused.value,
                remedy="use some credit first and type it again, or ask the landlord",
            ) from refused

    @override
    def execute(self, session: Session, account: Account, tx: Transaction) -> tuple[int, TopUpResult]:
        """Book the top-up and use the voucher up, in one transaction."""
        seq, result = self._top_up().execute(session, account, tx)
        tx.changeset.add(
            ops.INSERT_REDEMPTION,
            {
                "voucher_id": self._voucher().serial,
                "account_id": account.id,
                "entry_seq": seq,
                "actor": tx.actor,
                "at": tx.at,
            },
        )
        return seq, result

    def _voucher(self) -> Voucher:
        assert self.voucher is not None, "what is not found is refused before"
        return self.voucher

    def _top_up(self) -> TopUp:
        return TopUp(self._voucher().amount, METHOD, self._voucher().serial)


def _mistyped_code() -> RequestRefused:
    return RequestRefused(
        ErrorCode.VOUCHER_NOT_VALID,
        "this is not a voucher code: a digit is wrong, missing, or two have changed places",
        field="code",
        remedy="type the 20 digits of the voucher again",
    )


def check_usable(voucher: Voucher, at: int) -> None:
    """Raise ``RequestRefused`` with its own reason if a voucher is not valid any more, or not yet."""
    state = voucher.state(at)
    if state is VoucherState.REDEEMED:
        used = iso(voucher.redeemed_at or 0)[:_DAY]
        raise _refusal(ErrorCode.VOUCHER_USED, voucher, f"was already used, on {used}", "use another voucher")
    if state is VoucherState.BLOCKED:
        raise _refusal(ErrorCode.VOUCHER_BLOCKED, voucher, "is blocked", "give it back where it was bought")
    if state is VoucherState.EXPIRED:
        expired = iso(voucher.expires_at or 0)[:_DAY]
        raise _refusal(
            ErrorCode.VOUCHER_EXPIRED, voucher, f"expired on {expired}", "ask the landlord to replace it"
        )
    if state is VoucherState.UNSOLD:
        raise _refusal(
            ErrorCode.VOUCHER_BLOCKED, voucher, "has not been sold yet", "let the shop note it as sold"
        )


_DAY: Final = len("2026-03-01")


def _refusal(code: ErrorCode, voucher: Voucher, what: str, remedy: str) -> RequestRefused:
    return RequestRefused(code, f"this voucher {what}", field="code", value=voucher.serial, remedy=remedy)


LOCKOUT_NAME: Final = "voucher"
_ON_RECORD: Final = (ErrorCode.VOUCHER_USED, ErrorCode.VOUCHER_BLOCKED, ErrorCode.VOUCHER_EXPIRED)
"""Refusals of codes that are real: on record, but nobody guessed."""


class VoucherRedemption:
    """Where codes become credit; wrong ones count beyond a restart."""

    def __init__(self, session: Session, operations: Operations, key: SecretKey) -> None:
        self._session = session
        self._operations = operations
        self._key = key
        self._lockout = lockout_rules.Lockout()
        self._failed_attempts = FailedAttempts(session, key, {LOCKOUT_NAME: self._lockout})
        self._locks = KeyedLock()

    async def redeem(self, actor: Actor, account: Account, code: str, key: str) -> tuple[TopUpResult, bool]:
        """Turn a code into credit of an account, once per key; wrong codes are counted and kept on record."""
        names = f"account {account.id}", f"token {actor.token_id or 'local'}"
        who = tuple(self._failed_attempts.hash_of(each) for each in names)
        # Tries that arrive at once would otherwise all be looked at before the first of them counts.
        async with self._locks.hold(who):
            return await self._redeem_serialized(actor, account, code, key, who)

    async def _redeem_serialized(
        self, actor: Actor, account: Account, code: str, key: str, who: Sequence[str]
    ) -> tuple[TopUpResult, bool]:
        digits = digits_of(code)
        whole = digits is not None and has_valid_check_digits(digits)
        mark = code_hash(self._key, digits or code)
        try:
            self._check_lockout(who, account, key if whole else "")
            if not whole:
                raise _mistyped_code()
            operation = RedeemVoucher(mark)
            result = await self._operations.run(actor, account.id, operation, key)
        except RequestRefused as refused:
            if refused.code is ErrorCode.VOUCHER_NOT_VALID:
                weight = lockout_rules.WRONG_WEIGHT if whole else lockout_rules.MISTYPED_WEIGHT
                await self._count_wrong_code(actor, account, who, mark.hex()[:8], weight)
                self._check_key(refused)
            elif refused.code in _ON_RECORD:
                await self._record_refusal(
                    actor, account, {"reason": refused.code.value, "serial": refused.value}
                )
            raise
        forgiven = [(LOCKOUT_NAME, each) for each in who if self._lockout.clear(each)]
        if forgiven:
            await self._failed_attempts.save(forgiven)
        return result

    def _was_answered(self, account: Account, key: str) -> bool:
        """Return whether a key was answered before; it is answered again even while entry is locked."""
        done = tables.operation.c
        query = select(done.at).where(
            done.account_id == account.id, done.operation == RedeemVoucher.name, done.key == key
        )
        with self._session.reader.connect() as connection:
            return connection.execute(query).first() is not None

    def _check_lockout(self, who: Sequence[str], account: Account, key: str) -> None:
        """Raise ``RequestRefused`` while locked, unless the key was answered before."""
        at = self._session.clock.now()
        until = max((self._lockout.locked_until(each, at) or 0 for each in who), default=0)
        if until and not self._was_answered(account, key):
            minutes = max((until - at + 59_999) // 60_000, 1)
            raise RequestRefused(
                ErrorCode.TOO_MANY_REQUESTS,
                "too many wrong voucher codes; none is looked at for a while",
                field="code",
                remedy=f"try again in {minutes} minute{'s' if minutes > 1 else ''}",
            )

    async def _count_wrong_code(
        self, actor: Actor, account: Account, who: Sequence[str], mark: str, weight: int
    ) -> None:
        at = self._session.clock.now()
        rejected_while_locked = max(self._lockout.rejected_since_lock(each) for each in who)
        verdicts = {self._lockout.record_wrong(each, mark, weight, at) for each in who}
        locked = lockout_rules.Verdict.LOCKED in verdicts
        if verdicts != {lockout_rules.Verdict.KNOWN}:
            await self._failed_attempts.save((LOCKOUT_NAME, each) for each in who)
        if locked or (weight == lockout_rules.WRONG_WEIGHT and lockout_rules.Verdict.COUNTED in verdicts):
            data = {"reason": "not_valid", "code": mark, "weight": weight, "locked": locked}
            await self._record_refusal(actor, account, data | {"turned_away_before": rejected_while_locked})
        self.update_attack_alert()

    def update_attack_alert(self) -> None:
        """Open or close the alert that tells of guessing over many accounts."""
        attacked = self._lockout.is_under_attack(self._session.clock.now())
        set_installation_alert(self._session, AlertKind.VOUCHER_GUESSING, {} if attacked else None)

    async def _record_refusal(self, actor: Actor, account: Account, data: dict[str, object]) -> None:
        if self._session.can_change:
            tx = self._session.begin(actor)
            event_data = {"by": tx.actor, **data}
            kind = EventKind.VOUCHER_REFUSED
            record_event(self._session.installation, tx, kind, account_id=account.id, data=event_data)
            await self._session.commit(tx)

    def _check_key(self, refused: RequestRefused) -> None:
        """Explain a refusal if vouchers cannot be recognised because their key was lost in a restore."""
        if queries.uses_other_key(self._session.reader, self._key.id):
            lost = "some vouchers were made under another secret.key, restore it from a backup"
            refused.remedy = f"{refused.remedy}; {lost}"
