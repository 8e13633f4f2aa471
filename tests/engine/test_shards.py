"""Two owners of one installation's shards: each charges its own sites, none meets the other in a row."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from meter_bridge.config.site_file import load
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.alerts.alerting import set_installation_alert
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.engine.metering.readings import ReportHandler
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import HistoryPage, Role
from meter_bridge.protocol.requests import PolicyRequest, Transfer
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.runtime.application import Application, build_application
from meter_bridge.storage import changeset as ops, tables
from meter_bridge.storage.database import open_reader, open_writer, reading
from meter_bridge.storage.location import Location
from meter_bridge.storage.shards import RANGE, WHOLE, Shard, divide, shard_of
from meter_bridge.storage.writer import InlineWriter
from tests.engine.harness import HOUR, LANDLORD, Recorder, VirtualTime
from tests.storage.template import forget, new_location

pytestmark = pytest.mark.both_databases

SITE = """\
  {name}:
    time zone: Africa/Johannesburg
    currency: ZAR
    tariffs:
      {name}-flat: {{versions: [{{from: 2026-01-01, prices: [2.00]}}]}}
    units:
"""
UNIT = """\
      {unit}:
        tariff: {name}-flat
        opening credit: {credit}
        meters: [{{address: "tasmota:{unit}/1", rating: 10 kW}}]
"""


def street(sites: dict[str, dict[str, str]]) -> str:
    """Return a site file: the units of each site with their opening credit."""
    text = "name: Street\nsites:\n"
    for name, units in sites.items():
        text += SITE.format(name=name)
        text += "".join(UNIT.format(unit=unit, name=name, credit=credit) for unit, credit in units.items())
    return text


TWO = {"north": {"n1": "10.00", "n2": "10.00"}, "south": {"s1": "10.00"}}


@dataclass
class Owner:
    """The owner of one shard."""

    engine: Engine
    app: Application
    intake: ReportHandler

    async def apply(self, text: str) -> tuple[str, ...]:
        """Apply a site file; return what is pending."""
        result = await self.app.sites.apply(LANDLORD, load(text), document=text, dry_run=False)
        return result.pending

    async def read(self, unit: str, wh: int) -> None:
        """Hear a register."""
        self.intake.handle([Report(f"tasmota:{unit}/1", register_wh=wh)])
        await self.engine.session.drain()


@dataclass
class Street:
    """An installation with the owners of its shards."""

    location: Location
    data: Path
    time: VirtualTime

    @asynccontextmanager
    async def owner(self, shard: Shard) -> AsyncIterator[Owner]:
        """Own a shard."""
        store, reader = InlineWriter(open_writer(self.location)), open_reader(self.location)
        engine = Engine(reader, store, Recorder(), self.time.clocks(), shard)
        try:
            yield Owner(
                engine,
                build_application(engine, self.data),
                engine.intake,
            )
            engine.session.flush(everything=True)
            await engine.session.drain()
        finally:
            store.close()
            reader.dispose()

    def divide(self, count: int) -> None:
        """Divide the installation."""
        with open_writer(self.location).begin() as connection:
            divide(connection, count)

    def seqs(self, account_id: str) -> list[int]:
        """Return the numbers of an account's journal entries."""
        entry = tables.journal_entry
        with reading(self.location) as reader, reader.connect() as connection:
            found = select(entry.c.seq).where(entry.c.account_id == account_id).order_by(entry.c.seq)
            return list(connection.execute(found).scalars())


@pytest.fixture
async def divided(tmp_path: Path) -> AsyncIterator[Street]:
    """Return an installation of two sites in two shards."""
    found = Street(new_location(tmp_path), tmp_path, VirtualTime())
    async with found.owner(WHOLE) as owner:
        await owner.apply(street(TWO))
        await owner.read("s1", 1_000)
    found.divide(2)
    yield found
    assert verify(found.location) == []
    forget()


