"""Changing an account's policy while the bridge runs; the next site file does not undo it by accident."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from meter_bridge.actor import Actor
from meter_bridge.config.describe import show_policy
from meter_bridge.config.plan import InstallationPlan
from meter_bridge.core.supply.decision import Policy
from meter_bridge.engine.accounts import view
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.ledger.amounts import parse_request_amount
from meter_bridge.engine.sites.apply import change_policy
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session, storage_unavailable
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import (
    AccountView,
    ErrorCode,
    EventKind,
)
from meter_bridge.protocol.requests import PolicyRequest
from meter_bridge.protocol.vocabulary import AlertKind

MILLIWATTS_PER_WATT: Final = 1000


async def change_account_policy(
    session: Session,
    actor: Actor,
    account: Account,
    change: PolicyRequest,
    applied: tuple[str, InstallationPlan] | None,
) -> AccountView:
    """Change an account's policy as requested; raises ``RequestRefused`` where that is not possible."""
    session.check_served(account)
    tx, currency = session.begin(actor), account.site.currency
    if applied is None:
        raise storage_unavailable()
    policy = _changed(account, change)
    before, after = show_policy(account.policy, currency), show_policy(policy, currency)
    changed = {name: value for name, value in after.items() if value != before[name]}
    if changed:
        with session.atomic():
            change_policy(session, tx, account, policy, changed, applied)
            _close_dropped_warnings(session, tx, account)
            data = {"name": account.name, "by": tx.actor, "policy": changed}
            kind = EventKind.ACCOUNT_CHANGED
            record_event(session.installation, tx, kind, account_id=account.id, data=data)
            evaluate(session, account, tx)
    answer = view.account_view(account, session.clock.now())
    await session.commit(tx)
    return answer


def _changed(account: Account, change: PolicyRequest) -> Policy:
    policy = account.policy
    if change.low_credit is not None:
        policy = replace(policy, low_credit=_thresholds(account, change.low_credit))
    if change.load_limit_w is not None:
        if policy.load_limit is None:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"{account.name} is cut when its credit is used up; there is no load limit to change",
                field="load_limit_w",
                value=str(change.load_limit_w),
                remedy="write 'when exhausted: load limit 500 W' in the site file and apply it first",
            )
        limit = replace(policy.load_limit, limit_mw=change.load_limit_w * MILLIWATTS_PER_WATT)
        policy = replace(policy, load_limit=limit)
    return policy


def _thresholds(account: Account, written: Sequence[str]) -> tuple[int, ...]:
    thresholds = [parse_request_amount(account.site.currency, text, "low_credit") for text in written]
    for text, threshold in zip(written, thresholds, strict=True):
        if threshold < 0 or thresholds.count(threshold) > 1:
            problem = "is below zero" if threshold < 0 else "is given twice"
            raise RequestRefused(
                ErrorCode.BAD_REQUEST,
                f"the threshold {text} {problem}",
                field="low_credit",
                value=text,
                remedy="give thresholds of zero or more, each once",
            )
    return tuple(sorted(thresholds, reverse=True))


def _close_dropped_warnings(session: Session, tx: Transaction, account: Account) -> None:
    """Close the warnings of removed thresholds; the others remain."""
    kept = {str(threshold) for threshold in account.policy.low_credit}
    open_now = [key for key in account.alerts if key.kind is AlertKind.LOW_CREDIT]
    for key in open_now:
        if key.detail not in kept:
            set_alert(session.installation, account, tx, key, None)
    account.low_level = sum(1 for key in open_now if key.detail in kept)
