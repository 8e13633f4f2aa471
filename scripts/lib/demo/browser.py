"""A real Chromium, driven through playwright."""

import asyncio
from decimal import Decimal
from pathlib import Path
import re
import shutil
from typing import Final, Literal

from playwright.async_api import Browser, Page, Playwright, ViewportSize, async_playwright

from scripts.lib.demo.waiting import NotObservedError

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
DESKTOP: Final = ViewportSize(width=1280, height=800)
PHONE: Final = ViewportSize(width=390, height=844)
PAGE_MS: Final = 60_000


class Chromium:
    """A headless browser; every page has a context of its own."""

    def __init__(self) -> None:
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None

    async def start(self) -> None:
        """Start the machine's own Chromium."""
        program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
        if program is None:
            raise NotObservedError("there is no chromium on this machine; scripts/setup system installs it")
        self._playwright = await async_playwright().start()
        self._browser = await self._playwright.chromium.launch(executable_path=program, args=list(FLAGS))

    async def stop(self) -> None:
        """Close the browser."""
        if self._browser is not None:
            await self._browser.close()
        if self._playwright is not None:
            await self._playwright.stop()
        self._browser = self._playwright = None

    async def page(
        self,
        size: ViewportSize = DESKTOP,
        scheme: Literal["light", "dark"] = "light",
        storage: dict[str, str] | None = None,
    ) -> Page:
        """Open an empty page; ``storage`` is put into the local storage of every site that it visits."""
        if self._browser is None:
            raise NotObservedError("the browser does not run")
        context = await self._browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        for name, value in (storage or {}).items():
            await context.add_init_script(f"localStorage.setItem({name!r}, {value!r})")
        page = await context.new_page()
        page.set_default_timeout(PAGE_MS)
        return page


async def picture(page: Page, path: Path) -> None:
    """Save a screenshot of a page."""
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    await page.screenshot(path=path)


BALANCE: Final = re.compile(r"Balance\s+[A-Z]{3}\s([\u2212-]?[\d,.]+)")


class UnitPage:
    """One unit in the dashboard."""

    def __init__(self, page: Page, dashboard_url: str, account_id: str) -> None:
        self.page = page
        self._url = f"{dashboard_url}/unit?unit={account_id}"

    async def text(self) -> str:
        """Load the page and return its text once the figures are there."""
        await self.page.goto(self._url)
        await self.page.get_by_text("Power now").first.wait_for()
        return await self.page.locator("body").inner_text()

    async def balance(self) -> Decimal | None:
        """Return the balance that the page shows."""
        match = BALANCE.search(await self.text())
        return Decimal(match[1].replace(",", "").replace("\u2212", "-")) if match else None
