"""Screenshots of the demo's Home Assistant: ``python -m scripts.lib.demo.pictures FOLDER``."""

import asyncio
from pathlib import Path
import sys
import tempfile
from typing import Final, Literal

from playwright.async_api import Page, ViewportSize

from scripts.lib.demo.browser import DESKTOP, PHONE, Chromium, picture
from scripts.lib.demo.homeassistant import DOMAIN, ask
from scripts.lib.demo.stage import Ports, Stage, set_up

LOADED_MS: Final = 4_000
"""Home Assistant does not report when its graphs are drawn."""
SIZES: Final[tuple[tuple[str, ViewportSize], ...]] = (("desktop", DESKTOP), ("phone", PHONE))
CARDS: Final[tuple[tuple[str, ViewportSize, Literal["light", "dark"], str | None], ...]] = (
    ("card-desktop", DESKTOP, "light", None),
    ("card-phone-dark", PHONE, "dark", None),
    ("card-top-up-phone-dark", PHONE, "dark", "Top up"),
)
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


async def take(folder: Path) -> None:
    """Start the demo, use a little electricity and take every screenshot."""
    with tempfile.TemporaryDirectory(prefix="prepaid-pictures-") as name:
        async with set_up(Path(name), Ports(0, 0, 0, 0), print) as stage:
            await _prepare(stage)
            browser = Chromium()
            await browser.start()
            try:
                await _all(stage, browser, folder)
                await _cards(stage, browser, folder)
            finally:
                await browser.stop()


async def _prepare(stage: Stage) -> None:
    await stage.api.top_up("house", "180.00")
    stage.street.dials["fern-cottage"].watts = 1_450.0
    await asyncio.sleep(20)  # something for the graphs to show


async def _all(stage: Stage, browser: Chromium, folder: Path) -> None:
    devices = await ask(stage.home, {"type": "config/device_registry/list"})
    ids = {str(device["name"]): str(device["id"]) for device in devices}
    pages = {
        "device": f"/config/devices/device/{ids['Fern Cottage']}",
        "flat": f"/config/devices/device/{ids['Flat 4']}",
        "integration": f"/config/integrations/integration/{DOMAIN}",
        "dashboard": "/prepaid-demo/home",
        "units": "/prepaid-units",
    }
    for size, viewport in SIZES:
        for scheme in SCHEMES:
            page = await browser.page(viewport, scheme, {"hassTokens": stage.home.browser_tokens()})
            for name, path in pages.items():
                await _one(
                    page, f"{stage.home.url}{path}", folder / f"home-assistant-{name}-{size}-{scheme}.png"
                )


async def _cards(stage: Stage, browser: Chromium, folder: Path) -> None:
    for name, viewport, scheme, button in CARDS:
        page = await browser.page(viewport, scheme, {"hassTokens": stage.home.browser_tokens()})
        await page.goto(f"{stage.home.url}/prepaid-units")
        await page.get_by_text("Flat 3").first.click()
        card = page.locator("dialog[open]").last
        await card.get_by_text("This period", exact=True).wait_for()
        await page.wait_for_timeout(LOADED_MS)
        if button is None:
            await card.screenshot(path=folder / f"{name}.png")
        else:
            await card.get_by_role("button", name=button).click()
            await page.wait_for_timeout(1_000)
            await picture(page, folder / f"{name}.png")
        await page.context.close()


async def _one(page: Page, url: str, path: Path) -> None:
    await page.goto(url)
    await page.locator("home-assistant-main").wait_for(state="attached")
    await page.wait_for_timeout(LOADED_MS)
    await picture(page, path)


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
