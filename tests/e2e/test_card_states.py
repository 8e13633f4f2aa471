"""The card in a real browser in every state of an account, with a stand-in for Home Assistant.

That a real Home Assistant loads it and feeds it is shown in ``test_home_assistant_cards.py``, where not
every state of an account can be had at once.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from playwright.async_api import Page, expect
import pytest
import pytest_asyncio

from scripts.lib.demo.browser import PHONE, Chromium
from scripts.lib.demo.process import LOOPBACK
from tests.e2e.inventory import COMPONENT

HERE: Final = Path(__file__).parent
PAGE: Final = """<!doctype html><meta charset="utf-8"><title>Card</title>
<style>ha-card { display: block } body { margin: 8px; font-family: sans-serif }</style>
<script type="module" src="/card_page.js"></script>"""
ACTIONS: Final = ("hold_supply", "lift_hold", "redeem_voucher", "top_up")
HOLD: Final = {
    "id": "leak",
    "position": "off",
    "reason": "repair",
    "by": "Anna",
    "since": "2026-11-10T10:00:00Z",
}

type Kinds = dict[str, dict[str, Any]]


def known(value: str, unit: str | None = None, **attributes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"state": value, "attributes": attributes | ({"unit_of_measurement": unit} if unit else {})}


def account(**changed: dict[str, Any]) -> Kinds:
    """Return what a landlord's token shows of an account without problems, with changes."""
    kinds = {
        "sensor.balance": known("20.00", "ZAR", role="landlord"),
        "sensor.units_left": known("8.0", "kWh"),
        "sensor.run_out": known((datetime.now(UTC) + timedelta(days=3)).isoformat()),
        "sensor.debt": known("0.00", "ZAR"),
        "sensor.emergency_credit": known("unavailable", left="30.00"),
        "sensor.supply_state": known("connected", reason="in_credit", note=None),
        "sensor.price": known("2.50", "ZAR/kWh"),
        "binary_sensor.low_credit": known("off"),
        "binary_sensor.problem": known("off", alerts=[]),
        "button.select_emergency_credit": known("unknown"),
        "button.confirm_supply": known("unknown"),
    }
    return kinds | {name.replace("__", "."): state for name, state in changed.items()}


def of_tenant(kinds: Kinds) -> Kinds:
    """Return what a tenant's token shows of the account."""
    return kinds | {"sensor.balance": known("20.00", "ZAR", role="tenant")}


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: Chromium) -> AsyncIterator[Page]:
    """Return a page on which a card can be shown."""

    async def index(request: web.Request) -> web.Response:
        del request
        return web.Response(text=PAGE, content_type="text/html")

    async def script(request: web.Request) -> web.FileResponse:
        del request
        return web.FileResponse(HERE / "card_page.js")

    server = web.Application()
    server.add_routes([web.get("/", index), web.get("/card_page.js", script)])
    server.router.add_static("/", COMPONENT / "frontend")
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    found = await chromium.page(PHONE)
    await found.goto(f"http://{LOOPBACK}:{runner.addresses[0][1]}/")
    await found.wait_for_function("window.show !== undefined")
    yield found
    await found.context.close()
    await runner.cleanup()


async def show(page: Page, kinds: Mapping[str, object]) -> None:
    """Show the card of an account and wait until its text is there."""
    await page.evaluate("([kinds, actions]) => window.show(kinds, actions)", [kinds, ACTIONS])
    await expect(page.get_by_role("heading", name="Flat 1")).to_be_visible()


async def shown(page: Page) -> tuple[set[str], str]:
    """Return the visible buttons that perform an action, and the text of the card."""
    names = ("Top up", "Enter voucher", "Lift the hold", "Reconnect", "Use emergency credit")
    buttons = {name for name in names if await page.get_by_role("button", name=name, exact=True).count()}
    return buttons, await page.locator("ha-card").inner_text()


