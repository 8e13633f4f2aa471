"""What the API asks of the engine; the engine implements it, tests of the API stand in for it."""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Protocol

from meter_bridge.actor import Actor
from meter_bridge.config.plan import InstallationPlan
from meter_bridge.engine.access.tokens import TokenInfo
from meter_bridge.engine.metering.manual_readings import ReadingResult
from meter_bridge.engine.sites.device_change import ReplacementOrder
from meter_bridge.engine.sites.policies import PolicyChange
from meter_bridge.engine.sites.service import ApplyResult
from meter_bridge.engine.state.session import Health
from meter_bridge.protocol.exposure import AccountExposure
from meter_bridge.protocol.messages import (
    AccountView,
    AlertView,
    Event,
    HistoryPage,
    HoldPosition,
    HoldView,
    LedgerPage,
    MeterView,
    OperationResult,
    OwedView,
    Role,
    ServerInfo,
    Snapshot,
    SupplyAction,
    SupplyView,
    TenancyView,
    TopUpResult,
    Update,
)
from meter_bridge.protocol.statements import Detail, EntryExplanation, Statement

if TYPE_CHECKING:
    from meter_bridge.api.notices_port import NoticesPort
    from meter_bridge.api.page_port import PagePort
    from meter_bridge.api.payments_port import PaymentsPort
    from meter_bridge.protocol.requests import OperationRequest


class BridgePort(Protocol):
    """The engine as the API and the command line see it.

    Every method raises ``RequestRefused`` where it does not do what was asked; accounts that the actor may
    not see are refused as ``NOT_FOUND``. Rights by role are checked by the API's routes before.
    """

    @property
    def payments(self) -> PaymentsPort:
        """Return vouchers and payments."""

    @property
    def notices(self) -> NoticesPort:
        """Return messages to people."""

    @property
    def page(self) -> PagePort:
        """Return the tenant's page."""

    def info(self) -> ServerInfo:
        """Return who this bridge is."""

    def health(self) -> Health:
        """Return the health of the bridge."""

    def metrics(self) -> bytes:
        """Return the metrics in Prometheus' text format."""

    def accounts(self, actor: Actor) -> Sequence[AccountView]:
        """Return the accounts that the actor may see."""

    def account(self, actor: Actor, account_id: str) -> AccountView:
        """Return one account."""

    async def ledger(self, actor: Actor, account_id: str, *, before: int | None, limit: int) -> LedgerPage:
        """Return a page of the account's journal, newest first."""

    async def explain(self, actor: Actor, account_id: str, entry_id: str) -> EntryExplanation:
        """Return an entry of the account's journal with everything that it was made of."""

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
        """Return the statement of a period, of the account or of a tenancy; None stands for what is usual.

        Raises ``RequestRefused`` with BAD_REQUEST, or with BOOKS_WRONG where it does not add up.
        """

    async def top_up(
        self, actor: Actor, account_id: str, *, amount: str, method: str, reference: str | None, key: str
    ) -> tuple[TopUpResult, bool]:
        """Book a top-up; the flag says that the key was seen before and the first answer is given again.

        Raises ``RequestRefused`` with AMOUNT_OUT_OF_RANGE, IDEMPOTENCY_CONFLICT or STORAGE_UNAVAILABLE.
        """

    async def operate(
        self, actor: Actor, account_id: str, asked: OperationRequest, *, key: str
    ) -> tuple[OperationResult, bool]:
        """Carry out an operation on an account's books; the flag says that the key was seen before."""

    async def tenancies(
        self, actor: Actor, account_id: str | None, *, only_outstanding: bool = False
    ) -> Sequence[TenancyView]:
        """Return who lived in a unit, or in any, newest first, with what is left with each."""

    async def debts(self, actor: Actor) -> Sequence[OwedView]:
        """Return what customers owe, present ones first."""

    async def set_supply(
        self, actor: Actor, account_id: str, action: SupplyAction, *, reason: str | None
    ) -> SupplyView:
        """Hold, override, release, confirm or reset a supply."""

    def holds(self, actor: Actor, account_id: str) -> Sequence[HoldView]:
        """Return the holds on a supply, oldest first."""

    async def place_hold(
        self, actor: Actor, account_id: str, position: HoldPosition, *, reason: str, hold_id: str | None
    ) -> tuple[HoldView, bool]:
        """Place a hold on a supply; the flag says that one with this id and content stands already."""

    async def lift_hold(
        self, actor: Actor, account_id: str, hold_id: str, *, reason: str | None
    ) -> SupplyView:
        """Lift a hold; the others stand."""

    def meters(self, actor: Actor) -> Sequence[MeterView]:
        """Return the meters of the actor's accounts and, for landlords and caretakers, unassigned ones."""

    def exposure(self, actor: Actor) -> Sequence[AccountExposure]:
        """Return what each account that the actor may see can use beyond credit if the bridge stops now."""

    async def decide_quarantine(
        self, actor: Actor, meter_id: str, decision: str, *, reason: str
    ) -> MeterView:
        """Apply a person's decision on a quarantined register."""

    async def read_register(
        self, actor: Actor, meter_id: str, *, register: str, at: str | None
    ) -> ReadingResult:
        """Take a register that a person, or the device itself, tells; ``register`` is in kWh."""

    async def replace_meter(
        self, actor: Actor, meter_id: str, order: ReplacementOrder, *, key: str
    ) -> tuple[MeterView, bool]:
        """Close a meter's counter and begin a new one; the flag says that the key was seen before."""

    async def alerts(self, actor: Actor, *, only_open: bool, limit: int) -> Sequence[AlertView]:
        """Return alerts, newest first."""

    async def acknowledge(self, actor: Actor, alert_id: str) -> AlertView:
        """Acknowledge an alert."""

    async def confirm_clock(self, actor: Actor) -> str:
        """Take the wall clock as right and keep who said so; return the instant now in force."""

    async def apply(
        self,
        actor: Actor,
        plan: InstallationPlan,
        *,
        document: str,
        dry_run: bool,
        undo: frozenset[str] = frozenset(),
    ) -> ApplyResult:
        """Apply a validated site file, all of it or nothing.

        What was changed while the bridge ran is undone only for the units and meters that ``undo`` names.
        """

    async def set_policy(self, actor: Actor, account_id: str, change: PolicyChange) -> AccountView:
        """Change an account's warning thresholds or load limit; None leaves as it is."""

    async def history(
        self, actor: Actor, *, after: int, upto: int | None, account_id: str | None, from_account: str | None
    ) -> HistoryPage:
        """Return by hour what changed since a journal entry, for the accounts that the actor may see."""

    async def create_token(
        self,
        actor: Actor,
        *,
        name: str,
        role: Role,
        sites: frozenset[str],
        accounts: frozenset[str],
        days: int | None,
    ) -> str:
        """Store a new token and return it; the secret is shown this once."""

    async def tokens(self, actor: Actor) -> Sequence[TokenInfo]:
        """Return the tokens of the installation."""

    async def revoke_token(self, actor: Actor, token_id: str) -> None:
        """Revoke a token at once."""

    def authenticate(self, token: str) -> Actor | None:
        """Return whom a token speaks for, or None; constant-time in the secret."""

    def snapshot(self, actor: Actor) -> Snapshot:
        """Return everything the actor may see now."""

    def stream(self, actor: Actor, *, since: int | None) -> AsyncIterator[Snapshot | Event | Update]:
        """Yield a snapshot, the durable events after ``since``, then events and updates as they happen.

        Ends with ``RequestRefused`` when the reader is too slow or its token was revoked.
        """
