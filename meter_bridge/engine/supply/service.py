"""What people do to a supply: hold it, keep it on, lift holds, confirm it, reset its protections."""

from collections.abc import Mapping, Sequence

from meter_bridge.actor import Actor
from meter_bridge.core.supply.decision import MANUAL_HOLD_ID, MAX_HOLDS, Hold
from meter_bridge.engine.access.visibility import Visibility
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply import protections
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.engine.supply.exposure import account_exposure
from meter_bridge.engine.supply.view import hold_view, supply_view
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.answers import AccountExposure
from meter_bridge.protocol.messages import ErrorCode, EventKind, HoldView, SupplyAction, SupplyView
from meter_bridge.protocol.vocabulary import HoldPosition, SupplyState

_POSITIONS = {SupplyAction.OFF: HoldPosition.OFF, SupplyAction.ON: HoldPosition.ON}


class SupplyService:
    """Carries out what people ask of supplies, each as one unit with its event and its decision on record."""

    def __init__(self, session: Session, visibility: Visibility) -> None:
        self._session = session
        self._visibility = visibility

    def exposure(self, actor: Actor) -> Sequence[AccountExposure]:
        """Return what each account that the actor may see can use beyond credit if the bridge stops now."""
        installation, now = self._session.installation, self._session.clock.now()
        return [account_exposure(installation, account, now) for account in self._visibility.visible(actor)]

    def holds(self, actor: Actor, account_id: str) -> Sequence[HoldView]:
        """Return the holds on a supply, oldest first."""
        return supply_view(self._visibility.account(actor, account_id)).holds

    async def switch(
        self, actor: Actor, account_id: str, action: SupplyAction, *, reason: str | None
    ) -> SupplyView:
        """Switch a supply by hand, let credit decide again, confirm it, or reset its protections."""
        tx = self._session.begin(actor)
        account = self._visibility.account(actor, account_id)
        self._session.check_served(account)
        if action in _POSITIONS:
            return await self._switch_by_hand(tx, account, _POSITIONS[action], reason or "")
        if action is SupplyAction.CONFIRM:
            return await self._confirm(tx, account)
        if action is SupplyAction.RESET:
            return await self._reset(tx, account, reason)
        with self._session.atomic():
            for hold in account.holds:
                if hold.id == MANUAL_HOLD_ID:
                    self._remove_hold(account, tx, hold, reason)
            evaluate(self._session, account, tx, by_person=True, note=reason)
        return await self._finish(account, tx)

    async def place_hold(
        self,
        actor: Actor,
        account_id: str,
        position: HoldPosition,
        *,
        reason: str,
        hold_id: str | None,
    ) -> tuple[HoldView, bool]:
        """Place a hold; the flag says that one with this id and content stands already."""
        tx = self._session.begin(actor)
        account = self._visibility.account(actor, account_id)
        self._session.check_served(account)
        standing = next((hold for hold in account.holds if hold.id == hold_id), None)
        if standing is not None:
            if (standing.position, standing.reason) != (position, reason):
                raise _hold_id_taken(account, standing)
            await self._session.commit(tx)
            return hold_view(standing), True
        _check_may_hold(account, account.holds, position, "position")
        name = hold_id or f"hold-{self._session.installation.sequences.event + 1}"
        hold = Hold(name, position, reason, actor.name, tx.at)
        with self._session.atomic():
            self._add_hold(account, tx, hold)
            evaluate(self._session, account, tx, by_person=True)
        await self._finish(account, tx)
        return hold_view(hold), False

    async def lift_hold(
        self, actor: Actor, account_id: str, hold_id: str, *, reason: str | None
    ) -> SupplyView:
        """Lift a hold; what the others and the credit say then counts."""
        tx = self._session.begin(actor)
        account = self._visibility.account(actor, account_id)
        self._session.check_served(account)
        hold = next((hold for hold in account.holds if hold.id == hold_id), None)
        if hold is None:
            standing = ", ".join(each.id for each in account.holds) or "none"
            raise RequestRefused(
                ErrorCode.NOT_FOUND,
                f"there is no hold {hold_id!r} on {account.name}",
                field="hold",
                value=hold_id,
                remedy=f"the holds that stand: {standing}",
            )
        with self._session.atomic():
            self._remove_hold(account, tx, hold, reason)
            evaluate(self._session, account, tx, by_person=True, note=reason)
        return await self._finish(account, tx)

    async def _switch_by_hand(
        self, tx: Transaction, account: Account, position: HoldPosition, reason: str
    ) -> SupplyView:
        others = tuple(hold for hold in account.holds if hold.id != MANUAL_HOLD_ID)
        _check_may_hold(account, others, position, "action")
        with self._session.atomic():
            account.holds = others
            self._add_hold(account, tx, Hold(MANUAL_HOLD_ID, position, reason, tx.actor, tx.at))
            evaluate(self._session, account, tx, by_person=True)
        return await self._finish(account, tx)

    async def _confirm(self, tx: Transaction, account: Account) -> SupplyView:
        if account.state is not SupplyState.ARMED:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"the supply of {account.name} is {account.state.value}, not armed;"
                " there is nothing to confirm",
                remedy="top up first if the supply is cut",
            )
        with self._session.atomic():
            evaluate(self._session, account, tx, confirmed=True)
        return await self._finish(account, tx)

    async def _reset(self, tx: Transaction, account: Account, reason: str | None) -> SupplyView:
        """Reset the protections that have tripped, unless what they saw last is still wrong."""
        tripped = protections.tripped_protections(account)
        if not tripped:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"no protection of {account.name} has tripped; there is nothing to reset",
                field="action",
                value=SupplyAction.RESET.value,
                remedy="leave it; 'meter-bridge hold list' shows what else keeps a supply off",
            )
        still = next((key for key, guard in tripped.items() if guard.calm_since is None), None)
        if still is not None:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"{still.meter_id} still shows what the protection tripped for"
                f" ({still.protection.replace('_', ' ')})",
                field="action",
                value=SupplyAction.RESET.value,
                remedy="reset it when that is over",
            )
        with self._session.atomic():
            protections.reset(account)
            for key in tripped:
                self._record_event(
                    account,
                    tx,
                    EventKind.PROTECTION_RESET,
                    {"protection": key.protection.value, "meter": key.meter_id, "reason": reason},
                )
            evaluate(self._session, account, tx, by_person=True, note=reason)
        return await self._finish(account, tx)

    def _add_hold(self, account: Account, tx: Transaction, hold: Hold) -> None:
        account.holds = (*account.holds, hold)
        what = {"id": hold.id, "position": hold.position.value, "reason": hold.reason}
        self._record_event(account, tx, EventKind.HOLD_PLACED, what)

    def _remove_hold(self, account: Account, tx: Transaction, hold: Hold, reason: str | None) -> None:
        account.holds = tuple(each for each in account.holds if each.id != hold.id)
        what = {"id": hold.id, "position": hold.position.value, "reason": reason}
        self._record_event(account, tx, EventKind.HOLD_LIFTED, what)

    def _record_event(
        self, account: Account, tx: Transaction, kind: EventKind, data: Mapping[str, str | None]
    ) -> None:
        record_event(
            self._session.installation,
            tx,
            kind,
            account_id=account.id,
            data={**data, "by": tx.actor},
        )
        tx.save_account(account)

    async def _finish(self, account: Account, tx: Transaction) -> SupplyView:
        view = supply_view(account)
        await self._session.commit(tx)
        return view


def _check_may_hold(account: Account, others: Sequence[Hold], position: HoldPosition, field: str) -> None:
    if position is HoldPosition.OFF and account.policy.never_cut:
        raise RequestRefused(
            ErrorCode.CONFLICT,
            f"{account.name} is protected ('never cut'): nobody can switch its supply off",
            field=field,
            value=position.value,
            remedy="take 'never cut' out of the site file first, if nobody depends on it",
        )
    if len(others) >= MAX_HOLDS:
        raise RequestRefused(
            ErrorCode.CONFLICT,
            f"{account.name} has {len(others)} holds, which is as many as there can be",
            field=field,
            value=position.value,
            remedy="lift those that nobody needs any more",
        )


def _hold_id_taken(account: Account, standing: Hold) -> RequestRefused:
    return RequestRefused(
        ErrorCode.CONFLICT,
        f"hold {standing.id!r} of {account.name} stands already as {standing.position.value}"
        f" ({standing.reason})",
        field="id",
        value=standing.id,
        remedy="give the new one another id, or lift that one first",
    )
