"""A person clicks through every page in a real browser, on a desktop and on a phone, while a bridge runs."""

from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Frame, Page, ViewportSize, expect
import pytest
import pytest_asyncio

from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.browser import DESKTOP, PHONE, Chromium
from scripts.lib.demo.landlord import Dashboard
from scripts.lib.demo.process import free_port
from tests.e2e.ingress import BASE, Ingress

PAGES = {
    "Units": "Units",
    "Unit": "Unit",
    "Tariffs": "Tariffs",
    "Top-ups": "Top-ups",
    "Debt": "Debt and arrears",
    "Energy": "Energy balance",
    "Alerts": "Alerts and relays",
    "Reports": "Reports",
    "System": "System",
    "Today": "Test house",
}
"""What the menu calls each page, and its heading."""
CALM = "calm"
FOCUSED = """() => {
    const each = document.activeElement, style = getComputedStyle(each);
    if (each === document.body) return ["", true];
    const icon = each.querySelector("[data-testid=stIconMaterial]")?.textContent ?? "";
    const text = (each.ariaLabel || each.textContent).trim().replace(icon, "");
    const ring = style.outlineStyle !== "none" || style.boxShadow !== "none";
    return [`${each.tagName} ${text}`, ring || !/^(A|BUTTON)$/.test(each.tagName)];
}"""
"""What has the keyboard, by name, and whether a ring shows it; fields show it by their frame."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def signed(
    tmp_path_factory: pytest.TempPathFactory, bridge: BridgeProcess, api: BridgeApi
) -> AsyncIterator[Dashboard]:
    """Run a dashboard with sign-in, over a bridge whose meters have all reported."""
    del api
    folder: Path = tmp_path_factory.mktemp("signed")
    process = Dashboard(bridge.data, free_port(), folder / "dashboard.log", options=())
    await process.start()
    yield process
    await process.stop()


async def sign_in(page: Page | Frame, token: str) -> None:
    """Fill in and submit the form."""
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Sign in").click()


async def open_menu(page: Page | Frame) -> None:
    """Open the menu if it is collapsed, as on a phone."""
    opener = page.get_by_test_id("stExpandSidebarButton")
    if await opener.count() and await opener.is_visible():
        await opener.click()


async def go_to(page: Page | Frame, name: str) -> None:
    await open_menu(page)
    await page.get_by_role("link", name=name, exact=True).first.click()
    await expect(page.get_by_role("heading", level=1, name=PAGES[name])).to_be_visible(timeout=30_000)


async def is_well(page: Page | Frame, width: int) -> None:
    """Assert that nothing failed, that nothing overflows the width, and that charts are described."""
    await expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=30_000)
    await expect(page.get_by_test_id("stException")).to_have_count(0)
    inside = await page.get_by_test_id("stMain").evaluate("each => each.scrollWidth")
    assert inside <= width
    for chart in await page.get_by_test_id("stPlotlyChart").all():
        assert await chart.evaluate(
            "each => !!each.closest('[aria-label]') || !!each.querySelector('[aria-label]')"
        )


@pytest.mark.parametrize("size, scheme", [(DESKTOP, "light"), (PHONE, "dark")], ids=["desk", "phone"])
async def test_every_page_opens_with_a_click(
    signed: Dashboard, bridge: BridgeProcess, chromium: Chromium, size: ViewportSize, scheme: str
) -> None:
    page = await chromium.page(size, "dark" if scheme == "dark" else "light")
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    await page.goto(signed.url)
    await sign_in(page, await bridge.token(f"clicks {scheme}", "landlord"))
    await expect(page.get_by_role("heading", level=1, name="Test house")).to_be_visible(timeout=60_000)
    await is_well(page, size["width"])
    for name in PAGES:
        await go_to(page, name)
        await is_well(page, size["width"])
    assert failed == []
    await page.context.close()


async def test_a_top_up_is_booked_by_clicks_and_listed_on_its_page(
    signed: Dashboard, bridge: BridgeProcess, api: BridgeApi, chromium: Chromium
) -> None:
    page = await chromium.page(DESKTOP)
    await page.goto(f"{signed.url}/unit?unit={CALM}")
    await sign_in(page, await bridge.token("till", "landlord"))
    await page.get_by_role("button", name="Top up").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Amount in ZAR").fill("12.50")
    await dialog.get_by_label("Receipt or reference").fill("e2e-1")
    await dialog.get_by_role("button", name="Continue").click()
    await expect(dialog.get_by_text("Book ZAR")).to_be_visible()
    await dialog.get_by_role("button", name="Book it").click()
    await expect(dialog.get_by_text("Booked as")).to_be_visible(timeout=20_000)
    await dialog.get_by_role("button", name="Close", exact=True).last.click()
    await go_to(page, "Top-ups")
    await expect(page.get_by_text("e2e-1").first).to_be_visible(timeout=30_000)
    booked = [each for each in await api.accounts() if each.id == CALM]
    assert booked[0].last_top_up is not None
    assert booked[0].last_top_up.reference == "e2e-1"
    await page.context.close()


async def test_a_tenant_sees_their_own_unit_and_no_other(
    signed: Dashboard, bridge: BridgeProcess, chromium: Chromium
) -> None:
    page = await chromium.page(PHONE)
    await page.goto(signed.url)
    await sign_in(page, await bridge.token("tenant", "tenant", CALM))
    await expect(page.get_by_text("You have", exact=True)).to_be_visible(timeout=60_000)
    await is_well(page, PHONE["width"])
    for address in ("unit?unit=tasmota", "unit?unit=no-such"):
        await page.goto(f"{signed.url}/{address}")
        await expect(page.get_by_text("No such unit")).to_be_visible(timeout=30_000)
    for address in ("units", "top-ups", "debt", "tariffs", "reports", "system"):
        await page.goto(f"{signed.url}/{address}")
        await expect(page.get_by_text("You have", exact=True)).to_be_visible(timeout=30_000)
        assert "Tasmota" not in await page.locator("body").inner_text()
    await page.context.close()


async def test_a_page_can_be_opened_with_the_keyboard_alone(
    signed: Dashboard, bridge: BridgeProcess, chromium: Chromium
) -> None:
    page = await chromium.page(DESKTOP)
    await page.goto(signed.url)
    await page.get_by_label("Token").focus()
    await page.keyboard.type(await bridge.token("keys", "landlord"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name="Test house")).to_be_visible(timeout=60_000)
    for _ in range(40):
        await page.keyboard.press("Tab")
        if str(await page.evaluate("document.activeElement.textContent")).endswith("Units"):
            break
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name="Units")).to_be_visible(timeout=30_000)
    await page.context.close()


async def test_the_keyboard_focus_is_visible(
    signed: Dashboard, bridge: BridgeProcess, chromium: Chromium
) -> None:
    page = await chromium.page(DESKTOP)
    await page.goto(signed.url)
    await sign_in(page, await bridge.token("seen", "landlord"))
    await expect(page.get_by_role("heading", level=1, name="Test house")).to_be_visible(timeout=60_000)
    await is_well(page, DESKTOP["width"])
    met: dict[str, bool] = {}
    for _ in range(60):
        await page.keyboard.press("Tab")
        name, seen = await page.evaluate(FOCUSED)
        if not name:  # the last one is behind us
            break
        met[name] = met.get(name, True) and seen
    assert {"A Units", "A System", "BUTTON Sign out"} <= met.keys()
    assert [name for name, seen in met.items() if not seen] == []
    await page.context.close()


async def test_a_dialog_traps_the_keyboard_focus_and_returns_it(
    signed: Dashboard, bridge: BridgeProcess, chromium: Chromium
) -> None:
    page = await chromium.page(DESKTOP)
    await page.goto(f"{signed.url}/unit?unit={CALM}")
    await sign_in(page, await bridge.token("dialogs", "landlord"))
    button = page.get_by_role("button", name="Hold off")
    await button.press("Enter", timeout=60_000)
    inside = page.locator("[role=dialog]:focus, [role=dialog] :focus")
    await expect(inside).to_have_count(1, timeout=30_000)
    for _ in range(8):  # more than it has fields and buttons
        await page.keyboard.press("Tab")
        await expect(inside).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0, timeout=30_000)
    await expect(button).to_be_focused(timeout=30_000)
    await page.context.close()


async def test_it_works_as_a_panel_behind_ingress(
    signed: Dashboard, bridge: BridgeProcess, chromium: Chromium
) -> None:
    ingress = Ingress(signed.url)
    await ingress.start()
    try:
        page = await chromium.page(DESKTOP)
        await page.goto(ingress.url)
        frame = page.frame(url=f"**{BASE}/**")
        assert frame is not None
        await sign_in(frame, await bridge.token("panel", "landlord"))
        await expect(frame.get_by_role("heading", level=1, name="Test house")).to_be_visible(timeout=60_000)
        for name in ("Units", "Tariffs", "Top-ups"):
            await go_to(frame, name)
            await is_well(frame, DESKTOP["width"])
        assert BASE in frame.url
        await page.context.close()
    finally:
        await ingress.stop()
