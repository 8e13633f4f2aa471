"""Imports the bridge's hourly history into long-term statistics, including hours without Home Assistant.

For a given journal entry the bridge returns, per account, all hours from the first one that has changed
since. Those hours are rewritten, and the new position is stored once they are on disk: nothing is missed, and
nothing counts twice.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Final, NoReturn

from homeassistant.components.recorder.statistics import (
    StatisticsRow,
    async_add_external_statistics,
    get_last_statistics,
    get_metadata,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.recorder import get_instance
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .client import CannotConnectError, NotSupportedError, PrepaidMeterError
from .client.protocol import AccountHistory, AccountView, HistoryPage
from .const import DOMAIN, LOGGER
from .coordinator import PrepaidMeterConfigEntry
from .statistics_series import (
    HourlyValues,
    StatisticsSeries,
    cost_by_hour,
    cost_series,
    energy_by_hour,
    energy_series,
)

INTERVAL_SECONDS: Final = 15 * 60
"""The bridge posts every quarter of an hour, and using units that were bought before changes no balance."""
PAUSE_SECONDS = 10.0
"""Between two imports, so that a thousand accounts that post in the same minute cause only one."""


@callback
def async_start_history_import(hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> None:
    """Keep the statistics of an entry's accounts up to date until it is unloaded, if there is a recorder."""
    if "recorder" in hass.config.components:
        importer = HistoryImporter(hass, entry)
        entry.async_create_background_task(hass, importer.run(), f"{DOMAIN} history {entry.title}")


