"""Serves the cards and the dashboard strategy, and adds them to every page of the frontend."""

import hashlib
from pathlib import Path
from typing import Final

from homeassistant.components import frontend
from homeassistant.components.http.server import StaticPathConfig
from homeassistant.core import HomeAssistant

from .const import DOMAIN

FOLDER: Final = Path(__file__).parent / "frontend"
ENTRY: Final = "prepaid-meter.js"


async def async_setup_cards(hass: HomeAssistant) -> None:
    """Serve the files under a URL that changes with their content, so that browsers never use stale ones.

    Does nothing without a frontend.
    """
    if "frontend" not in hass.config.components:
        return
    fingerprint = await hass.async_add_executor_job(_fingerprint, FOLDER)
    url = f"/{DOMAIN}/{fingerprint}"
    await hass.http.async_register_static_paths([StaticPathConfig(url, str(FOLDER), cache_headers=True)])
    frontend.add_extra_js_url(hass, f"{url}/{ENTRY}")


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(folder)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
