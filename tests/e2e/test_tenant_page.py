"""A tenant's whole way on a phone in a real browser: cut off, paid, and power restored."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
import json
import os
from pathlib import Path
import re
from typing import Literal

from playwright.async_api import Page, Response, Route, expect
import pytest

from meter_bridge.protocol.vocabulary import RelayProof, SupplyState
from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.browser import PHONE, Chromium
from scripts.lib.demo.mosquitto import Mosquitto
from scripts.lib.demo.process import free_port
from scripts.lib.demo.street import Fitting, Street
from scripts.lib.demo.waiting import until
from tests.e2e.accessible import barriers
from tests.e2e.conftest import session_fixture
from tests.e2e.till_page import SECRET, TillPage

PICTURES = os.environ.get("PREPAID_PICTURES")
"""Folder in which pictures are kept, for the documentation."""
WITHIN_S = 2.0
"""From the webhook, or the voucher, to a supply that is proven to be closed."""
BUSY_MS = 30_000
ROOMS = ("room-12", "room-13", "room-14", "room-15")
SITE = """\
name: Rose Street
sites:
  rose:
    name: 12 Rose Street
    time zone: Africa/Johannesburg
    currency: ZAR
    tariffs:
      home: {versions: [{from: 2026-01-01, prices: 3.00}]}
    units:
"""
ROOM = """\
      {id}:
        name: {name}
        tariff: home
        opening credit: 0.06
        low credit: [20.00]
        emergency credit: {{limit: 10.00, threshold: 5.00}}
        minimum top-up: 10.00
        restore: {restore}
        meters: [{{address: "tasmota:{id}/1", rating: 60 A}}]
"""
FILE = """\
page: {page}
providers:
  till:
    kind: webhook
    name: Test provider
    secrets: ["{secret}"]
    link: "{till}/pay?order={{order}}&amount={{amount}}&currency={{currency}}"
  cash:
    kind: webhook
    name: Mobile money
    secrets: ["{secret}"]
    instructions: "Send {{amount}} to till 4711 and give the reference below."
"""


@dataclass
class Rooms:
    """A bridge with rooms, their meters, and a provider."""

    bridge: BridgeProcess
    api: BridgeApi
    street: Street
    till: TillPage

    async def dark(self, room: str) -> None:
        """Use up a room's credit and wait until its relay is confirmed open."""
        self.street.dials[room].watts = 12_000

        async def off() -> bool | None:
            account = await self.api.account(room)
            return (account.supply.state is not SupplyState.CONNECTED and self.open(room)) or None

        await until(f"{room} is off", off, 60.0)
        self.street.dials[room].watts = 180

    def open(self, room: str) -> bool:
        """Return whether the meter's contact is open."""
        return not self.street.meter(room).physics.contact_closed

    async def lit(self, room: str) -> float:
        """Wait until a room's relay is confirmed closed; return the loop's time then."""

        async def proven() -> bool | None:
            supply = (await self.api.account(room)).supply
            good = supply.proof in (RelayProof.CONFIRMED, RelayProof.NO_LOAD)
            return (supply.state is SupplyState.CONNECTED and good) or None

        await until(f"{room} is on again", proven, 30.0, pause_s=0.02)
        return asyncio.get_running_loop().time()


@session_fixture
async def rooms(folder: Path, mosquitto: Mosquitto) -> AsyncIterator[Rooms]:
    """Run a bridge, three rooms with meters, and a provider."""
    fittings = [Fitting(each, "tasmota", 1_234_560, 180, interval_s=1.0) for each in ROOMS]
    street = Street(mosquitto.url("meters"), fittings, server_ports={}, password="")
    await street.start()
    environment = {"PREPAID_METER_BROKER": mosquitto.url("bridge")}
    bridge = BridgeProcess(folder / "rooms", free_port(), folder / "rooms.log", environment)
    till = TillPage(free_port(), bridge.url)
    site = folder / "rooms.yaml"
    site.write_text(
        SITE
        + "".join(
            ROOM.format(
                id=each,
                name=each.replace("-", " ").capitalize(),
                restore="armed" if each == "room-14" else "automatic",
            )
            for each in ROOMS
        )
    )
    await bridge.run("apply", "--yes", str(site))
    file = bridge.data / "payments.yaml"
    file.write_text(FILE.format(page=bridge.url, till=till.url, secret=SECRET))
    file.chmod(0o600)
    await bridge.start()
    await till.start()
    api = BridgeApi(bridge.url, await bridge.token("rooms", "landlord"))
    yield Rooms(bridge, api, street, till)
    await api.close()
    await till.stop()
    await bridge.stop()
    await street.stop()


