"""Keep long-term statistics in step with the bridge's journal, also over times without Home Assistant.

The bridge tells, since a journal entry, from which hour on an account's hours have changed. Those hours
are written anew, and the entry is remembered once they are on disk: nothing is missed, nothing counts
twice.
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
from .series import Hours, Series, cost_of, cost_series, energy_of, energy_series

REGULARLY_SECONDS: Final = 15 * 60
"""The bridge posts every quarter of an hour; units that were sold before change no balance when used."""
PAUSE_SECONDS = 10.0
"""Between two looks, so that a thousand accounts that post in the same minute are one look."""


@callback
def async_follow_history(hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> None:
    """Keep the statistics of an entry's accounts until it is unloaded; wants a recorder."""
    if "recorder" in hass.config.components:
        keeper = HistoryKeeper(hass, entry)
        entry.async_create_background_task(hass, keeper.run(), f"{DOMAIN} history {entry.title}")


class HistoryKeeper:
    """Reads the history of one bridge into the recorder."""

    def __init__(self, hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> None:
        """Follow what changes balances."""
        self._hass = hass
        self._title = entry.title
        self._coordinator = entry.runtime_data
        self._memory = entry.runtime_data.memory
        self._recorder = get_instance(hass)
        self._known: set[str] = set()
        """Accounts that have their statistics."""
        self._balances: dict[str, int] = {}
        self._names: dict[str, str] = {}
        """Names of the statistics; none until the recorder was asked what it has."""
        self._failed = False
        self._wake = asyncio.Event()
        entry.async_on_unload(self._coordinator.async_on_accounts(self._accounts_changed))

    async def run(self) -> NoReturn:
        """Look now, whenever something was posted, and regularly; until cancelled."""
        while True:
            if self._coordinator.available:
                await self._look()
            await asyncio.sleep(PAUSE_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(REGULARLY_SECONDS):
                    await self._wake.wait()
            self._wake.clear()

    @callback
    def _accounts_changed(self, changed: Collection[AccountView], _removed: Collection[str]) -> None:
        """Look again where the posted balance of an account is another one."""
        balances = {account.id: account.balance for account in changed}
        if any(self._balances.get(account_id) != balance for account_id, balance in balances.items()):
            self._wake.set()
        self._balances |= balances

    async def _look(self) -> None:
        """Read what is new; what fails is said once, and is read the next time."""
        try:
            await self._read()
            self._failed = False
        except CannotConnectError:
            return  # the coordinator says so
        except NotSupportedError:
            LOGGER.debug("%s is too old to tell its history", self._title)
        except PrepaidMeterError as error:
            if not self._failed:
                LOGGER.warning("The history of %s cannot be read: %s", self._title, error)
            self._failed = True

    async def _read(self) -> None:
        if not self._names:
            await self._recall()
        after = self._memory.history
        if after:
            await self._read_new_accounts()
        page = await self._read_pages(after)
        if page.seq < after:  # the bridge was restored from a backup
            page = await self._read_pages(0)
        await self._recorder.async_block_till_done()
        self._memory.async_keep_history(page.seq)

    async def _recall(self) -> None:
        """Find out which accounts have their statistics; without any, everything is read anew."""
        self._names = await async_get_translations(self._hass, self._hass.config.language, "common", {DOMAIN})
        found = await self._recorder.async_add_executor_job(_statistic_ids, self._hass)
        self._known = {
            account.id
            for account in self._coordinator.accounts.values()
            if all(series.statistic_id in found for series in self._series(account))
        }
        if not self._known:
            self._memory.async_keep_history(0)

    async def _read_new_accounts(self) -> None:
        """Read the whole history of accounts that appeared, or whose statistics somebody deleted."""
        for account in list(self._coordinator.accounts.values()):
            if account.id not in self._known:
                await self._take(await self._coordinator.connection.history(0, account_id=account.id))
                self._register((account,))

    async def _read_pages(self, after: int) -> HistoryPage:
        """Read everything since an entry; return the last page."""
        ask = self._coordinator.connection.history
        page = await ask(after)
        await self._take(page)
        while page.next_account is not None:
            page = await ask(after, upto=page.seq, from_account=page.next_account)
            await self._take(page)
        self._register(self._coordinator.accounts.values())
        return page

    @callback
    def _register(self, accounts: Iterable[AccountView]) -> None:
        """Let accounts that have used nothing yet be chosen in the Energy dashboard as well."""
        for account in accounts:
            if account.id not in self._known:
                self._known.add(account.id)
                for series in self._series(account):
                    async_add_external_statistics(self._hass, series.metadata, [])

    async def _take(self, page: HistoryPage) -> None:
        """Write the hours of a page, the accounts that changed from the same hour on together."""
        by_first: defaultdict[datetime, list[AccountHistory]] = defaultdict(list)
        for history in page.accounts:
            if history.hours and history.account_id in self._coordinator.accounts:
                by_first[datetime.fromisoformat(history.hours[0].start)].append(history)
        for first, histories in by_first.items():
            told = [each for history in histories for each in self._told(history)]
            await self._write(first, told)

    def _told(self, history: AccountHistory) -> Iterable[tuple[Series, Hours]]:
        energy, cost = self._series(self._coordinator.accounts[history.account_id])
        return (energy, energy_of(history.hours)), (cost, cost_of(history.hours))

    async def _write(self, first: datetime, told: list[tuple[Series, Hours]]) -> None:
        """Write series whose hours are told from the same one on."""
        await self._recorder.async_block_till_done()  # what was written before must be seen
        written = await self._recorder.async_add_executor_job(
            _rows_since, self._hass, first, [series for series, _ in told]
        )
        for series, hours in told:
            before, starts = written[series.statistic_id]
            # An hour that is told no more, as after a backup was restored, adds nothing.
            rows = series.rows({**dict.fromkeys(starts, 0), **hours}, before)
            async_add_external_statistics(self._hass, series.metadata, rows)

    def _series(self, account: AccountView) -> tuple[Series, Series]:
        installation_id = self._coordinator.installation_id
        return (
            energy_series(installation_id, account, self._name("energy_statistic", account)),
            cost_series(installation_id, account, self._name("cost_statistic", account)),
        )

    def _name(self, key: str, account: AccountView) -> str:
        return self._names[f"component.{DOMAIN}.common.{key}"].format(account=account.name)


def _statistic_ids(hass: HomeAssistant) -> set[str]:
    """Return the statistics of the integration; runs in the recorder's threads."""
    return set(get_metadata(hass, statistic_source=DOMAIN))


def _rows_since(
    hass: HomeAssistant, first: datetime, series: Iterable[Series]
) -> dict[str, tuple[int, list[datetime]]]:
    """Return of each series the sum before an hour, and the later hours; runs in the recorder's threads."""
    by_id = {each.statistic_id: each for each in series}
    found = statistics_during_period(hass, first, None, set(by_id), "hour", None, {"sum", "change"})
    return {
        statistic_id: _sum_and_starts(each, found.get(statistic_id) or [], hass)
        for statistic_id, each in by_id.items()
    }


def _sum_and_starts(
    series: Series, rows: list[StatisticsRow], hass: HomeAssistant
) -> tuple[int, list[datetime]]:
    if rows:
        before = (rows[0]["sum"] or 0) - (rows[0]["change"] or 0)
    else:
        last = get_last_statistics(hass, 1, series.statistic_id, convert_units=False, types={"sum"}).get(
            series.statistic_id
        )
        before = (last[0]["sum"] or 0) if last else 0
    return series.whole(before), [dt_util.utc_from_timestamp(row["start"]) for row in rows]
