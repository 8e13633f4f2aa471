"""What of a bridge is remembered over a restart: up to where its events and its history were taken."""

from typing import Final, TypedDict

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .const import DOMAIN

VERSION: Final = 1
SAVE_SECONDS: Final = 1.0


class _Remembered(TypedDict):
    """What stands in the file."""

    last_event: int | None
    history: int


class Memory:
    """The memory of one config entry."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the file; nothing is read yet."""
        self._store: Store[_Remembered] = Store(hass, VERSION, f"{DOMAIN}.{entry_id}")
        self._closed = False
        self.last_event: int | None = None
        """Newest event that was passed on."""
        self.history = 0
        """Journal entry up to which the history is in the statistics."""

    async def async_load(self) -> None:
        """Read what is remembered, if anything is."""
        if remembered := await self._store.async_load():
            self.last_event, self.history = remembered["last_event"], remembered["history"]

    @callback
    def async_keep_event(self, seq: int | None) -> None:
        """Remember the newest event."""
        if seq != self.last_event and not self._closed:
            self.last_event = seq
            self._save_soon()

    @callback
    def async_keep_history(self, seq: int) -> None:
        """Remember up to where the history is known."""
        if seq != self.history and not self._closed:
            self.history = seq
            self._save_soon()

    async def async_close(self) -> None:
        """Write at once, and take nothing more: what comes while the entry is unloaded comes again."""
        self._closed = True
        await self._store.async_save(self._remembered())

    async def async_forget(self) -> None:
        """Remove the file."""
        await self._store.async_remove()

    def _save_soon(self) -> None:
        self._store.async_delay_save(self._remembered, SAVE_SECONDS)

    def _remembered(self) -> _Remembered:
        return _Remembered(last_event=self.last_event, history=self.history)
