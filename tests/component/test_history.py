"""Long-term statistics: backfilled, corrected, never counted twice."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
import logging
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.components.energy.data import async_get_manager
from homeassistant.components.energy.validate import async_validate
from homeassistant.components.recorder.statistics import list_statistic_ids, statistics_during_period
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.prepaid_meter import history
from custom_components.prepaid_meter.client import CannotConnectError
from custom_components.prepaid_meter.client.protocol import AccountHistory, HistoryHour, HistoryPage
from custom_components.prepaid_meter.statistics_series import energy_series
from tests.component.conftest import Eventually
from tests.component.fake_bridge import FakeBridge, account_view

ENERGY = "prepaid_meter:0192f0c1_flat_1_energy"
COST = "prepaid_meter:0192f0c1_flat_1_cost"
SECOND_COST = "prepaid_meter:0192f0c1_flat_2_cost"
START = datetime(2026, 11, 1, tzinfo=UTC)

type Hour = tuple[int, int, int]
"""Hour of the day, Wh, amount in cents."""


@pytest.fixture(autouse=True)
def history_without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "PAUSE_SECONDS", 0.0)


class Journal:
    """The hours of each account at the fake bridge, with the journal entry that changed each hour."""

    def __init__(self, bridge: FakeBridge) -> None:
        self.seq = 0
        self.hours: dict[str, dict[int, tuple[int, int, int]]] = {}
        self.page_size = 100
        bridge.history = self.page

    def book(self, hours: Iterable[Hour], account_id: str = "flat-1") -> None:
        """Set the values of hours."""
        self.seq += 1
        for hour, wh, cents in hours:
            self.hours.setdefault(account_id, {})[hour] = (self.seq, wh, cents * 10_000)

    def page(self, query: dict[str, str]) -> HistoryPage:
        """Return a page of the history like the bridge."""
        after, upto = int(query["after"]), int(query.get("upto", self.seq))
        wanted = [name for name in sorted(self.hours) if query.get("account", name) == name]
        wanted = [name for name in wanted if name >= query.get("from_account", "")]
        changed = [name for name in wanted if any(seq > after for seq, _, _ in self.hours[name].values())]
        rest = changed[self.page_size :]
        accounts = tuple(self._account(name, after) for name in changed[: self.page_size])
        return HistoryPage(seq=upto, accounts=accounts, next_account=rest[0] if rest else None)

    def _account(self, account_id: str, after: int) -> AccountHistory:
        hours = self.hours[account_id]
        first = min(hour for hour, (seq, _, _) in hours.items() if seq > after)
        changed_hours = [
            HistoryHour(start=f"2026-11-01T{hour:02}:00:00.000Z", wh=wh, amount=amount)
            for hour, (_, wh, amount) in sorted(hours.items())
            if hour >= first
        ]
        return AccountHistory(account_id=account_id, hours=tuple(changed_hours))


class Recorded:
    """A bridge with a journal, and a Home Assistant with a recorder."""

    def __init__(
        self, hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, wait: Eventually
    ) -> None:
        self.hass = hass
        self.bridge = bridge
        self.entry = entry
        self.eventually = wait
        self.journal = Journal(bridge)
        self.recorder = get_instance(hass)

    async def up(self) -> None:
        """Set the bridge up."""
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done()

    async def down(self) -> None:
        """Unload the bridge."""
        assert await self.hass.config_entries.async_unload(self.entry.entry_id)

    async def imported_up_to(self, seq: int) -> None:
        """Wait until the journal is in the statistics up to an entry."""
        await self.eventually(lambda: self.entry.runtime_data.store.history == seq)

    async def post(self, balance: int) -> None:
        """Change the posted balance."""
        await self.eventually(lambda: self.bridge.open_sockets)
        await self.bridge.update(account_view(balance=balance))

    async def rows(self, statistic_id: str) -> list[tuple[int, float, float]]:
        """Return the rows of a statistic from the recorder: hour, change, sum."""
        await async_wait_recording_done(self.hass)
        rows = await self.recorder.async_add_executor_job(
            statistics_during_period, self.hass, START, None, {statistic_id}, "hour", None, {"change", "sum"}
        )
        return [
            (
                datetime.fromtimestamp(row["start"], UTC).hour,
                round(row["change"] or 0, 6),
                round(row["sum"] or 0, 6),
            )
            for row in rows.get(statistic_id, [])
        ]

    async def becomes(self, statistic_id: str, expected: list[tuple[int, float, float]]) -> None:
        """Wait until the recorder has exactly these rows of a statistic."""
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while await self.rows(statistic_id) != expected:  # noqa: ASYNC110 - nobody else can tell
                    await asyncio.sleep(0.01)
        assert await self.rows(statistic_id) == expected


@pytest.fixture
async def recorded(
    recorder_mock: object,
    hass: HomeAssistant,
    bridge: FakeBridge,
    entry: MockConfigEntry,
    eventually: Eventually,
) -> AsyncGenerator[Recorded]:
    """Provide a bridge that is not set up yet; unload it at the end."""
    recorded = Recorded(hass, bridge, entry, eventually)
    yield recorded
    if entry.state is ConfigEntryState.LOADED:
        await recorded.down()


async def test_history_from_before_and_while_home_assistant_was_not_running_is_imported(
    recorded: Recorded,
) -> None:
    recorded.journal.book([(8, 1_000, 268), (9, 500, 134)])
    await recorded.up()
    await recorded.imported_up_to(1)
    assert await recorded.rows(ENERGY) == [(8, 1.0, 1.0), (9, 0.5, 1.5)]
    assert await recorded.rows(COST) == [(8, 2.68, 2.68), (9, 1.34, 4.02)]

    await recorded.down()
    recorded.journal.book([(9, 700, 188), (11, 250, 67)])
    recorded.journal.book([(12, 50, 13)])
    await recorded.up()
    await recorded.imported_up_to(3)

    assert await recorded.rows(ENERGY) == [(8, 1.0, 1.0), (9, 0.7, 1.7), (11, 0.25, 1.95), (12, 0.05, 2.0)]
    assert (await recorded.rows(COST))[-1] == (12, 0.13, 5.36)
    assert [query["after"] for query in recorded.bridge.history_requests] == ["0", "1"]


async def test_repeated_history_does_not_count_twice(recorded: Recorded) -> None:
    recorded.journal.book([(8, 1_000, 268), (9, 500, 134)])
    await recorded.up()
    await recorded.imported_up_to(1)
    recorded.entry.runtime_data.store.async_set_history(0)  # as if it had been lost before it was written
    await recorded.down()
    await recorded.up()
    await recorded.imported_up_to(1)

    assert await recorded.rows(ENERGY) == [(8, 1.0, 1.0), (9, 0.5, 1.5)]


async def test_a_correction_changes_its_own_hour_and_every_later_sum(recorded: Recorded) -> None:
    recorded.journal.book([(7, 100, 30), (8, 1_000, 268), (9, 500, 134)])
    await recorded.up()
    await recorded.imported_up_to(1)

    recorded.journal.book([(8, 1_000, -100)])
    await recorded.post(200_000_000)
    await recorded.imported_up_to(2)

    assert await recorded.rows(COST) == [(7, 0.3, 0.3), (8, -1.0, -0.7), (9, 1.34, 0.64)]
    assert (await recorded.rows(ENERGY))[-1] == (9, 0.5, 1.6)


async def test_the_current_hour_is_updated(recorded: Recorded) -> None:
    await recorded.up()
    for quarter in range(1, 4):
        recorded.journal.book([(10, quarter * 100, quarter * 10)])
        await recorded.post(187_000_000 - quarter)
        await recorded.imported_up_to(quarter)
    assert await recorded.rows(ENERGY) == [(10, 0.3, 0.3)]


async def test_only_new_postings_are_requested(recorded: Recorded) -> None:
    await recorded.up()
    await recorded.eventually(lambda: recorded.bridge.history_requests)
    for power in (1_000, 2_000):
        await recorded.bridge.update(account_view(available=power))
    await recorded.eventually(lambda: recorded.hass.states.is_state("sensor.flat_1_balance", "0.00"))
    assert len(recorded.bridge.history_requests) == 1


async def test_each_account_has_costs_in_its_own_currency(recorded: Recorded) -> None:
    yen = account_view("flat-2", currency="JPY", amount_digits=4)
    recorded.bridge.accounts["flat-2"] = yen
    recorded.journal.book([(8, 1_000, 268)])
    recorded.journal.book([(8, 1_000, 26)], "flat-2")  # 260000 of 10 ** -4 JPY
    recorded.journal.page_size = 1
    await recorded.up()
    await recorded.imported_up_to(2)

    assert await recorded.rows(COST) == [(8, 2.68, 2.68)]
    assert await recorded.rows(SECOND_COST) == [(8, 26.0, 26.0)]
    ids = await recorded.recorder.async_add_executor_job(list_statistic_ids, recorded.hass)
    described = {
        metadata["statistic_id"]: (
            metadata["name"],
            metadata["statistics_unit_of_measurement"],
            metadata["unit_class"],
        )
        for metadata in ids
        if metadata["source"] == "prepaid_meter"
    }
    assert described == {
        ENERGY: ("Flat 1 energy used", "kWh", "energy"),
        COST: ("Flat 1 cost", "ZAR", None),
        SECOND_COST.replace("cost", "energy"): ("Flat 2 energy used", "kWh", "energy"),
        SECOND_COST: ("Flat 2 cost", "JPY", None),
    }
    assert [query.get("from_account") for query in recorded.bridge.history_requests] == [None, "flat-2"]


async def test_a_new_account_is_imported_with_its_whole_history(recorded: Recorded) -> None:
    recorded.journal.book([(6, 100, 50)], "flat-2")  # before this token might see it
    recorded.journal.book([(8, 1_000, 268)])
    await recorded.up()
    await recorded.imported_up_to(2)
    assert await recorded.rows(SECOND_COST) == []

    recorded.journal.book([(9, 200, 100)], "flat-2")
    await recorded.bridge.update(account_view("flat-2"))
    await recorded.imported_up_to(3)

    assert await recorded.rows(SECOND_COST) == [(6, 0.5, 0.5), (9, 1.0, 1.5)]


async def test_deleted_statistics_are_imported_again(recorded: Recorded) -> None:
    recorded.bridge.accounts["flat-2"] = account_view("flat-2")
    recorded.journal.book([(8, 1_000, 268)])
    recorded.journal.book([(8, 1_000, 268)], "flat-2")
    await recorded.up()
    await recorded.imported_up_to(2)
    await recorded.down()
    everything = [ENERGY, COST, SECOND_COST, SECOND_COST.replace("cost", "energy")]
    of_flat_1 = {"after": "0", "account": "flat-1"}
    for gone, asked in (([ENERGY], [of_flat_1, {"after": "2"}]), (everything, [{"after": "0"}])):
        recorded.bridge.history_requests.clear()
        recorded.recorder.async_clear_statistics(gone)
        await async_wait_recording_done(recorded.hass)

        await recorded.up()
        await recorded.eventually(lambda: len(recorded.bridge.history_requests) == len(asked))  # noqa: B023 - awaited here

        assert recorded.bridge.history_requests == asked
        await recorded.becomes(ENERGY, [(8, 1.0, 1.0)])
        await recorded.becomes(SECOND_COST, [(8, 2.68, 2.68)])
        await recorded.down()


async def test_the_history_of_a_restored_bridge_is_imported_again(recorded: Recorded) -> None:
    recorded.journal.book([(8, 1_000, 268)])
    recorded.journal.book([(9, 500, 134), (10, 500, 134)])
    await recorded.up()
    await recorded.imported_up_to(2)

    del recorded.journal.hours["flat-1"][9], recorded.journal.hours["flat-1"][10]
    recorded.journal.seq, recorded.bridge.seq = 1, 2
    await recorded.bridge.drop()
    await recorded.post(1)
    await recorded.imported_up_to(1)
    assert (await recorded.rows(ENERGY))[0] == (8, 1.0, 1.0)
    assert {change for _, change, _ in (await recorded.rows(ENERGY))[1:]} == {0.0}

    recorded.journal.book([(9, 300, 80)])
    await recorded.post(2)
    await recorded.imported_up_to(2)
    assert await recorded.rows(ENERGY) == [(8, 1.0, 1.0), (9, 0.3, 1.3), (10, 0.0, 1.3)]


async def test_a_journal_shorter_than_the_stored_position_is_read_from_the_beginning(
    recorded: Recorded,
) -> None:
    recorded.journal.book([(8, 1_000, 268)])
    await recorded.up()
    await recorded.imported_up_to(1)
    recorded.entry.runtime_data.store.async_set_history(900)
    await recorded.post(1)
    await recorded.imported_up_to(1)
    assert [query["after"] for query in recorded.bridge.history_requests] == ["0", "900", "0"]


async def test_an_account_without_consumption_can_be_selected_in_the_energy_dashboard(
    recorded: Recorded,
) -> None:
    await recorded.up()
    await recorded.eventually(lambda: recorded.bridge.history_requests)
    await async_wait_recording_done(recorded.hass)
    ids = await recorded.recorder.async_add_executor_job(list_statistic_ids, recorded.hass)
    assert {ENERGY, COST} <= {metadata["statistic_id"] for metadata in ids}


async def test_the_energy_dashboard_accepts_energy_and_cost(recorded: Recorded) -> None:
    recorded.journal.book([(8, 1_000, 268)])
    assert await async_setup_component(recorded.hass, "energy", {})
    await recorded.up()
    await recorded.imported_up_to(1)
    await async_wait_recording_done(recorded.hass)
    manager = await async_get_manager(recorded.hass)
    grid: Any = {"type": "grid", "stat_energy_from": ENERGY, "stat_cost": COST, "cost_adjustment_day": 0}
    await manager.async_update({"energy_sources": [grid], "device_consumption": []})

    issues = (await async_validate(recorded.hass)).as_dict()

    assert issues["energy_sources"] == [[]]


async def test_a_bridge_without_history_is_logged_only_at_debug_level(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    recorded.bridge.history = None
    await recorded.up()
    await recorded.eventually(lambda: "provide its history" in caplog.text)
    await recorded.down()
    records = [record for record in caplog.records if record.name.startswith("custom_components")]
    assert [record.getMessage() for record in records if "history" in record.message] == [
        "Long Street is too old to provide its history"
    ]
    assert {record.levelno for record in records} == {logging.DEBUG}


async def test_a_history_that_cannot_be_read_is_logged_once_and_read_later(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    recorded.journal.book([(8, 1_000, 268)])
    await recorded.up()
    await recorded.imported_up_to(1)
    recorded.bridge.refuse_with = (500, {"code": "internal", "message": "Something broke."})
    for balance in (1, 2):
        asked = len(recorded.bridge.history_requests)
        await recorded.post(balance)
        await recorded.eventually(lambda: len(recorded.bridge.history_refusals) == balance)  # noqa: B023 - awaited here
        assert len(recorded.bridge.history_requests) == asked
    recorded.bridge.refuse_with = None
    recorded.journal.book([(9, 500, 100)])
    await recorded.post(3)
    await recorded.imported_up_to(2)
    warnings = [record for record in caplog.records if "cannot be read" in record.message]
    assert [record.getMessage() for record in warnings] == [
        "The history of Long Street cannot be read: Something broke."
    ]


async def test_history_missed_by_a_broken_connection_is_read_at_the_next_interval(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history, "INTERVAL_SECONDS", 0.01)
    recorded.journal.book([(8, 1_000, 268)])
    await recorded.up()
    await recorded.imported_up_to(1)
    broken = AsyncMock(side_effect=CannotConnectError("broken"))
    with patch.object(recorded.entry.runtime_data.connection, "history", broken):
        await recorded.eventually(lambda: broken.await_count > 2)

    # Using units that were bought before changes no balance.
    recorded.journal.book([(9, 1_000, 0)])
    await recorded.imported_up_to(2)

    assert await recorded.rows(COST) == [(8, 2.68, 2.68), (9, 0.0, 2.68)]
    assert "cannot be read" not in caplog.text


async def test_no_history_is_requested_while_the_bridge_is_unreachable(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "INTERVAL_SECONDS", 0.01)
    recorded.journal.book([(8, 1_000, 268)])
    await recorded.up()
    await recorded.imported_up_to(1)
    await recorded.bridge.stop()
    await recorded.eventually(lambda: not recorded.entry.runtime_data.available)
    unasked = AsyncMock(side_effect=AssertionError)
    with patch.object(recorded.entry.runtime_data.connection, "history", unasked):
        await asyncio.sleep(0.05)
    unasked.assert_not_awaited()


async def test_there_is_no_history_without_a_recorder(bridge: FakeBridge, loaded: MockConfigEntry) -> None:
    Journal(bridge)
    assert not bridge.history_requests


def test_accounts_with_the_same_slug_have_separate_statistics() -> None:
    names = ["flat-1", "flat_1", "Flat 1", "flat--1", "квартира", "-1"]
    ids = {energy_series("0192", replace(account_view(), id=name), "").statistic_id for name in names}
    assert len(ids) == len(names)
    assert "prepaid_meter:0192_flat_1_energy" in ids
