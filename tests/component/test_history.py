"""Long-term statistics: back-filled, corrected, never counted twice."""

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
    """What the stand-in bridge tells of each account's hours, with the journal entry that changed each."""

    def __init__(self, bridge: FakeBridge) -> None:
        self.seq = 0
        self.hours: dict[str, dict[int, tuple[int, int, int]]] = {}
        self.page_size = 100
        bridge.history = self.page

    def book(self, hours: Iterable[Hour], account_id: str = "flat-1") -> None:
        """Set what hours hold."""
        self.seq += 1
        for hour, wh, cents in hours:
            self.hours.setdefault(account_id, {})[hour] = (self.seq, wh, cents * 10_000)

    def page(self, query: dict[str, str]) -> HistoryPage:
        """Answer as the bridge does."""
        after, upto = int(query["after"]), int(query.get("upto", self.seq))
        wanted = [each for each in sorted(self.hours) if query.get("account", each) == each]
        wanted = [each for each in wanted if each >= query.get("from_account", "")]
        changed = [each for each in wanted if any(seq > after for seq, _, _ in self.hours[each].values())]
        rest = changed[self.page_size :]
        accounts = tuple(self._account(each, after) for each in changed[: self.page_size])
        return HistoryPage(seq=upto, accounts=accounts, next_account=rest[0] if rest else None)

    def _account(self, account_id: str, after: int) -> AccountHistory:
        hours = self.hours[account_id]
        first = min(hour for hour, (seq, _, _) in hours.items() if seq > after)
        told = [
            HistoryHour(start=f"2026-11-01T{hour:02}:00:00.000Z", wh=wh, amount=amount)
            for hour, (_, wh, amount) in sorted(hours.items())
            if hour >= first
        ]
        return AccountHistory(account_id=account_id, hours=tuple(told))


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

    async def read_upto(self, seq: int) -> None:
        """Wait until the journal is in the statistics up to an entry."""
        await self.eventually(lambda: self.entry.runtime_data.store.history == seq)

    async def post(self, balance: int) -> None:
        """Let the posted balance change."""
        await self.eventually(lambda: self.bridge.open_sockets)
        await self.bridge.update(account_view(balance=balance))

    async def rows(self, statistic_id: str) -> list[tuple[int, float, float]]:
        """Return what the recorder has of a statistic: hour, change, sum."""
        await async_wait_recording_done(self.hass)
        found = await self.recorder.async_add_executor_job(
            statistics_during_period, self.hass, START, None, {statistic_id}, "hour", None, {"change", "sum"}
        )
        return [
            (
                datetime.fromtimestamp(row["start"], UTC).hour,
                round(row["change"] or 0, 6),
                round(row["sum"] or 0, 6),
            )
            for row in found.get(statistic_id, [])
        ]

    async def becomes(self, statistic_id: str, expected: list[tuple[int, float, float]]) -> None:
        """Wait until the recorder has exactly this of a statistic."""
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
    """Offer a bridge that is not set up yet; unload it at the end."""
    recorded = Recorded(hass, bridge, entry, eventually)
    yield recorded
    if entry.state is ConfigEntryState.LOADED:
        await recorded.down()


async def test_what_happened_before_and_while_home_assistant_was_away_is_filled_in(
    recorded: Recorded,
) -> None:
    recorded.journal.book([(8, 1_000, 268), (9, 500, 134)])
    await recorded.up()
    await recorded.read_upto(1)
    assert await recorded.rows(ENERGY) == [(8, 1.0, 1.0), (9, 0.5, 1.5)]
    assert await recorded.rows(COST) == [(8, 2.68, 2.68), (9, 1.34, 4.02)]

    await recorded.down()
    recorded.journal.book([(9, 700, 188), (11, 250, 67)])
    recorded.journal.book([(12, 50, 13)])
    await recorded.up()
    await recorded.read_upto(3)

    assert await recorded.rows(ENERGY) == [(8, 1.0, 1.0), (9, 0.7, 1.7), (11, 0.25, 1.95), (12, 0.05, 2.0)]
    assert (await recorded.rows(COST))[-1] == (12, 0.13, 5.36)
    assert [query["after"] for query in recorded.bridge.history_requests] == ["0", "1"]


async def test_nothing_counts_twice_whatever_is_told_again(recorded: Recorded) -> None:
    recorded.journal.book([(8, 1_000, 268), (9, 500, 134)])
    await recorded.up()
    await recorded.read_upto(1)
    recorded.entry.runtime_data.store.async_set_history(0)  # as if it had been lost before it was written
    await recorded.down()
    await recorded.up()
    await recorded.read_upto(1)

    assert await recorded.rows(ENERGY) == [(8, 1.0, 1.0), (9, 0.5, 1.5)]


