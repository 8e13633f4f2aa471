"""Redeeming a voucher: its code becomes credit of one account, once."""

from dataclasses import dataclass
from typing import ClassVar, Final, override

from meter_bridge.core.calendar import iso
from meter_bridge.engine.accounts.top_ups import TopUp
from meter_bridge.engine.operations.operation import Operation
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.vouchers import queries
from meter_bridge.payments.vouchers.voucher import Voucher
from meter_bridge.protocol.messages import ErrorCode, TopUpResult
from meter_bridge.protocol.payments import VoucherState
from meter_bridge.storage import changeset as ops

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
            raise unknown_code()

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


def unknown_code() -> RequestRefused:
    """Return the refusal of a code that was never printed."""
    return RequestRefused(
        ErrorCode.VOUCHER_NOT_VALID,
        "this voucher is not valid",
        field="code",
        remedy="compare every digit with the voucher, or ask where it was bought",
    )


def mistyped_code() -> RequestRefused:
    """Return the refusal of a code in which a digit is wrong, or two changed places."""
    return RequestRefused(
        ErrorCode.VOUCHER_NOT_VALID,
        "this is not a voucher code: a digit is wrong, missing, or two have changed places",
        field="code",
        remedy="type the 20 digits of the voucher again",
    )


def check_usable(voucher: Voucher, at: int) -> None:
    """Raise ``RequestRefused`` where a voucher is not good any more, or not yet.

    Each has an answer of its own.
    """
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
