"""The cards in a real Chromium, on a page that gives them what Home Assistant's frontend would."""

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from playwright.async_api import Page, expect
import pytest
import pytest_asyncio

from scripts.lib.demo.browser import PHONE, Chromium

PAGE = Path(__file__).with_name("page.html")
SEEN_MS = 30_000
"""Longer than the five seconds in which a page has to show something by default: the machine may be busy."""
FILES = Path(__file__).parents[2] / "custom_components" / "prepaid_meter" / "frontend"

expect.set_options(timeout=SEEN_MS)
module_fixture = pytest_asyncio.fixture(scope="module", loop_scope="module")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Run the tests on the loop of the browser that they share."""
    if item.path.is_relative_to(PAGE.parent):
        item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@module_fixture
async def address() -> AsyncIterator[str]:
    """Serve the page and the files of the cards."""

    async def page(request: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE)

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_static("/files", FILES)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@module_fixture
async def browser() -> AsyncIterator[Chromium]:
    """Run a browser."""
    chromium = Chromium()
    await chromium.start()
    yield chromium
    await chromium.stop()


@module_fixture
async def opened(browser: Chromium, address: str) -> Page:
    """Open the page at the size of a phone."""
    page = await browser.page(PHONE)
    page.set_default_timeout(SEEN_MS)
    await page.goto(address)
    await page.wait_for_function("window.ready")
    return page


@pytest_asyncio.fixture(loop_scope="module")
async def page(opened: Page) -> AsyncIterator[Page]:
    """Return the page, on which every test shows a card of its own; a mistake in a script fails the test."""
    mistakes: list[str] = []

    def note(error: object) -> None:
        mistakes.append(str(error))

    opened.on("pageerror", note)
    yield opened
    opened.remove_listener("pageerror", note)
    assert mistakes == []