LANDLORD: Final = {"Top up"}
CASES: Final = {
    "well": (account(), LANDLORD, ("20.00", "Lasts about", "8.0 left"), ("Debt", "Emergency credit")),
    "low": (
        account(binary_sensor__low_credit=known("on"), sensor__run_out=known("unknown")),
        LANDLORD,
        ("Low credit", "Top up soon."),
        (),
    ),
    "emergency credit offered": (
        account(sensor__emergency_credit=known("available", left="30.00")),
        LANDLORD | {"Use emergency credit"},
        ("Emergency credit", "ZAR\u00a030.00"),
        (),
    ),
    "emergency credit in use": (
        account(sensor__emergency_credit=known("in_use", left="4.00")),
        LANDLORD,
        ("Emergency credit", "ZAR\u00a04.00", "in_use"),
        (),
    ),
    "debt": (account(sensor__debt=known("420.00", "ZAR")), LANDLORD, ("Debt", "ZAR 420.00"), ()),
    "off": (
        account(sensor__supply_state=known("disconnected", reason="credit_exhausted", note=None)),
        LANDLORD,
        ("Supply is off", "Top up to restore the supply."),
        (),
    ),
    "held off": (
        account(
            sensor__supply_state=known("disconnected", reason="landlord_off", note="repair", holds=[HOLD])
        ),
        LANDLORD | {"Lift the hold"},
        ("Supply is off", "landlord_off: repair"),
        ("Top up to restore",),
    ),
    "armed": (
        account(sensor__supply_state=known("armed", reason="waiting", note=None)),
        LANDLORD | {"Reconnect"},
        ("Ready to reconnect",),
        (),
    ),
    "alert": (
        account(binary_sensor__problem=known("on", alerts=[{"message": "Voltage of 271 V"}])),
        LANDLORD,
        ("Needs attention", "Voltage of 271 V"),
        (),
    ),
    "billed later": (
        account(
            sensor__supply_state=known("connected", reason="credit_mode", note=None),
            sensor__run_out=known("unknown"),
        ),
        LANDLORD,
        ("20.00",),
        ("Lasts about", "left"),
    ),
    "bridge away": (
        {kind: known("unavailable") for kind in account()},
        set[str](),
        ("No connection to the bridge",),
        ("20.00", "Debt", "Emergency credit"),
    ),
    "tenant": (of_tenant(account()), {"Enter voucher"}, ("20.00",), ()),
    "caretaker": (
        account(sensor__balance=known("20.00", "ZAR", role="caretaker")),
        set[str](),
        ("20.00",),
        (),
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_the_card_shows_the_state_and_offers_the_possible_actions(page: Page, case: str) -> None:
    kinds, buttons, shown_words, hidden_words = CASES[case]
    await show(page, kinds)
    offered, text = await shown(page)
    assert offered == buttons
    assert [words for words in shown_words if words not in text] == []
    assert [words for words in hidden_words if words in text] == []


async def test_emergency_credit_is_selected_with_one_press(page: Page) -> None:
    await show(page, account(sensor__emergency_credit=known("available", left="30.00")))
    await page.get_by_role("button", name="Use emergency credit").click()
    pressed = {"entity_id": "button.flat_1_select_emergency_credit"}
    assert await page.evaluate("window.asked") == [["button.press", pressed]]


async def test_a_mistyped_voucher_can_be_corrected_and_shows_how_its_amount_was_allocated(page: Page) -> None:
    await show(page, of_tenant(account()))
    await page.get_by_role("button", name="Enter voucher").click()
    dialog = page.get_by_role("dialog", name="Voucher for Flat 1")
    code = dialog.get_by_label("Voucher code")
    await dialog.get_by_role("button", name="Redeem").click()
    await expect(dialog.get_by_role("alert")).to_have_text("Enter the code printed on the voucher.")
    await code.fill("wrong")
    await dialog.get_by_role("button", name="Redeem").click()
    await expect(dialog.get_by_role("alert")).to_have_text("This is not a valid voucher.")
    await expect(code).to_have_value("wrong")
    await code.fill("1234 5678 9012 3456 7890")
    await dialog.get_by_role("button", name="Redeem").click()
    await expect(dialog.get_by_role("status")).to_contain_text("50.00 booked")
    data = {"device_id": "flat", "code": "1234 5678 9012 3456 7890"}
    assert (await page.evaluate("window.asked"))[-1] == ["prepaid_meter.redeem_voucher", data]


GENERATE: Final = """async (devices) => {
  const { PrepaidMeterStrategy } = await import("/strategy.js");
  const balance = (device) => [`sensor.${device}`, {
    entity_id: `sensor.${device}`, device_id: device,
    platform: "prepaid_meter", translation_key: "balance" }];
  const hass = {
    locale: { language: "en" }, entities: Object.fromEntries(devices.map(balance)),
    callWS: async () => ({ sites: [{ name: "House", devices }] }) };
  const { views } = await PrepaidMeterStrategy.generate({}, hass);
  return views.flatMap((view) => view.sections).flatMap((section) => section.cards);
}"""


@pytest.mark.parametrize("devices", [["flat-1"], ["flat-1", "flat-2"], []])
async def test_the_dashboard_lists_what_needs_attention_unless_one_card_shows_it(
    page: Page, devices: list[str]
) -> None:
    cards = await page.evaluate(GENERATE, devices)
    assert [card["device"] for card in cards if card["type"] == "custom:prepaid-meter-card"] == devices
    lists = [card for card in cards if card["type"] == "custom:prepaid-meter-units-card"]
    assert len(lists) == (len(devices) != 1)