async def test_each_owner_serves_its_own_sites(divided: Street) -> None:
    async with divided.owner(Shard(0, 2)) as first, divided.owner(Shard(1, 2)) as second:
        assert sorted(first.engine.session.installation.accounts) == ["n1", "n2"]
        assert sorted(second.engine.session.installation.accounts) == ["s1"]
        assert list(second.engine.session.installation.by_energy_address) == ["tasmota:s1/1"]
        await first.read("s1", 9_000)
        assert (
            second.app.accounts.view(LANDLORD, "s1").available
            == first.app.accounts.view(LANDLORD, "n1").available
        )


@pytest.mark.invariant(5)
async def test_what_one_bridge_began_its_shards_go_on_with(divided: Street) -> None:
    async with divided.owner(Shard(0, 2)) as first, divided.owner(Shard(1, 2)) as second:
        divided.time.forward(3_600_000)
        await second.read("s1", 2_000)
        await first.read("n1", 5_000)
        await first.app.accounts.top_up(
            LANDLORD, "n1", amount="1.00", method="cash", reference=None, key="one"
        )
        await second.app.accounts.top_up(
            LANDLORD, "s1", amount="1.00", method="cash", reference=None, key="one"
        )
        assert second.app.accounts.view(LANDLORD, "s1").meters[0].energy_wh == 1_000
        written = second.engine.session.installation.sequences.entry - RANGE
        assert f"prepaid_journal_entries_total {written:.1f}".encode() in second.app.status.metrics()
    assert [shard_of(seq) for seq in divided.seqs("n1")] == [0] * len(divided.seqs("n1"))
    begun, *since = divided.seqs("s1")
    assert begun < RANGE
    assert since == list(range(RANGE + 1, RANGE + 1 + len(since)))


async def test_a_site_file_that_one_owner_applies_the_other_takes_up(divided: Street) -> None:
    more = {"north": {"n1": "10.00"}, "south": {"s1": "10.00", "s2": "7.00"}, "west": {"w1": "5.00"}}
    async with divided.owner(Shard(0, 2)) as first, divided.owner(Shard(1, 2)) as second:
        pending = await first.apply(street(more))
        assert any(line.startswith("shard 1:") for line in pending)
        assert sorted(first.engine.session.installation.accounts) == ["n1", "w1"]
        assert sorted(second.engine.session.installation.accounts) == ["s1"]
        await second.app.sites.follow()
        assert sorted(second.engine.session.installation.accounts) == ["s1", "s2"]
        assert second.engine.session.installation.sequences.applied_here == 2
        await second.app.sites.follow()
        assert second.engine.session.installation.sequences.applied == 2


async def test_what_one_owner_changed_no_site_file_of_the_other_undoes(divided: Street) -> None:
    async with divided.owner(Shard(0, 2)) as first, divided.owner(Shard(1, 2)) as second:
        await second.app.sites.set_policy(LANDLORD, "s1", PolicyRequest(low_credit=("3.00",)))
        more = street({**TWO, "west": {"w1": "1.00"}})
        with pytest.raises(RequestRefused, match=r"low credit was set to 3\.00"):
            await first.apply(more)
        assert first.engine.session.installation.sequences.applied == 2


async def test_owners_write_no_row_in_common_while_nothing_but_time_passes(divided: Street) -> None:
    async with divided.owner(Shard(0, 2)) as first, divided.owner(Shard(1, 2)) as second:
        rows = {
            (op.name, row["n"] if op is ops.UPSERT_SHARD else "")  # type: ignore[call-overload]
            for owner in (first, second)
            for op, written in owner.engine.session.heartbeat_changeset().rows.items()
            for row in written
        }
        assert list(second.engine.session.heartbeat_changeset().rows) == [ops.UPSERT_SHARD]
        assert rows == {("upsert shard", 0), ("upsert shard", 1), ("upsert installation", "")}


async def test_no_owner_takes_the_cut_off_of_anothers_device_for_a_stray(divided: Street) -> None:
    with open_writer(divided.location).begin() as connection:
        for address in ("tasmota:n1/1", "tasmota:s1/1", "tasmota:gone/1"):
            held = {"held": "armed", "held_wh": 5, "held_at": 0, "written_at": 0, "wanted_wh": 5}
            place = {"address": address, "slot": 3, "relay_address": address}
            connection.execute(insert(tables.cut_off).values(**place, **held))
    async with divided.owner(Shard(0, 2)) as first, divided.owner(Shard(1, 2)) as second:
        kept = [
            {place.address for place in each.engine.session.installation.cut_offs} for each in (first, second)
        ]
    assert kept == [{"tasmota:n1/1", "tasmota:gone/1"}, {"tasmota:s1/1"}]