async def come_in(
    rooms: Rooms, chromium: Chromium, room: str, scheme: Literal["light", "dark"] = "light"
) -> Page:
    """Create a card for a room, open the page on a phone and sign in with it."""
    made = await rooms.bridge.run("access", "create", room)
    code = made.splitlines()[1].split()[-2]
    page = await chromium.page(PHONE, scheme)
    page.on("pageerror", lambda error: pytest.fail(f"the page failed: {error}"))
    await page.goto(f"{rooms.bridge.url}/")
    await page.get_by_label("Room or meter number").fill(room.replace("-", " ").upper())
    await picture(page, f"sign-in-{scheme}")
    await page.get_by_label("Code").fill(code.lower())
    await page.get_by_role("button", name="Open").click()
    await expect(page.locator("#credit")).to_be_visible()
    return page


async def picture(page: Page, name: str) -> None:
    """Check the page for barriers, and save a screenshot where requested."""
    assert await barriers(page) == [], name
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/tenant-{name}.png")


async def test_a_tenant_without_supply_pays_and_power_is_back_before_the_page_shows_it(
    rooms: Rooms, chromium: Chromium
) -> None:
    await rooms.dark("room-12")
    page = await come_in(rooms, chromium, "room-12")
    await expect(page.get_by_text("Power is off")).to_be_visible()
    await picture(page, "off")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.localName") in {"a", "button"}, "no keyboard gets on"
    await page.get_by_role("link", name="Top up").first.click()
    await page.get_by_role("textbox", name="How much?").fill("50")
    await expect(page.get_by_text("This brings the power back.")).to_be_visible()
    await picture(page, "top-up")
    await page.get_by_role("button", name="Pay R").dblclick()
    await page.locator("#pay").click()
    await expect(page.locator("#paid")).to_contain_text("received", timeout=BUSY_MS)
    lit = await rooms.lit("room-12")
    assert rooms.till.reported_at is not None
    assert lit - rooms.till.reported_at <= WITHIN_S
    await expect(page.locator("#power")).to_contain_text("Power is on", timeout=BUSY_MS)
    await picture(page, "paid")
    assert len(rooms.till.paid) == 1
    payments = await rooms.api.get("/api/v1/accounts/room-12/payments")
    assert payments.count(b'"state":"paid"') == 1
    await page.go_back()
    await page.go_back()
    await page.goto(f"{rooms.bridge.url}/my/#history")
    await expect(page.get_by_text("Top-up, Test provider")).to_have_count(1)
    await picture(page, "history")


async def test_the_same_with_a_voucher_in_the_dark_scheme(rooms: Rooms, chromium: Chromium) -> None:
    await rooms.dark("room-13")
    made = await rooms.bridge.run("voucher", "create", "--count", "1", "--amount", "50.00")
    code = made.splitlines()[1].split(",")[2]
    page = await come_in(rooms, chromium, "room-13", "dark")
    await picture(page, "off-dark")
    await page.goto(f"{rooms.bridge.url}/my/voucher#{code.replace(' ', '')}")
    number = page.get_by_label("Number on the voucher")
    await expect(number).to_have_value(code)
    await number.fill(code.replace(" ", "")[:-1] + ("0" if code[-1] != "0" else "1"))
    await page.get_by_role("button", name="Use it").click()
    await expect(page.get_by_role("alert")).to_contain_text("not valid")
    await picture(page, "voucher-wrong-dark")
    await number.fill(code)
    assert await number.evaluate("each => each.scrollWidth <= each.clientWidth"), "some digits are not seen"
    before = asyncio.get_running_loop().time()
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator("#paid")).to_contain_text("50.00 are on your account")
    assert await rooms.lit("room-13") - before <= WITHIN_S
    await expect(page.locator("#power")).to_contain_text("Power is on", timeout=BUSY_MS)
    await picture(page, "voucher-dark")
    await page.goto(f"{rooms.bridge.url}/my/#voucher")
    await page.get_by_label("Number on the voucher").fill(code)
    await page.get_by_role("button", name="Use it").click()
    await expect(page.get_by_role("alert")).to_contain_text("already used")
    await picture(page, "voucher-used-dark")
    await page.goto(f"{rooms.bridge.url}/my/#home")
    await expect(page.locator("#credit")).to_be_visible()
    await picture(page, "on-dark")
    await page.goto(f"{rooms.bridge.url}/my/#settings")
    await expect(page.get_by_role("button", name="Save")).to_be_visible()
    await picture(page, "settings-dark")


