"""Accounts as an actor may see them, and what is booked to them, each operation once for each key."""

from collections.abc import Sequence

from meter_bridge.actor import Actor
from meter_bridge.engine.access.visibility import Visibility
from meter_bridge.engine.accounts.dispatch import operation_of
from meter_bridge.engine.accounts.tenancies import RevokeAccess
from meter_bridge.engine.accounts.top_ups import TopUp
from meter_bridge.engine.accounts.view import account_view
from meter_bridge.engine.operations.operation import Operations
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import ACCOUNTS, RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import AccountView, ErrorCode, OperationResult, TopUpResult


class AccountService:
    """Shows a session's accounts, tops them up and carries out operations on their books."""

    def __init__(
        self, session: Session, visibility: Visibility, operations: Operations, revoke: RevokeAccess
    ) -> None:
        """Keep the session; ``revoke`` takes an account from the tokens of whoever moves out."""
        self._session = session
        self._visibility = visibility
        self._operations = operations
        self._revoke = revoke

    def views(self, actor: Actor) -> Sequence[AccountView]:
        """Return the accounts that the actor may see."""
        now = self._session.clock.now()
        return [account_view(account, now) for account in self._visibility.visible(actor)]

    def view(self, actor: Actor, account_id: str) -> AccountView:
        """Return one account; staff see one whose unit is no longer served as well."""
        account = self._visibility.account_or_closed(actor, account_id)
        return account_view(account, self._session.clock.now())

    async def top_up(
        self, actor: Actor, account_id: str, *, amount: str, method: str, reference: str | None, key: str
    ) -> tuple[TopUpResult, bool]:
        """Book a top-up once per key; the flag says that the first answer is given again."""
        account = self._visibility.account_or_closed(actor, account_id)
        top_up = TopUp.from_request(account, amount, method, reference)
        return await self._operations.run(actor, account.id, top_up, key)

    async def operate(
        self, actor: Actor, account_id: str, request: requests.OperationRequest, *, key: str
    ) -> tuple[OperationResult, bool]:
        """Carry out an operation once per key; the flag says that the first answer is given again."""
        # A key that was answered keeps its answer, also after the account was closed.
        account = self._visibility.account_or_closed(actor, account_id)
        if isinstance(request, requests.Transfer | requests.MoveOut):
            self._check_target(actor, request.to)
        operation = operation_of(account, request, self._revoke)
        return await self._operations.run(actor, account.id, operation, key)

    def _check_target(self, actor: Actor, account_id: str | None) -> None:
        """Refuse an account to transfer to that the actor may not see; one that is gone is refused later."""
        installation = self._session.installation
        account = installation.accounts.get(account_id or "")
        gone = account_id is None or account_id in installation.closed
        if account is None and not gone and not self._session.shard.whole:
            raise RequestRefused(
                ErrorCode.NOT_SUPPORTED,
                f"account {account_id!r} is not of the same shard of the sites",
                field="to",
                value=account_id,
                remedy="refund at the one account and top the other up",
            )
        if account is not None and not actor.sees(account.id, account.site.id):
            raise RequestRefused(
                ErrorCode.NOT_FOUND,
                f"there is no account {account_id!r}",
                field="to",
                value=account_id,
                remedy=ACCOUNTS,
            )