class HistoryImporter:
    """Imports the history of one bridge into the recorder."""

    def __init__(self, hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> None:
        """Subscribe to changes of accounts."""
        self._hass = hass
        self._title = entry.title
        self._coordinator = entry.runtime_data
        self._store = entry.runtime_data.store
        self._recorder = get_instance(hass)
        self._registered: set[str] = set()
        """Accounts that have their statistics."""
        self._balances: dict[str, int] = {}
        self._translations: dict[str, str] = {}
        """Names of the statistics; empty until the existing statistics have been read from the recorder."""
        self._failed = False
        self._wake = asyncio.Event()
        entry.async_on_unload(self._coordinator.async_on_accounts(self._accounts_changed))

    async def run(self) -> NoReturn:
        """Import now, after every posting, and at regular intervals, until cancelled."""
        while True:
            if self._coordinator.available:
                accounts = self._coordinator.accounts.values()  # what they show now is in this import
                self._balances |= {account.id: account.balance for account in accounts}
                await self._import()
            await asyncio.sleep(PAUSE_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL_SECONDS):
                    await self._wake.wait()
            self._wake.clear()

    @callback
    def _accounts_changed(self, changed: Collection[AccountView], _removed: Collection[str]) -> None:
        balances = {account.id: account.balance for account in changed}
        if any(self._balances.get(account_id) != balance for account_id, balance in balances.items()):
            self._wake.set()
        self._balances |= balances

    async def _import(self) -> None:
        """Import what is new; a failure is logged once and retried the next time."""
        try:
            await self._import_new()
            self._failed = False
        except CannotConnectError:
            return  # the coordinator logs it
        except NotSupportedError:
            LOGGER.debug("%s is too old to provide its history", self._title)
        except PrepaidMeterError as error:
            if not self._failed:
                LOGGER.warning("The history of %s cannot be read: %s", self._title, error)
            self._failed = True

    async def _import_new(self) -> None:
        if not self._translations:
            await self._load_registered()
        after = self._store.history
        if after:
            await self._import_new_accounts()
        page = await self._import_pages(after)
        if page.seq < after:  # the bridge was restored from a backup
            page = await self._import_pages(0)
        await self._recorder.async_block_till_done()
        self._store.async_set_history(page.seq)

    async def _load_registered(self) -> None:
        """Read which accounts already have statistics; if none has, import everything again."""
        self._translations = await async_get_translations(
            self._hass, self._hass.config.language, "common", {DOMAIN}
        )
        statistic_ids = await self._recorder.async_add_executor_job(_statistic_ids, self._hass)
        self._registered = {
            account.id
            for account in self._coordinator.accounts.values()
            if all(series.statistic_id in statistic_ids for series in self._series(account))
        }
        if not self._registered:
            self._store.async_set_history(0)

    async def _import_new_accounts(self) -> None:
        for account in list(self._coordinator.accounts.values()):
            if account.id not in self._registered:
                await self._import_page(await self._coordinator.connection.history(0, account_id=account.id))
                self._register((account,))

    async def _import_pages(self, after: int) -> HistoryPage:
        """Import everything since a journal entry; return the last page."""
        read_page = self._coordinator.connection.history
        page = await read_page(after)
        await self._import_page(page)
        while page.next_account is not None:
            page = await read_page(after, up_to=page.seq, from_account=page.next_account)
            await self._import_page(page)
        self._register(self._coordinator.accounts.values())
        return page

    @callback
    def _register(self, accounts: Iterable[AccountView]) -> None:
        """Make accounts without any consumption selectable in the Energy dashboard as well."""
        for account in accounts:
            if account.id not in self._registered:
                self._registered.add(account.id)
                for series in self._series(account):
                    async_add_external_statistics(self._hass, series.metadata, [])

    async def _import_page(self, page: HistoryPage) -> None:
        """Write the hours of a page; accounts whose changes start at the same hour are written together."""
        by_first_hour: defaultdict[datetime, list[AccountHistory]] = defaultdict(list)
        for history in page.accounts:
            if history.hours and history.account_id in self._coordinator.accounts:
                by_first_hour[datetime.fromisoformat(history.hours[0].start)].append(history)
        for first_hour, histories in by_first_hour.items():
            values = [pair for history in histories for pair in self._series_values(history)]
            await self._write(first_hour, values)

    def _series_values(self, history: AccountHistory) -> Iterable[tuple[StatisticsSeries, HourlyValues]]:
        energy, cost = self._series(self._coordinator.accounts[history.account_id])
        return (energy, energy_by_hour(history.hours)), (cost, cost_by_hour(history.hours))

    async def _write(self, first_hour: datetime, values: list[tuple[StatisticsSeries, HourlyValues]]) -> None:
        await self._recorder.async_block_till_done()  # earlier rows must be visible
        existing = await self._recorder.async_add_executor_job(
            _rows_since, self._hass, first_hour, [series for series, _ in values]
        )
        for series, hours in values:
            previous_sum, starts = existing[series.statistic_id]
            # An hour that is no longer reported, as after a restore from a backup, adds nothing.
            rows = series.rows({**dict.fromkeys(starts, 0), **hours}, previous_sum)
            async_add_external_statistics(self._hass, series.metadata, rows)

    def _series(self, account: AccountView) -> tuple[StatisticsSeries, StatisticsSeries]:
        installation_id = self._coordinator.installation_id
        return (
            energy_series(installation_id, account, self._name("energy_statistic", account)),
            cost_series(installation_id, account, self._name("cost_statistic", account)),
        )

    def _name(self, key: str, account: AccountView) -> str:
        return self._translations[f"component.{DOMAIN}.common.{key}"].format(account=account.name)


def _statistic_ids(hass: HomeAssistant) -> set[str]:
    """Return the ids of the integration's statistics; runs in a thread of the recorder."""
    return set(get_metadata(hass, statistic_source=DOMAIN))


def _rows_since(
    hass: HomeAssistant, first_hour: datetime, all_series: Iterable[StatisticsSeries]
) -> dict[str, tuple[int, list[datetime]]]:
    """Return the sum before an hour and the later hours of each series; runs in a thread of the recorder."""
    by_id = {series.statistic_id: series for series in all_series}
    rows = statistics_during_period(hass, first_hour, None, set(by_id), "hour", None, {"sum", "change"})
    return {
        statistic_id: _sum_and_starts(series, rows.get(statistic_id) or [], hass)
        for statistic_id, series in by_id.items()
    }


def _sum_and_starts(
    series: StatisticsSeries, rows: list[StatisticsRow], hass: HomeAssistant
) -> tuple[int, list[datetime]]:
    if rows:
        previous_sum = (rows[0]["sum"] or 0) - (rows[0]["change"] or 0)
    else:
        last = get_last_statistics(hass, 1, series.statistic_id, convert_units=False, types={"sum"}).get(
            series.statistic_id
        )
        previous_sum = (last[0]["sum"] or 0) if last else 0
    return series.to_integer(previous_sum), [dt_util.utc_from_timestamp(row["start"]) for row in rows]