async def test_a_lost_answer_is_asked_for_again_and_never_called_nothing(
    rooms: Rooms, chromium: Chromium
) -> None:
    made = await rooms.bridge.run("voucher", "create", "--count", "2", "--amount", "50.00")
    codes = [line.split(",")[2] for line in made.splitlines()[1:3]]
    page = await come_in(rooms, chromium, "room-13")
    keys: list[str | None] = []
    lost_answers = 1

    async def lose_answer(route: Route) -> None:
        """Let the bridge book what is asked, and lose the first answers on their way back."""
        keys.append(await route.request.header_value("Idempotency-Key"))
        answer = await route.fetch()
        if len(keys) <= lost_answers:
            await route.abort()
        else:
            await route.fulfill(response=answer)

    await page.route("**/vouchers", lose_answer)
    await page.goto(f"{rooms.bridge.url}/my/voucher#{codes[0].replace(' ', '')}")
    await page.get_by_role("button", name="Use it").click()
    await expect(page.get_by_text("No answer yet")).to_be_visible()
    await picture(page, "unanswered")
    await expect(page.locator("#paid")).to_contain_text("50.00 are on your account")
    assert len(keys) == 2
    assert len(set(keys)) == 1

    keys.clear()
    lost_answers = 100
    balance = (await rooms.api.account("room-13")).balance
    await page.goto(f"{rooms.bridge.url}/my/#voucher")
    await page.get_by_label("Number on the voucher").fill(codes[1])
    await page.get_by_role("button", name="Use it").click()
    told = page.get_by_role("alert")
    await expect(told).to_contain_text("not known whether this was booked", timeout=BUSY_MS)
    await expect(told).to_contain_text("Look at your balance")
    await picture(page, "unknown")
    assert "Nothing" not in await page.locator("main").inner_text()
    assert (await rooms.api.account("room-13")).balance > balance, "the voucher was booked"
    lost_answers = 0
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator("#paid")).to_contain_text("50.00 are on your account")
    assert len(set(keys)) == 1, "asked by another key it would be called used"


async def test_a_relay_whose_device_is_away_is_not_said_to_be_on(rooms: Rooms, chromium: Chromium) -> None:
    page = await come_in(rooms, chromium, "room-13")

    async def away(route: Route) -> None:
        """Answer as if the relay's own device were away, and the meter there."""
        answer = await route.fetch()
        body = await answer.json()
        for account in body["accounts"]:
            account["supply"] |= {"state": "connected", "proof": "no_answer"}
        await route.fulfill(response=answer, json=body)

    await page.route("**/accounts", away)
    await page.reload()
    await expect(page.get_by_text("The meter is offline at present")).to_be_visible()
    await expect(page.get_by_text("Power is on")).to_have_count(0)
    await picture(page, "away")
    await page.unroute_all(behavior="wait")
    await page.close()


async def test_an_amount_that_is_refused_is_not_said_to_bring_the_power_back(
    rooms: Rooms, chromium: Chromium
) -> None:
    await rooms.dark("room-15")
    page = await come_in(rooms, chromium, "room-15")
    await page.goto(f"{rooms.bridge.url}/my/#pay")
    restores = page.get_by_text("This brings the power back.")
    amount = page.get_by_role("textbox", name="How much?")
    for refused, words in (
        ("5", r"too little. Pay at least R\s10"),
        ("9999999999999", r"too much. At most R\s1,000"),
        ("1x", "not an amount"),
    ):
        await amount.fill("50")
        await expect(restores).to_be_visible()
        await amount.fill(refused)
        await expect(restores).not_to_be_visible()
        await expect(page.get_by_role("button", name="Pay")).to_be_disabled()
        await expect(page.get_by_role("alert")).to_contain_text(re.compile(words))
        await picture(page, f"refused-{refused}")


