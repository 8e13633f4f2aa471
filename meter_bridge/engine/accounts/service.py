"""Accounts as an actor may see them, and operations on their books, each once per idempotency key."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from meter_bridge.actor import Actor
from meter_bridge.engine.access.visibility import Visibility
from meter_bridge.engine.accounts.dispatch import operation_of
from meter_bridge.engine.accounts.top_ups import TopUp
from meter_bridge.engine.accounts.view import account_view_for, outstanding_of
from meter_bridge.engine.ledger.entries import explain_entry, ledger_page
from meter_bridge.engine.ledger.hourly_history import HistoryQuery, history_page
from meter_bridge.engine.ledger.past_tenancies import former_debts, read_tenancies
from meter_bridge.engine.operations.operation import Operations
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.statement.service import StatementRequest, make_statement, tenancy_not_found
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import (
    AccountView,
    ErrorCode,
    HistoryPage,
    LedgerPage,
    OperationResult,
    OwedView,
    Role,
    TenancyView,
    TopUpResult,
)
from meter_bridge.protocol.statements import Detail, EntryExplanation, Statement


class AccountService:
    """Shows a session's accounts, tops them up and carries out operations on their books."""

    def __init__(self, session: Session, visibility: Visibility, operations: Operations) -> None:
        self._session = session
        self._visibility = visibility
        self._operations = operations

    def views(self, actor: Actor) -> Sequence[AccountView]:
        """Return the accounts that the actor may see."""
        now = self._session.clock.now()
        return [account_view_for(actor, account, now) for account in self._visibility.visible(actor)]

    def view(self, actor: Actor, account_id: str) -> AccountView:
        """Return one account; staff see one whose unit is no longer served as well."""
        account = self._visibility.account_or_closed(actor, account_id)
        return account_view_for(actor, account, self._session.clock.now())

    async def top_up(
        self,
        actor: Actor,
        account_id: str,
        *,
        amount: str,
        method: str,
        reference: str | None,
        key: str,
        confirmed: bool = True,
    ) -> tuple[TopUpResult, bool]:
        """Book a top-up once per key; the flag says that the first answer is given again.

        Unless ``confirmed``, an unusual amount is refused as ``CONFIRMATION_NEEDED``, here and below.
        """
        account = self._visibility.account_or_closed(actor, account_id)
        top_up = TopUp.from_request(account, amount, method, reference)
        return await self._operations.run(actor, account.id, top_up, key, confirmed=confirmed)

    async def operate(
        self,
        actor: Actor,
        account_id: str,
        request: requests.OperationRequest,
        *,
        key: str,
        confirmed: bool = True,
    ) -> tuple[OperationResult, bool]:
        """Carry out an operation once per key; the flag says that the first answer is given again."""
        # A key that was answered keeps its answer, also after the account was closed.
        account = self._visibility.account_or_closed(actor, account_id)
        if isinstance(request, requests.Transfer | requests.MoveOut):
            self._check_target(actor, request.to)
        operation = operation_of(account, request)
        return await self._operations.run(actor, account.id, operation, key, confirmed=confirmed)

    def _check_target(self, actor: Actor, account_id: str | None) -> None:
        """Refuse a target that the actor may not see like one that does not exist."""
        if account_id is None:
            return
        try:
            self._visibility.account_or_closed(actor, account_id)
        except RequestRefused as error:
            site = self._visibility.site_of_another_shard(account_id)
            if site is not None and actor.sees(account_id, site):
                raise RequestRefused(
                    ErrorCode.NOT_SUPPORTED,
                    f"account {account_id!r} is not of the same shard of the sites",
                    field="to",
                    value=account_id,
                    remedy="refund at the one account and top the other up",
                ) from error
            error.field = "to"
            raise


class LedgerQueries:
    """Reads an engine's books; a tenant's token reads those of the own tenancy alone."""

    def __init__(self, session: Session, visibility: Visibility) -> None:
        self._session = session
        self._visibility = visibility

    async def page(self, actor: Actor, account_id: str, *, before: int | None, limit: int) -> LedgerPage:
        """Return a page of the account's journal, newest first."""
        account = self._visibility.account_or_closed(actor, account_id)
        first = _first_seq(actor, account)
        return await asyncio.to_thread(
            ledger_page, self._session.reader, account.id, before, limit, first=first
        )

    async def explain_entry(self, actor: Actor, account_id: str, entry_id: str) -> EntryExplanation:
        """Return an entry of the account's journal with everything that it was made of."""
        account = self._visibility.account_or_closed(actor, account_id)
        first = _first_seq(actor, account)
        explanation = await asyncio.to_thread(
            explain_entry, self._session.reader, self._session.archive, account.id, entry_id, first=first
        )
        if explanation is None:
            raise RequestRefused(
                ErrorCode.NOT_FOUND,
                f"account {account.id} has no entry {entry_id!r}",
                field="entry_id",
                value=entry_id,
                remedy="take an id from 'meter-bridge ledger', or from a statement",
            )
        return explanation

    async def statement(
        self,
        actor: Actor,
        account_id: str,
        *,
        begin: str | None,
        end: str | None,
        detail: Detail,
        tenancy: int | None = None,
    ) -> Statement:
        """Return the account's statement of a period, or a tenancy's; a tenant's is of the own tenancy."""
        account = self._visibility.account_or_closed(actor, account_id)
        own = account.tenancy.n
        if actor.role is Role.TENANT and tenancy not in (None, own):
            raise tenancy_not_found(account, tenancy or 0)
        wanted = StatementRequest(begin, end, detail, tenancy)
        if actor.role is Role.TENANT:
            wanted = replace(wanted, tenancy=own, whole_tenancy=tenancy is not None)
        return await make_statement(self._session, account, wanted)

    async def tenancies(
        self, actor: Actor, account_id: str | None, *, only_outstanding: bool = False
    ) -> Sequence[TenancyView]:
        """Return the tenancies of one unit or of all, newest first, with their open balances."""
        if account_id is not None:
            account_id = self._visibility.account_or_closed(actor, account_id).id
        return await asyncio.to_thread(
            read_tenancies,
            self._session.reader,
            actor,
            account_id=account_id,
            only_outstanding=only_outstanding,
        )

    async def debts(self, actor: Actor) -> Sequence[OwedView]:
        """Return what customers owe, present ones first."""
        present = [owed for account in self._visibility.visible(actor) for owed in outstanding_of(account)]
        return [*present, *await asyncio.to_thread(former_debts, self._session.reader, actor)]

    async def history(
        self, actor: Actor, *, after: int, upto: int | None, account_id: str | None, from_account: str | None
    ) -> HistoryPage:
        """Return by hour what changed since a journal entry, for the accounts that the actor may see."""
        seen = (
            self._visibility.visible(actor)
            if account_id is None
            else [self._visibility.account(actor, account_id)]
        )
        queries = [
            HistoryQuery(account.id, _first_seq(actor, account), ZoneInfo(account.site.time_zone))
            for account in seen
        ]
        return await asyncio.to_thread(
            history_page,
            self._session.reader,
            queries,
            after=after,
            upto=upto,
            from_account=from_account,
            archive=self._session.archive,
        )


def _first_seq(actor: Actor, account: Account) -> int:
    """Return the first journal entry that an actor may see; a tenant sees none of earlier customers."""
    return account.tenancy.first_seq if actor.role is Role.TENANT else 0