async def test_a_correction_changes_its_own_hour_and_every_later_sum(recorded: Recorded) -> None:
    recorded.journal.book([(7, 100, 30), (8, 1_000, 268), (9, 500, 134)])
    await recorded.up()
    await recorded.read_upto(1)

    recorded.journal.book([(8, 1_000, -100)])
    await recorded.post(200_000_000)
    await recorded.read_upto(2)

    assert await recorded.rows(COST) == [(7, 0.3, 0.3), (8, -1.0, -0.7), (9, 1.34, 0.64)]
    assert (await recorded.rows(ENERGY))[-1] == (9, 0.5, 1.6)


async def test_an_hour_goes_on_while_it_runs(recorded: Recorded) -> None:
    await recorded.up()
    for quarter in range(1, 4):
        recorded.journal.book([(10, quarter * 100, quarter * 10)])
        await recorded.post(187_000_000 - quarter)
        await recorded.read_upto(quarter)
    assert await recorded.rows(ENERGY) == [(10, 0.3, 0.3)]


async def test_only_what_was_posted_is_asked_for(recorded: Recorded) -> None:
    await recorded.up()
    await recorded.eventually(lambda: recorded.bridge.history_requests)
    for power in (1_000, 2_000):
        await recorded.bridge.update(account_view(available=power))
    await recorded.eventually(lambda: recorded.hass.states.is_state("sensor.flat_1_balance", "0.00"))
    assert len(recorded.bridge.history_requests) == 1


async def test_each_account_costs_in_its_own_currency(recorded: Recorded) -> None:
    yen = account_view("flat-2", currency="JPY", amount_digits=4)
    recorded.bridge.accounts["flat-2"] = yen
    recorded.journal.book([(8, 1_000, 268)])
    recorded.journal.book([(8, 1_000, 26)], "flat-2")  # 260000 of 10 ** -4 JPY
    recorded.journal.page_size = 1
    await recorded.up()
    await recorded.read_upto(2)

    assert await recorded.rows(COST) == [(8, 2.68, 2.68)]
    assert await recorded.rows(SECOND_COST) == [(8, 26.0, 26.0)]
    ids = await recorded.recorder.async_add_executor_job(list_statistic_ids, recorded.hass)
    described = {
        each["statistic_id"]: (each["name"], each["statistics_unit_of_measurement"], each["unit_class"])
        for each in ids
        if each["source"] == "prepaid_meter"
    }
    assert described == {
        ENERGY: ("Flat 1 energy used", "kWh", "energy"),
        COST: ("Flat 1 cost", "ZAR", None),
        SECOND_COST.replace("cost", "energy"): ("Flat 2 energy used", "kWh", "energy"),
        SECOND_COST: ("Flat 2 cost", "JPY", None),
    }
    assert [query.get("from_account") for query in recorded.bridge.history_requests] == [None, "flat-2"]


async def test_an_account_that_appears_brings_all_of_its_history(recorded: Recorded) -> None:
    recorded.journal.book([(6, 100, 50)], "flat-2")  # before this token might see it
    recorded.journal.book([(8, 1_000, 268)])
    await recorded.up()
    await recorded.read_upto(2)
    assert await recorded.rows(SECOND_COST) == []

    recorded.journal.book([(9, 200, 100)], "flat-2")
    await recorded.bridge.update(account_view("flat-2"))
    await recorded.read_upto(3)

    assert await recorded.rows(SECOND_COST) == [(6, 0.5, 0.5), (9, 1.0, 1.5)]


async def test_statistics_that_somebody_deleted_are_made_anew(recorded: Recorded) -> None:
    recorded.bridge.accounts["flat-2"] = account_view("flat-2")
    recorded.journal.book([(8, 1_000, 268)])
    recorded.journal.book([(8, 1_000, 268)], "flat-2")
    await recorded.up()
    await recorded.read_upto(2)
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


async def test_a_bridge_that_was_restored_from_a_backup_is_read_anew(recorded: Recorded) -> None:
    recorded.journal.book([(8, 1_000, 268)])
    recorded.journal.book([(9, 500, 134), (10, 500, 134)])
    await recorded.up()
    await recorded.read_upto(2)

    del recorded.journal.hours["flat-1"][9], recorded.journal.hours["flat-1"][10]
    recorded.journal.seq, recorded.bridge.seq = 1, 2
    await recorded.bridge.drop()
    await recorded.post(1)
    await recorded.read_upto(1)
    assert (await recorded.rows(ENERGY))[0] == (8, 1.0, 1.0)
    assert {change for _, change, _ in (await recorded.rows(ENERGY))[1:]} == {0.0}

    recorded.journal.book([(9, 300, 80)])
    await recorded.post(2)
    await recorded.read_upto(2)
    assert await recorded.rows(ENERGY) == [(8, 1.0, 1.0), (9, 0.3, 1.3), (10, 0.0, 1.3)]


