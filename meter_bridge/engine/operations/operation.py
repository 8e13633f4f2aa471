"""Operations on an account that happen once per idempotency key, however often they are requested."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
import hashlib
import json
from typing import Any, ClassVar, Final

import msgspec
from sqlalchemy import select

from meter_bridge.actor import Actor
from meter_bridge.engine.ledger.journal import has_deferred, post_accruals, post_deferred
from meter_bridge.engine.operations.unusual_amount import check_usual
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session, storage_unavailable
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.errors import RequestRefused, check_text
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.storage import changeset as ops, tables

MAX_KEY_LENGTH: Final = 255


type Executed[T] = tuple[int | None, T]
"""The journal entry of an operation, if it booked one, and its answer."""


class Operation[T](ABC):
    """A change of an account's books; ``T`` is its answer, which its key gives again for ever."""

    name: ClassVar[str]
    """Keys are unique per account and this name."""
    answer: ClassVar[type]
    exclusive: ClassVar[bool] = False
    """Wait for every other such operation, because it looks at what is on disk."""

    @abstractmethod
    def fingerprint(self) -> list[object]:
        """Return what distinguishes this request from another with the same key.

        Its hash is stored with the key: what is in it, and its order, can never change.
        """

    def content_hash(self) -> str:
        """Return the hash of the fingerprint, as it is stored."""
        return hashlib.sha256(json.dumps(self.fingerprint()).encode()).hexdigest()

    def prefetch(self, session: Session, account_id: str) -> None:
        """Read from the database what the change needs; raises ``RequestRefused``. Runs in a thread."""
        del session, account_id  # most changes need nothing but the state

    def needs_closing_first(self, session: Session, account: Account) -> bool:
        """Return whether something must be booked first, and prefetched again, for the change to be right."""
        del session, account  # most changes are right whatever waits
        return False

    def account(self, session: Session, account_id: str) -> Account | None:
        """Return the account that the change is made to, or None where it is gone."""
        return session.installation.accounts.get(account_id)

    def typed_amounts(self) -> Collection[int]:
        """Return the amounts that a person typed."""
        return ()

    @abstractmethod
    def check(self, session: Session, account: Account) -> None:
        """Raise ``RequestRefused`` where the change is not possible now; changes nothing."""

    @abstractmethod
    def execute(self, session: Session, account: Account, tx: Transaction) -> Executed[T]:
        """Change the account as part of a transaction, and answer."""


@dataclass(frozen=True, slots=True)
class _KeyedRequest[T]:
    actor: Actor
    account_id: str
    operation: Operation[T]
    key: str
    content_hash: str
    tenancy: int | None
    """The tenancy of a tenant who asked; None for whoever acts for the account itself."""
    confirmed: bool
    """Whether unusual amounts are booked."""

    @property
    def key_scope(self) -> tuple[str, str, str]:
        return self.account_id, self.operation.name, self.key


