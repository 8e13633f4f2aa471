"""Made-up accounts, meters, entries and actors: what the stand-in for the engine answers with."""

from functools import partial
from typing import Final

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.protocol.answers import AccountExposure
from meter_bridge.protocol.messages import (
    AccountView,
    AlertView,
    ChargeLine,
    Event,
    EventKind,
    LedgerEntry,
    MeterView,
    OwedView,
    Role,
    ServerInfo,
    SupplyView,
    TenancyView,
)
from meter_bridge.protocol.statements import (
    Detail,
    EntryExplanation,
    Holding,
    KindSum,
    MeterReadings,
    NotYetPosted,
    RegisterReading,
    SegmentView,
    Statement,
    StatementEntry,
)
from meter_bridge.protocol.vocabulary import AlertKind, RelayProof, SupplyReason, SupplyState

NOW: Final = "2026-03-01T10:00:00.000Z"
INFO: Final = ServerInfo(
    schema_version=1, min_schema_version=1, version="0.1.0", installation_id="a1b2", name="Rose Street"
)
SITES: Final = {"flat-1": "rose", "flat-2": "rose", "shop-1": "oak"}
SECRET: Final = "s" * 43


def token_of(name: str) -> str:
    """Return the token of one of the actors below."""
    return f"pmb_{name}_{SECRET}"


ACTORS: Final = {
    "owner": Actor("owner", Role.LANDLORD, sites=frozenset({EVERYTHING})),
    "landlord": Actor("landlord", Role.LANDLORD, sites=frozenset({"rose"})),
    "caretaker": Actor("caretaker", Role.CARETAKER, sites=frozenset({"rose"})),
    "tenant": Actor("tenant", Role.TENANT, accounts=frozenset({"flat-1"})),
    "device": Actor("device", Role.DEVICE, accounts=frozenset({"flat-1"})),
    "nobody": Actor("nobody", Role.UNKNOWN),
}
SUPPLY: Final = SupplyView(
    state=SupplyState.CONNECTED,
    reason=SupplyReason.IN_CREDIT,
    since=NOW,
    note=None,
    proof=RelayProof.CONFIRMED,
)


def meter(meter_id: str, account_id: str | None) -> MeterView:
    """Return a meter of which little is known."""
    return MeterView(
        id=meter_id,
        name=meter_id.title(),
        family="tasmota",
        address=f"tasmota:{meter_id}/1",
        account_id=account_id,
        online=True,
        last_seen=NOW,
        register_wh=1000,
        energy_wh=500,
        epoch=1,
        power_mw=None,
        voltage_mv=None,
        current_ma=None,
        frequency_mhz=None,
        relay=None,
        quarantined=False,
    )


def tenancy(account_id: str) -> TenancyView:
    """Return a customer who moved out and owes 25.00 rand."""
    return TenancyView(
        n=1,
        customer="N. Dlamini",
        start=NOW,
        end=NOW,
        account_id=account_id,
        site_id=SITES[account_id],
        time_zone="Africa/Johannesburg",
        currency="ZAR",
        amount_digits=6,
        outstanding=-25_000_000,
    )


def owed(account_id: str) -> OwedView:
    """Return what that customer owes."""
    return OwedView(
        account_id=account_id,
        site_id=SITES[account_id],
        tenancy=1,
        customer="N. Dlamini",
        former=True,
        kind="tenancy",
        owed=25_000_000,
        currency="ZAR",
        amount_digits=6,
    )


def account(account_id: str, balance: int = 12_500_000) -> AccountView:
    """Return a connected account with a balance of 12.50 rand."""
    return AccountView(
        id=account_id,
        name=account_id.title(),
        site_id=SITES[account_id],
        site_name=SITES[account_id].title(),
        customer=None,
        currency="ZAR",
        amount_digits=6,
        time_zone="Africa/Johannesburg",
        payment_mode="prepayment",
        balance=balance,
        available=balance,
        units_left_wh=5000,
        seconds_left=190_000,
        low_credit=False,
        low_credit_thresholds=(20_000_000,),
        energy_wh=500,
        energy_today_wh=100,
        cost_today=250_000,
        cost_period=1_250_000,
        supply=SUPPLY,
        tariff=None,
        meters=(meter(f"{account_id}-meter", account_id),),
        alerts=(),
        last_top_up=None,
    )


def alert(alert_id: str, account_id: str | None, meter_id: str | None = None) -> AlertView:
    """Return an open alert."""
    return AlertView(
        id=alert_id,
        kind=AlertKind.LOW_CREDIT if account_id else AlertKind.BROKER_LOST,
        site_id=SITES[account_id] if account_id else None,
        account_id=account_id,
        meter_id=meter_id,
        message="something to look at",
        opened_at=NOW,
        acknowledged_at=None,
        closed_at=None,
    )