async def test_a_refused_payment_is_shown_and_an_armed_supply_is_switched_on_by_its_tenant(
    rooms: Rooms, chromium: Chromium
) -> None:
    await rooms.dark("room-14")
    page = await come_in(rooms, chromium, "room-14")
    await page.get_by_role("link", name="Top up").first.click()
    await page.get_by_role("textbox", name="How much?").fill("20")
    await page.get_by_role("button", name="Pay R").click()
    await page.locator("#refuse").click()
    await expect(page.get_by_text("Payment failed")).to_be_visible()
    await page.goto(f"{rooms.bridge.url}/my/#pay")
    await page.get_by_role("textbox", name="How much?").fill("30")
    await page.get_by_text("Mobile money").click()
    await page.get_by_role("button", name="Pay R").click()
    await expect(page.get_by_text("Send ZAR 30.00 to till 4711")).to_be_visible()
    await picture(page, "instructions")
    payments = json.loads(await rooms.api.get("/api/v1/accounts/room-14/payments"))["payments"]
    order = next(each for each in payments if each["provider"] == "cash")
    await expect(page.locator(".reference")).to_have_text(order["reference"])
    paid = {"payment": "QK12345678", "amount": "30.00", "currency": "ZAR"}
    assert await rooms.till.report("succeeded", order["id"], provider="cash", **paid) == 200
    await expect(page.locator("#paid")).to_contain_text("received", timeout=BUSY_MS)
    await page.get_by_role("link", name="To the start page").click()
    await expect(page.get_by_text("Ready to be switched on")).to_be_visible(timeout=BUSY_MS)
    await picture(page, "armed")
    await page.get_by_role("button", name="It is safe").click()
    await rooms.lit("room-14")
    await expect(page.get_by_text("Power is on")).to_be_visible(timeout=BUSY_MS)
    await picture(page, "on")
    await page.goto(f"{rooms.bridge.url}/my/#settings")
    await page.get_by_label("Notify me when credit falls to (ZAR)").fill("25,5")
    await page.get_by_label("Phone").fill("+27 82 123 4567")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved")).to_be_visible()
    await picture(page, "settings")
    kept = json.loads(await rooms.api.get("/api/v1/accounts/room-14/notifications"))
    assert (kept["low_credit"], kept["phone"]) == (25_500_000, "+27821234567")
    await page.reload()
    await expect(page.get_by_label("Notify me when credit falls to (ZAR)")).to_have_value("25.50")
    await page.locator("#language").select_option("sw")
    await expect(page.get_by_text("Ondoka kwenye simu hii")).to_be_visible()
    await picture(page, "settings-sw")


async def test_an_open_page_works_without_a_network(rooms: Rooms, chromium: Chromium) -> None:
    page = await come_in(rooms, chromium, "room-12")
    await page.evaluate("navigator.serviceWorker.ready")
    await page.reload()
    await expect(page.locator("#credit")).to_be_visible()
    await page.context.set_offline(True)
    await page.reload()
    await expect(page.get_by_text("No connection")).to_be_visible()
    await expect(page.locator("#credit")).to_be_visible()
    await page.context.set_offline(False)
    await expect(page.get_by_text("No connection")).not_to_be_visible(timeout=BUSY_MS)


async def test_a_phone_loads_little(rooms: Rooms, chromium: Chromium) -> None:
    page = await chromium.page(PHONE)
    sizes: list[int] = []

    async def measure(response: Response) -> None:
        sizes.append(int(response.headers.get("content-length", "0")))

    page.on("response", measure)
    await page.goto(f"{rooms.bridge.url}/my/")
    await expect(page.get_by_label("Code")).to_be_visible()
    assert 0 < sum(sizes) < 45_000


async def test_barriers_are_detected(chromium: Chromium) -> None:
    page = await chromium.page(PHONE)
    await page.set_content(
        """<html lang="en"><title>t</title><main><h1>Title</h1><input id="a"><p style="color: #999">pale</p>
        <button style="width: 10px; height: 10px; padding: 0"></button><svg></svg>
        <div style="width: 900px" aria-describedby="gone">wide</div></main>"""
    )
    found = "; ".join(await barriers(page))
    for each in ("no label", "contrast of 2.8", "no name", "too small", "a picture", "px wide", "not there"):
        assert each in found
