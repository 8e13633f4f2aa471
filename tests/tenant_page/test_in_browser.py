"""The tenant's page in a real Chromium over the real API: what it says of amounts, and codes that wait."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
import os
from pathlib import Path
from typing import Final

from playwright.async_api import Page, expect
import pytest
import pytest_asyncio

from meter_bridge.api.server import ApiServer, ListenSettings
from meter_bridge.engine.access.visibility import Visibility
from meter_bridge.notify.people import FILE_NAME, load_people
from meter_bridge.notify.service import Notices
from scripts.lib.demo.browser import DESKTOP, PHONE, Chromium, picture
from tests.engine.harness import LANDLORD, SITE, House, house
from tests.payments.till import write_file
from tests.security.test_address_confirmation import OWN, PEOPLE, Gateway

PICTURES: Final = os.environ.get("PREPAID_PICTURES")
"""Folder in which pictures are kept, to look at."""
SEEN_MS: Final = 30_000
PROVIDER: Final = """
page: http://127.0.0.1
providers:
  till: {kind: webhook, name: Mobile money, secrets: ["a secret of the till"], instructions: "Pay {amount}"}
"""
LIMITED: Final = SITE.replace(
    "low credit: [5.00]",
    "low credit: [5.00]\n        minimum top-up: 10.00\n        maximum balance: 5000.00",
)
UNITS: Final = SITE.replace("prices: [2.00]", "prices: [2.00]\n            sold as: units bought")
RUPIAH: Final = SITE.replace("currency: ZAR", "currency: IDR")

expect.set_options(timeout=SEEN_MS)


@dataclass
class Tenant:
    """A tenant with the own page before them."""

    page: Page
    flat: House
    gateway: Gateway

    async def see(self, name: str) -> None:
        """Keep a picture on a phone and on a desk, light and dark, where pictures are wanted."""
        if PICTURES is None:
            return
        for size in (PHONE, DESKTOP):
            await self.page.set_viewport_size(size)
            for scheme in ("light", "dark"):
                await self.page.emulate_media(color_scheme=scheme)
                await picture(self.page, Path(PICTURES) / f"{name}-{size['width']}-{scheme}.png")
        await self.page.set_viewport_size(PHONE)

    async def pay(self, amount: str) -> None:
        """Type an amount."""
        await self.page.goto(f"{self.page.url.partition('#')[0]}#pay")
        await self.page.get_by_label("How much?").fill(amount)


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Chromium]:
    """Run a browser."""
    browser = Chromium()
    await browser.start()
    yield browser
    await browser.stop()


@pytest_asyncio.fixture
async def tenant(tmp_path: Path, chromium: Chromium, request: pytest.FixtureRequest) -> AsyncIterator[Tenant]:
    """Sign a tenant in."""
    write_file(tmp_path, PROVIDER)
    (tmp_path / FILE_NAME).write_text(PEOPLE)
    (tmp_path / FILE_NAME).chmod(0o600)
    async with house(tmp_path, getattr(request, "param", LIMITED)) as flat:
        gateway, session = Gateway(), flat.engine.session
        notices = Notices(session, load_people(flat.data), None, Visibility(session).account, gateway)
        server = ApiServer(replace(flat.app, notices=notices), ListenSettings(host="127.0.0.1", port=0))
        await server.start()
        access = await flat.app.page.access.create_access(LANDLORD, "flat-1")
        page = await chromium.page(PHONE)
        page.on("pageerror", lambda error: pytest.fail(f"the page failed: {error}"))
        await page.goto(f"{server.url}/my/#in={access.secret}")
        await expect(page.get_by_role("navigation")).to_be_visible()
        yield Tenant(page, flat, gateway)
        await page.close()
        await server.stop()


async def test_what_is_wrong_with_an_amount_has_words_of_its_own(tenant: Tenant) -> None:
    for name, amount, words in (
        ("too-little", "9.99", "This is too little. Pay at least R\u00a010."),
        ("too-little", "0", "This is too little. Pay at least R\u00a010."),
        ("too-much", "4900.01", "This is too much. At most R\u00a04,900 can be paid now."),
        ("too-much", "9" * 18, "This is too much. At most R\u00a04,900 can be paid now."),
        ("unreadable", "ten", "This is not an amount. Write it like 1250.00."),
        ("unreadable", "1.000", "This is not an amount. Write it like 1250.00."),
        ("unreadable", "-50", "This is not an amount. Write it like 1250.00."),
    ):
        await tenant.pay(amount)
        await expect(tenant.page.get_by_role("alert")).to_have_text(words)
        await expect(tenant.page.get_by_role("button", name="Pay")).to_be_disabled()
        await tenant.see(name)
    await tenant.pay("50,00")
    await expect(tenant.page.get_by_role("button", name="Pay R\u00a050.00")).to_be_enabled()
    await expect(tenant.page.get_by_role("alert")).to_have_text("")


@pytest.mark.parametrize("tenant", [RUPIAH], indirect=True)
async def test_a_trillion_rupiah_are_asked_about_and_then_paid(tenant: Tenant) -> None:
    await tenant.pay("999999999899.99")
    button = tenant.page.locator("form button.wide")
    await expect(button).to_have_text("Pay Rp\u00a0999,999,999,899.99")
    await button.click()
    await expect(tenant.page.get_by_role("alert")).to_contain_text("Is Rp\u00a0999,999,999,899.99 right?")
    await tenant.see("unusual")
    assert tenant.flat.rows("SELECT count(*) FROM payment_order") == [(0,)]
    await expect(tenant.page.locator("#limits")).to_have_text("At least Rp\u00a00.01")
    await tenant.page.get_by_label("How much?").fill("1000000")
    await expect(button).to_have_text("Pay Rp\u00a01,000,000")
    await expect(tenant.page.get_by_role("alert")).to_have_text("")
    await tenant.page.get_by_label("How much?").fill("999999999899.99")
    assert await button.is_disabled(), "the button of another amount pays nothing"
    await expect(button).to_be_enabled()
    await button.click()
    await button.filter(has_text="Yes, pay Rp\u00a0999,999,999,899.99").click()
    await expect(tenant.page.get_by_text("Pay IDR 999,999,999,899.99")).to_be_visible()
    assert tenant.flat.rows("SELECT amount FROM payment_order") == [(999_999_999_899_990_000,)]
    await tenant.see("ordered")


@pytest.mark.parametrize("tenant", [UNITS], indirect=True)
async def test_units_are_named_and_no_credit_of_nothing(tenant: Tenant) -> None:
    await expect(tenant.page.locator("#credit")).to_have_text("50 kWh")
    await tenant.pay("50.00")
    preview = tenant.page.locator("#preview")
    await expect(preview).to_contain_text("25 kWh")
    await expect(preview).not_to_contain_text("R\u00a00.00")
    await tenant.see("units")
    await tenant.page.goto(f"{tenant.page.url.partition('#')[0]}#home")
    await expect(tenant.page.locator("#credit")).to_have_text("50 kWh")
    await expect(tenant.page.locator("#main")).not_to_contain_text("R\u00a00.00")
    await tenant.see("units-home")


async def test_a_code_that_waits_is_asked_for_after_a_reload(tenant: Tenant) -> None:
    page = tenant.page
    await page.goto(f"{page.url.partition('#')[0]}#settings")
    await page.get_by_label("Phone").fill(OWN)
    await page.get_by_role("button", name="Save").click()
    waiting = page.get_by_label(f"Enter the code that was just sent to {OWN}")
    await expect(waiting).to_be_focused()
    await page.reload()
    await expect(waiting).to_be_visible()
    await expect(page.get_by_label("Phone")).to_have_value("")
    await tenant.see("code")
    await waiting.fill(tenant.gateway.code)
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_label("Phone")).to_have_value(OWN)
    await expect(waiting).to_have_count(0)
    await page.reload()
    await expect(page.get_by_label("Phone")).to_have_value(OWN)
    await expect(waiting).to_have_count(0)