async def test_a_journal_that_is_shorter_than_remembered_is_read_from_its_beginning(
    recorded: Recorded,
) -> None:
    recorded.journal.book([(8, 1_000, 268)])
    await recorded.up()
    await recorded.read_upto(1)
    recorded.entry.runtime_data.store.async_set_history(900)
    await recorded.post(1)
    await recorded.read_upto(1)
    assert [query["after"] for query in recorded.bridge.history_requests] == ["0", "900", "0"]


async def test_an_account_that_used_nothing_can_be_chosen_in_the_energy_dashboard(recorded: Recorded) -> None:
    await recorded.up()
    await recorded.eventually(lambda: recorded.bridge.history_requests)
    await async_wait_recording_done(recorded.hass)
    ids = await recorded.recorder.async_add_executor_job(list_statistic_ids, recorded.hass)
    assert {ENERGY, COST} <= {each["statistic_id"] for each in ids}


async def test_the_energy_dashboard_accepts_energy_and_cost(recorded: Recorded) -> None:
    recorded.journal.book([(8, 1_000, 268)])
    assert await async_setup_component(recorded.hass, "energy", {})
    await recorded.up()
    await recorded.read_upto(1)
    await async_wait_recording_done(recorded.hass)
    manager = await async_get_manager(recorded.hass)
    grid: Any = {"type": "grid", "stat_energy_from": ENERGY, "stat_cost": COST, "cost_adjustment_day": 0}
    await manager.async_update({"energy_sources": [grid], "device_consumption": []})

    issues = (await async_validate(recorded.hass)).as_dict()

    assert issues["energy_sources"] == [[]]


async def test_a_bridge_that_tells_no_history_is_left_in_peace(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    recorded.bridge.history = None
    await recorded.up()
    await recorded.eventually(lambda: "provide its history" in caplog.text)
    await recorded.down()
    ours = [each for each in caplog.records if each.name.startswith("custom_components")]
    assert [each.getMessage() for each in ours if "history" in each.message] == [
        "Long Street is too old to provide its history"
    ]
    assert {each.levelno for each in ours} == {logging.DEBUG}


async def test_a_history_that_cannot_be_read_is_said_once_and_read_later(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    recorded.journal.book([(8, 1_000, 268)])
    await recorded.up()
    await recorded.read_upto(1)
    recorded.bridge.refuse_with = (500, {"code": "internal", "message": "Something broke."})
    for balance in (1, 2):
        asked = len(recorded.bridge.history_requests)
        await recorded.post(balance)
        await recorded.eventually(lambda: len(recorded.bridge.history_refusals) == balance)  # noqa: B023 - awaited here
        assert len(recorded.bridge.history_requests) == asked
    recorded.bridge.refuse_with = None
    recorded.journal.book([(9, 500, 100)])
    await recorded.post(3)
    await recorded.read_upto(2)
    said = [each for each in caplog.records if "cannot be read" in each.message]
    assert [each.getMessage() for each in said] == [
        "The history of Long Street cannot be read: Something broke."
    ]


async def test_what_a_broken_connection_kept_back_is_read_regularly_and_no_second_line_is_logged(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history, "INTERVAL_SECONDS", 0.01)
    recorded.journal.book([(8, 1_000, 268)])
    await recorded.up()
    await recorded.read_upto(1)
    broken = AsyncMock(side_effect=CannotConnectError("broken"))
    with patch.object(recorded.entry.runtime_data.connection, "history", broken):
        await recorded.eventually(lambda: broken.await_count > 2)

    # Units that were sold before change no balance when they are used.
    recorded.journal.book([(9, 1_000, 0)])
    await recorded.read_upto(2)

    assert await recorded.rows(COST) == [(8, 2.68, 2.68), (9, 0.0, 2.68)]
    assert "cannot be read" not in caplog.text


async def test_nothing_is_asked_while_the_bridge_is_away(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "INTERVAL_SECONDS", 0.01)
    recorded.journal.book([(8, 1_000, 268)])
    await recorded.up()
    await recorded.read_upto(1)
    await recorded.bridge.stop()
    await recorded.eventually(lambda: not recorded.entry.runtime_data.available)
    unasked = AsyncMock(side_effect=AssertionError)
    with patch.object(recorded.entry.runtime_data.connection, "history", unasked):
        await asyncio.sleep(0.05)
    unasked.assert_not_awaited()


async def test_there_is_no_history_without_a_recorder(bridge: FakeBridge, loaded: MockConfigEntry) -> None:
    Journal(bridge)
    assert not bridge.history_requests


def test_accounts_whose_names_make_the_same_slug_have_statistics_of_their_own() -> None:
    names = ["flat-1", "flat_1", "Flat 1", "flat--1", "квартира", "-1"]
    ids = {energy_series("0192", replace(account_view(), id=name), "").statistic_id for name in names}
    assert len(ids) == len(names)
    assert "prepaid_meter:0192_flat_1_energy" in ids