def event(seq: int, account_id: str | None = "flat-1") -> Event:
    """Return a durable event."""
    return Event(
        seq=seq, at=NOW, kind=EventKind.TOP_UP, account_id=account_id, meter_id=None, data={"n": seq}
    )


def statement(account_id: str) -> Statement:
    """Return a statement with a top-up, a charge with its tax, and a name that means harm."""
    line = partial(
        ChargeLine,
        supply_id=f"{account_id}/electricity",
        period="2026-03-01",
        tariff_version_id="t@2026-01-01",
    )
    energy = line(
        kind="consumption", block=1, band="peak", quantity=5000, unit_price=2_500_000, amount=12_500_000
    )
    tax = line(kind="tax", block=None, band="VAT", quantity=0, unit_price=None, amount=1_875_000)
    top_up = StatementEntry(
        seq=1,
        id="entry-1",
        at=NOW,
        kind="top_up",
        description="Top-up, cash",
        reference="=1+1",
        refers_to=None,
        amount=25_000_000,
        changes={"debt:boiler": 5_000_000, "balance": 20_000_000},
        balance_after=20_000_000,
        units_wh=0,
    )
    return Statement(
        account_id=account_id,
        account_name=account_id.title(),
        customer=None,
        site_id=SITES[account_id],
        site_name=SITES[account_id].title(),
        time_zone="Africa/Johannesburg",
        currency="ZAR",
        amount_digits=6,
        start="2026-02-28T22:00:00.000Z",
        end="2026-03-31T22:00:00.000Z",
        first_day="2026-03-01",
        last_day="2026-03-31",
        made_at=NOW,
        open=True,
        detail=Detail.LINE,
        opening=-5_000_000,
        credits=25_000_000,
        charges=14_375_000,
        closing=5_625_000,
        holdings=(
            Holding(name="balance", opening=0, closing=5_625_000),
            Holding(name="debt:boiler", opening=-5_000_000, closing=0),
        ),
        units=(),
        sums=(
            KindSum(kind="top_up", entries=1, amount=25_000_000, changes=top_up.changes),
            KindSum(kind="charge", entries=9, amount=-14_375_000, changes={"balance": -14_375_000}),
        ),
        lines=(energy, tax),
        days=(),
        tenancy=None,
        outstanding=None,
        settlements=(),
        entries=(top_up,),
        not_yet_posted=NotYetPosted(at=NOW, wh=6, amount=17_250),
    )


TOP_UP_ENTRY: Final = LedgerEntry(
    seq=2,
    id="top-up-1",
    at=NOW,
    kind="top_up",
    amount=50_000_000,
    balance_after=62_500_000,
    description="Top-up, cash",
    key=None,
    refers_to=None,
    reference="receipt 7",
    split={"balance": 50_000_000},
)


def explanation(account_id: str) -> EntryExplanation:
    """Return a charge of a quarter of an hour between two readings."""
    made = statement(account_id)
    segment = SegmentView(
        kind="consumption",
        supply_id=f"{account_id}/electricity",
        meter_id=f"{account_id}-meter",
        start="2026-03-01T09:45:00.000Z",
        end=NOW,
        wh=5000,
        register_from_wh=1_204_510,
        register_to_wh=1_209_510,
        tariff_version_id="t@2026-01-01",
        block=1,
        band="peak",
        amount=12_500_000,
        tax=1_875_000,
        estimated=False,
    )
    entry = LedgerEntry(
        seq=1,
        id="entry-1",
        at=NOW,
        kind="charge",
        amount=-14_375_000,
        balance_after=5_625_000,
        description="Electricity used",
        key=None,
        refers_to=None,
        lines=made.lines,
    )
    after = RegisterReading(at=NOW, wh=1_209_511, epoch=0)
    readings = (MeterReadings(meter_id=f"{account_id}-meter", before=None, after=after),)
    return EntryExplanation(entry=entry, segments=(segment,), readings=readings)


def exposure(account_id: str) -> AccountExposure:
    """Return the exposure of an account with a device that cuts by itself and one that does not."""
    return AccountExposure(
        account_id=account_id,
        name=account_id.title(),
        currency="ZAR",
        amount_digits=6,
        policies=("hold", "local_cut_off"),
        limited=True,
        meters=2,
        in_force=1,
        once_wh=1_500,
        once_amount=4_500_000,
        hourly_wh=10_000,
        hourly_amount=30_000_000,
    )
