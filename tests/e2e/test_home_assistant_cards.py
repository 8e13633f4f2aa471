"""Cards and dashboard in a real Home Assistant and a real browser, on a desktop and on a phone."""

import asyncio

from playwright.async_api import Route, ViewportSize, expect
import pytest

from scripts.lib.demo.browser import DESKTOP, PHONE, Chromium
from scripts.lib.demo.homeassistant import HomeAssistant

SLOW_MS = 40_000
LANDLORDS = "/prepaid-units"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_the_dashboard_shows_the_units_and_a_card_offers_a_top_up(
    home: HomeAssistant, chromium: Chromium, size: ViewportSize
) -> None:
    page = await chromium.page(size, storage={"hassTokens": home.browser_tokens()})
    mistakes: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    await page.goto(f"{home.url}{LANDLORDS}")
    await expect(page.get_by_role("region", name="Needs attention")).to_be_visible(timeout=SLOW_MS)
    card = page.get_by_role("region", name="Calm")
    for words in ("Balance", "Lasts about", "Current price", "Top up"):
        await expect(card.get_by_text(words, exact=True).first).to_be_visible(timeout=SLOW_MS)
    await card.get_by_role("button", name="Top up").click()
    await expect(page.get_by_role("dialog").get_by_label("Amount in ZAR")).to_be_visible()
    beyond = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert beyond <= 0
    assert [each for each in mistakes if "prepaid" in each] == []


async def _late(route: Route) -> None:
    await asyncio.sleep(0.5)
    await route.continue_()


async def test_the_card_picker_offers_the_cards(home: HomeAssistant, chromium: Chromium) -> None:
    page = await chromium.page(storage={"hassTokens": home.browser_tokens()})
    await page.route("**/locales/*.json", _late)
    await page.goto(f"{home.url}{LANDLORDS}")
    await page.wait_for_function("window.customCards?.length >= 2", timeout=SLOW_MS)
    cards = await page.evaluate("window.customCards.map((card) => [card.type, card.name])")
    assert ["prepaid-meter-card", "Prepaid account"] in cards
    assert ["prepaid-meter-units-card", "Prepaid units"] in cards
    dashboards = await page.evaluate("window.customStrategies.map((each) => each.type)")
    assert "prepaid-meter" in dashboards
