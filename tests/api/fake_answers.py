"""What the fake bridge answers of payments, vouchers, notices and the tenant's page."""

from meter_bridge.protocol.answers import ChannelResult, NoticeView
from meter_bridge.protocol.messages import HistoryHour, LedgerEntry, LedgerPage
from meter_bridge.protocol.payments import (
    AccessView,
    PaymentOptions,
    PaymentState,
    PaymentView,
    ProviderView,
    Reconciliation,
    TopUpPreview,
    VoucherBatch,
    VoucherState,
    VoucherView,
    WaitingPayment,
)

VOUCHER_CODE = "1234 5678 9012 3456 7890"
BATCH = VoucherBatch(
    id="7KQ2MX",
    site_id="rose",
    amount=50_000_000,
    currency="ZAR",
    amount_digits=6,
    created_at="2026-03-01T10:00:00.000Z",
    expires_at=None,
    needs_sale=False,
    note="Spaza shop",
    by="owner",
    states={VoucherState.GOOD: 1},
)
VOUCHER = VoucherView(
    serial="7KQ2MX-0001",
    state=VoucherState.GOOD,
    sold_at=None,
    sold_to=None,
    redeemed_at=None,
    account_id=None,
    blocked_at=None,
    blocked_reason=None,
)
PAYMENT = PaymentView(
    id="pay-1",
    account_id="flat-1",
    provider="till",
    provider_name="Mobile money",
    amount=50_000_000,
    currency="ZAR",
    amount_digits=6,
    reference="7KQ2MXRA",
    state=PaymentState.OPEN,
    created_at="2026-03-01T10:00:00.000Z",
    url="https://till.example.org/",
    instructions=None,
    top_up=None,
    taken_back=0,
)
OPTIONS = PaymentOptions(
    providers=(ProviderView(id="till", name="Mobile money"),),
    currency="ZAR",
    amount_digits=6,
    minor_digits=2,
    smallest=10_000,
    largest=1_000_000_000,
    to_restore=None,
)
PREVIEW = TopUpPreview(
    amount=50_000_000,
    currency="ZAR",
    amount_digits=6,
    split={"balance": 50_000_000},
    units_wh=0,
    fees={},
    balance_after=62_500_000,
    restores=False,
)
WAITING = WaitingPayment(
    provider="till",
    provider_name="Mobile money",
    payment="QK1",
    reversal=None,
    reason="wrong_amount",
    message="A payment of ZAR 40.00 waits: what was paid is not what was ordered, ZAR 50.00",
    amount=40_000_000,
    currency="ZAR",
    amount_digits=6,
    order="pay-1",
    account_id="flat-1",
    heard_at="2026-03-01T10:00:00.000Z",
)

RECONCILIATION = Reconciliation(
    provider="till",
    first_day="2026-03-01",
    last_day="2026-03-31",
    columns={"payment": "Receipt No.", "amount": "Paid In"},
    matched=2,
    matched_amount=100_000_000,
    currency="ZAR",
    amount_digits=6,
    differences=(),
    unreadable=(),
)
COOKIE = "a-session"
CODE = "K7QM-2XRP"
ACCESS = AccessView(
    account_id="flat-1",
    number="Flat 1",
    code=CODE,
    link="https://pay.example.org/my/#in=secret",
    secret="secret",
    created_at="2026-03-01T10:00:00.000Z",
)

NOTICE = NoticeView(
    id="7:anna",
    made_at="2026-03-01T10:00:00.000Z",
    recipient="anna",
    topic="tamper",
    account_id="flat-1",
    title="Flat 1: A sign of tampering",
    attempts=1,
    next_at=None,
    ended_at="2026-03-01T10:00:01.000Z",
    outcome="sent",
)
SENT = (ChannelResult(channel="ntfy 1", sent=True),)
HOUR = HistoryHour(start="2026-03-01T10:00:00.000Z", wh=100, amount=200_000)
LEDGER = LedgerPage(
    entries=(
        LedgerEntry(
            seq=1,
            id="entry-1",
            at="2026-03-01T10:00:00.000Z",
            kind="opening",
            amount=0,
            balance_after=0,
            description="opened",
            key=None,
            refers_to=None,
        ),
    ),
    next_before=None,
)
