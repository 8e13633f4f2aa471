"""Persists how far a bridge's events and history have been processed, so that a restart resumes there.

The forecasts are stored as well: the first ones after a restart are compared with the last ones before.
"""

from typing import Final, NotRequired, TypedDict

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .const import DOMAIN

VERSION: Final = 1
SAVE_DELAY_SECONDS: Final = 1.0


class _StoredData(TypedDict):
    last_event: int | None
    history: int
    forecasts: NotRequired[dict[str, int]]


class PrepaidMeterStore:
    """The persistent positions of one config entry."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Create the store without reading it."""
        self._store: Store[_StoredData] = Store(hass, VERSION, f"{DOMAIN}.{entry_id}")
        self._closed = False
        self.last_event: int | None = None
        """Sequence number of the newest event that was processed."""
        self.history = 0
        """Journal entry up to which the history has been imported into the statistics."""
        self.forecasts: dict[str, int] = {}
        """Seconds that the credit of each account was last forecast to last; saved with the positions."""

    async def async_load(self) -> None:
        """Read the positions from disk, if there are any."""
        if data := await self._store.async_load():
            self.last_event, self.history = data["last_event"], data["history"]
            self.forecasts = data.get("forecasts", {})

    @callback
    def async_set_last_event(self, seq: int | None) -> None:
        """Store the sequence number of the newest event."""
        if seq != self.last_event and not self._closed:
            self.last_event = seq
            self._schedule_save()

    @callback
    def async_set_history(self, seq: int) -> None:
        """Store the journal entry up to which the history has been imported."""
        if seq != self.history and not self._closed:
            self.history = seq
            self._schedule_save()

    async def async_close(self) -> None:
        """Save at once and ignore later changes: events that arrive during unloading are delivered again."""
        self._closed = True
        await self.async_save()

    async def async_save(self, _: Event | None = None) -> None:
        """Save at once."""
        await self._store.async_save(self._data())

    async def async_remove(self) -> None:
        """Delete the file."""
        await self._store.async_remove()

    def _schedule_save(self) -> None:
        self._store.async_delay_save(self._data, SAVE_DELAY_SECONDS)

    def _data(self) -> _StoredData:
        return _StoredData(last_event=self.last_event, history=self.history, forecasts=self.forecasts)