async def test_a_transfer_to_another_shard_is_refused_with_the_way_out(divided: Street) -> None:
    async with divided.owner(Shard(0, 2)) as first:
        asked = Transfer(amount="1.00", to="s1", reason="moved")
        with pytest.raises(RequestRefused, match="not of the same shard"):
            await first.app.accounts.operate(LANDLORD, "n1", asked, key="one")


async def test_an_alert_of_one_bridge_is_not_closed_by_the_other(divided: Street) -> None:
    async with divided.owner(Shard(0, 2)) as first, divided.owner(Shard(1, 2)) as second:
        set_installation_alert(second.engine.session, AlertKind.BROKER_LOST, {})
        set_installation_alert(first.engine.session, AlertKind.BROKER_LOST, None)
        first.engine.session.reload()
        second.engine.session.reload()
        assert first.engine.session.installation.alerts == {}
        assert [key.kind for key in second.engine.session.installation.alerts] == [AlertKind.BROKER_LOST]


async def test_a_token_that_one_owner_makes_or_revokes_the_other_learns_of(divided: Street) -> None:
    async with divided.owner(Shard(0, 2)) as first, divided.owner(Shard(1, 2)) as second:
        secret = await first.app.tokens.create(
            LANDLORD,
            name="south",
            role=Role.CARETAKER,
            sites=frozenset({"south"}),
            accounts=frozenset(),
            days=1,
        )
        await second.app.tokens.refresh()
        actor = second.app.tokens.authenticate(secret)
        assert actor is not None
        assert actor.token_id is not None
        await first.app.tokens.revoke(LANDLORD, actor.token_id)
        await second.app.tokens.refresh()
        assert second.app.tokens.authenticate(secret) is None


def test_sites_only_move_to_later_shards_and_shards_are_never_fewer(divided: Street) -> None:
    divided.divide(3)
    with pytest.raises(ValueError, match="2 is neither 1 nor between 3"):
        divided.divide(2)


async def test_shards_that_are_put_together_again_go_on_as_one(divided: Street) -> None:
    async with divided.owner(Shard(1, 2)) as second:
        await second.app.accounts.top_up(
            LANDLORD, "s1", amount="1.00", method="cash", reference=None, key="one"
        )
    divided.divide(1)
    async with divided.owner(WHOLE) as owner:
        for name in ("n1", "s1"):
            await owner.app.accounts.top_up(
                LANDLORD, name, amount="1.00", method="cash", reference=None, key="two"
            )
        assert sorted(owner.engine.session.installation.accounts) == ["n1", "n2", "s1"]
    assert divided.seqs("n1")[-1] > RANGE
    with pytest.raises(ValueError, match="cannot be divided again"):
        divided.divide(2)


async def test_hours_that_changed_are_told_whatever_numbers_other_shards_have(divided: Street) -> None:
    async with divided.owner(Shard(0, 2)) as first, divided.owner(Shard(1, 2)) as second:
        for hour in range(1, 6):
            divided.time.forward(HOUR)
            await first.read("n1", 1_000 * hour)
            await second.read("s1", 1_000 * hour)
            await first.engine.run_deferred_postings(everything=True)
            await second.engine.run_deferred_postings(everything=True)
        whole = (await hours_of(first, "n1", after=0)).accounts[0].hours
        middle = divided.seqs("n1")[-2]
        late = (await hours_of(first, "n1", after=middle)).accounts[0].hours
        assert sum(hour.wh for hour in whole) > sum(hour.wh for hour in late) > 0
        assert late == whole[-len(late) :]


async def hours_of(owner: Owner, account_id: str, after: int) -> HistoryPage:
    """Return the hours of an account that changed after an entry."""
    return await owner.app.ledger.history(
        LANDLORD, after=after, upto=None, account_id=account_id, from_account=None
    )