class Operations:
    """Carries out operations on one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._under_way: dict[tuple[str, str, str], asyncio.Task[tuple[str, Any, bool]]] = {}
        self._exclusive_lock = asyncio.Lock()

    async def run[T](
        self, actor: Actor, account_id: str, operation: Operation[T], key: str, *, confirmed: bool = True
    ) -> tuple[T, bool]:
        """Carry an operation out; the flag says that the answer is the first one of its key, given again.

        Unless ``confirmed``, an unusual amount that a person typed is refused.
        """
        check_text("Idempotency-Key", key, MAX_KEY_LENGTH)
        tenancy = self._tenancy(actor, account_id)
        request = _KeyedRequest(
            actor, account_id, operation, key, operation.content_hash(), tenancy, confirmed
        )
        task = self._under_way.get(request.key_scope)
        is_repeated = task is not None
        if task is None:
            task = self._under_way[request.key_scope] = asyncio.create_task(self._run(request))
            task.add_done_callback(partial(self._forget_finished, request.key_scope))
        first_hash, result, replayed = await asyncio.shield(task)
        if first_hash != request.content_hash:
            raise _key_reused("this key was used before with other content", key)
        return result, replayed or is_repeated

    def _forget_finished(
        self, key_scope: tuple[str, str, str], task: asyncio.Task[tuple[str, Any, bool]]
    ) -> None:
        self._under_way.pop(key_scope, None)
        if not task.cancelled():
            task.exception()  # nobody may be waiting for it any more

    async def _run[T](self, request: _KeyedRequest[T]) -> tuple[str, T, bool]:
        """Return the hash first used with the key, the answer, and whether it was answered before."""
        operation, account_id = request.operation, request.account_id
        async with self._exclusive_lock if operation.exclusive else nullcontext():
            before = await asyncio.to_thread(self._find_result, request)
            if before is not None:
                first_hash, result, at = before
                self._check_tenancy(request, at)
                return first_hash, result, True
            await asyncio.to_thread(operation.prefetch, self._session, account_id)
            if await self._close_first(operation, account_id):
                await asyncio.to_thread(operation.prefetch, self._session, account_id)
            return request.content_hash, await self._execute(request), False

    async def _wait_while_site_file_is_applied(self) -> None:
        while not self._session.accepting.is_set():
            await self._session.accepting.wait()

    async def _close_first[T](self, operation: Operation[T], account_id: str) -> bool:
        """Post what was used and what is due where an operation needs that; return whether it did."""
        session = self._session
        await self._wait_while_site_file_is_applied()
        account = operation.account(session, account_id)
        if account is not None:
            session.check_served(account)
        if account is None or session.storage_error or not operation.needs_closing_first(session, account):
            return False
        tx = Transaction(session.clock.now())
        with session.atomic():
            post_accruals(session.installation, account, tx)
            evaluate(session, account, tx)
        await session.commit(tx)
        return True

    async def _execute[T](self, request: _KeyedRequest[T]) -> T:
        session, operation, account_id = self._session, request.operation, request.account_id
        await self._wait_while_site_file_is_applied()
        account = operation.account(session, account_id)
        if account is None and account_id in session.installation.closed:
            raise account_closed(account_id)
        if account is None or session.storage_error:
            raise storage_unavailable()
        session.check_served(account)
        if request.tenancy != self._tenancy(request.actor, account_id):
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"the customer of {account.name} has moved out meanwhile; nothing was booked",
                field="account",
                value=account.id,
                remedy="ask the landlord",
            )
        self._post_deferred(account)
        # Only now: a key that was answered keeps its answer, whatever rule was set since (invariant 4).
        operation.check(session, account)
        if not request.confirmed:
            check_usual(account, operation.typed_amounts(), session.clock.now())
        tx = Transaction(session.clock.now(), actor=request.actor.name)
        with session.atomic():
            seq, result = operation.execute(session, account, tx)
        tx.changeset.add(
            ops.INSERT_OPERATION,
            {
                "account_id": account.id,
                "operation": operation.name,
                "key": request.key,
                "content_hash": request.content_hash,
                "entry_seq": seq,
                "result": msgspec.json.encode(result).decode(),
                "at": tx.at,
            },
        )
        await session.commit(tx)
        return result

    def _post_deferred(self, account: Account) -> None:
        """Post what closed before this instant: no operation is booked, or refused, as if it were not so.

        It stays posted where the operation is refused then.
        """
        if not has_deferred(account):
            return
        tx = Transaction(self._session.clock.now())
        with self._session.atomic():
            post_deferred(self._session.installation, account, tx)
            evaluate(self._session, account, tx)
        self._session.submit(tx)

    def _tenancy(self, actor: Actor, account_id: str) -> int | None:
        account = self._session.installation.accounts.get(account_id)
        if actor.role is not Role.TENANT or account is None or account.tenancy.end is not None:
            return None
        return account.tenancy.n

    def _check_tenancy[T](self, request: _KeyedRequest[T], at: int) -> None:
        """Refuse to give a tenant the answer that an earlier customer of the account got."""
        account = self._session.installation.accounts.get(request.account_id)
        if request.actor.role is Role.TENANT and account is not None and at < account.tenancy.start:
            raise _key_reused("this key was used before, with another customer", request.key)

    def _find_result[T](self, request: _KeyedRequest[T]) -> tuple[str, T, int] | None:
        table, operation = tables.operation, request.operation
        query = select(table.c.content_hash, table.c.result, table.c.at).where(
            table.c.account_id == request.account_id,
            table.c.operation == operation.name,
            table.c.key == request.key,
        )
        with self._session.reader.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row[0], msgspec.json.decode(row[1], type=operation.answer), row[2])


def account_closed(account_id: str) -> RequestRefused:
    """Return the refusal to change the books of a unit that is no longer served."""
    return RequestRefused(
        ErrorCode.CONFLICT,
        f"{account_id} is closed: its unit is in the site file no more",
        field="account",
        value=account_id,
        remedy="apply a site file that has the unit again; who moved out is settled with without it",
    )


def _key_reused(message: str, key: str) -> RequestRefused:
    return RequestRefused(
        ErrorCode.IDEMPOTENCY_CONFLICT,
        message,
        field="Idempotency-Key",
        value=key,
        remedy="use a new key for a new request; repeat an old one with the same content",
    )
