"""The card of one account."""

from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Page, expect
import pytest

ONE = {"house": {"name": "Fern Cottage"}}
CARD = {"type": "custom:prepaid-meter-card", "device": "house"}


def house(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the account with some values changed: ``sensor_balance=["1", {}]``."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return {"house": {"name": "Fern Cottage", "changes": named}}


async def show(page: Page, accounts: dict[str, Any], config: dict[str, Any] | None = None) -> str:
    """Show the card and return what it says."""
    await page.evaluate(
        "async ([accounts, config]) => { window.hass = makeHass(accounts);"
        " window.card = await show('prepaid-meter-card', config, hass); }",
        [accounts, CARD | (config or {})],
    )
    return await page.locator("ha-card").inner_text()


async def test_it_says_what_is_left_and_how_long_it_lasts(page: Page) -> None:
    text = await show(page, ONE)
    for words in ("Fern Cottage", "connected", "187.12 ZAR", "69.68 kWh left", "4 days", "until"):
        assert words in text
    assert "Low credit" not in text


async def test_this_period_is_a_ladder_with_the_present_block(page: Page) -> None:
    await show(page, ONE)
    ladder = page.get_by_role("img", name="Usage this period by block: Block 2 of 3")
    widths = await ladder.locator(".fill").evaluate_all("fills => fills.map((fill) => fill.style.width)")
    assert widths == ["100%", "60%", "0%"]
    rows = await page.locator("table tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["Block 1", "0–50 kWh", "ZAR\u00a02.00", "50.0 kWh"],
        ["Block 2", "50–100 kWh", "ZAR\u00a02.6854", "30.0 kWh"],
        ["Block 3", "above 100 kWh", "ZAR\u00a04.00", "0.0 kWh"],
    ]
    await expect(page.locator("tr[aria-current=true]")).to_contain_text("Block 2")


async def test_low_credit_is_said_in_words_with_the_time(page: Page) -> None:
    await show(page, house(binary_sensor__low_credit=["on", {}]))
    banner = page.get_by_role("status").filter(has_text="Low credit")
    await expect(banner).to_contain_text("Top up before")


@pytest.mark.parametrize("currency, amount", [("IDR", "1234567890123"), ("ZAR", "9876543210.12")])
@pytest.mark.parametrize("width", [320, 390])
async def test_an_amount_of_many_digits_covers_nothing(
    page: Page, currency: str, amount: str, width: int
) -> None:
    await page.set_viewport_size({"width": width, "height": 844})
    many = [amount, {"unit_of_measurement": currency, "role": "landlord"}]
    names = ("balance", "cost_today", "debt", "cost_period")
    text = await show(page, house(**{f"sensor__{name}": many for name in names}))
    assert text.count(amount) == len(names)
    hidden = await page.locator(".figure").evaluate_all(
        "figures => figures.filter((each) => each.scrollWidth > each.clientWidth + 1)"
        ".map((each) => each.innerText)"
    )
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    await page.set_viewport_size({"width": 390, "height": 844})
    assert (hidden, wide) == ([], 0)


async def test_rupiah_have_no_cents(page: Page) -> None:
    await page.evaluate("window.hass = makeHass({})")
    money = "format.money(hass, '50000', 'IDR')"
    assert await page.evaluate(f"[{money}, format.currencyDigits('IDR'), format.currencyDigits('ZAR')]") == [
        "IDR\u00a050,000",
        0,
        2,
    ]


async def test_emergency_credit_in_use_is_no_mere_low_credit(page: Page) -> None:
    alerts = [{"kind": "emergency_credit_in_use", "message": "Emergency credit is in use"}]
    changes = {"binary_sensor__low_credit": ["on", {}], "binary_sensor__problem": ["on", {"alerts": alerts}]}
    await show(page, house(**changes))
    banner = page.get_by_role("status").filter(has_text="Emergency credit")
    await expect(banner).to_contain_text("Top up before")
    await expect(banner).not_to_contain_text("Low credit")


@pytest.mark.parametrize("hours, warnings", [(0.43, 1), (23, 1), (25, 0)])
async def test_all_is_not_well_in_the_last_day_before_the_credit_runs_out(
    page: Page, hours: float, warnings: int
) -> None:
    """A warning threshold is an amount; how soon it is dark depends on the usage."""
    dark = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    text = await show(page, house(sensor__run_out=[dark, {}]))
    assert text.count("Low credit") == text.count("Top up before") == warnings


@pytest.mark.parametrize(
    "state, reason, words",
    [
        ("disconnected", "credit_exhausted", ["Supply is off", "credit exhausted", "Top up to restore"]),
        ("disconnected", "landlord_off", ["Supply is off", "landlord off: Rent is due"]),
        ("armed", "awaiting_confirmation", ["Ready to reconnect", "nothing dangerous"]),
    ],
)
async def test_a_supply_that_is_off_says_why(page: Page, state: str, reason: str, words: list[str]) -> None:
    note = "Rent is due" if reason == "landlord_off" else None
    await show(page, house(sensor__supply_state=[state, {"reason": reason, "note": note}]))
    for each in words:
        await expect(page.get_by_role("status")).to_contain_text(each)
    hints = await page.get_by_text("Top up to restore").count()
    assert hints == (reason == "credit_exhausted")


async def test_what_is_not_known_is_never_zero(page: Page) -> None:
    text = await show(page, house(sensor__run_out=["unknown", {}]))
    assert "not known yet" in text
    assert "0 minutes" not in text


@pytest.mark.parametrize("reason", ["invalid_auth", "not_allowed"])
async def test_a_refused_token_is_not_called_a_lost_connection(page: Page, reason: str) -> None:
    await show(page, house(sensor__balance=["unavailable", {}]))
    await expect(page.get_by_role("status")).to_contain_text("No connection to the bridge")
    await page.evaluate(
        "(reason) => { const entity_id = 'binary_sensor.bridge_connection'; const next = { ...hass,"
        " devices: { house: { ...hass.devices.house, via_device_id: 'bridge' }, bridge: { id: 'bridge' } },"
        " entities: { ...hass.entities, [entity_id]: { entity_id, device_id: 'bridge',"
        " platform: 'prepaid_meter', translation_key: 'bridge_connectivity' } },"
        " states: { ...hass.states, [entity_id]: { entity_id, state: 'off', attributes: { reason } } } };"
        " window.card.hass = next; }",
        reason,
    )
    await expect(page.get_by_role("status")).to_contain_text("Token not accepted")
    await expect(page.get_by_role("status")).to_contain_text("Enter a new token")
    await expect(page.get_by_role("status")).not_to_contain_text("No connection")


async def test_a_bridge_that_is_away_shows_no_old_figures(page: Page) -> None:
    away = {f"sensor__{key}": ["unavailable", {}] for key in ("balance", "run_out", "cost_period", "price")}
    text = await show(page, house(**away))
    assert "No connection to the bridge" in text
    assert "187.12" not in text
    await expect(page.get_by_role("button", name="Top up")).to_have_count(0)


async def test_a_name_is_text_and_never_markup(page: Page) -> None:
    name = "<img src=x onerror=alert(1)>"
    text = await show(page, {"house": {"name": name}})
    assert name in text
    assert await page.locator("ha-card img").count() == 0


async def test_an_account_that_is_gone_says_what_to_do(page: Page) -> None:
    assert "no longer exists" in await show(page, {})
    assert "Select an account" in await show(page, ONE, {"device": ""})


async def test_an_entity_can_stand_for_the_device(page: Page) -> None:
    assert "187.12 ZAR" in await show(page, ONE, {"device": None, "entity": "sensor.house_power"})


async def test_a_change_of_another_entity_draws_nothing(page: Page) -> None:
    await show(page, ONE)
    drawn = await page.evaluate(
        "() => { const before = card._parts; let drawn = 0; card._update = () => { drawn += 1; };"
        " card.hass = { ...hass, states: { ...hass.states, 'sun.sun': {} } };"
        " const power = { state: '2', attributes: {} };"
        " card.hass = { ...hass, states: { ...hass.states, 'sensor.house_power': power } };"
        " return drawn; }"
    )
    assert drawn == 1


async def test_figures_open_their_history_from_the_keyboard(page: Page) -> None:
    await show(page, ONE)
    await page.evaluate("addEventListener('hass-more-info', (event) => { window.opened = event.detail; })")
    await page.get_by_role("button", name="Balance").focus()
    await page.keyboard.press("Enter")
    assert await page.evaluate("window.opened") == {"entityId": "sensor.house_balance"}


async def test_without_the_right_to_top_up_nothing_offers_it(page: Page) -> None:
    await show(page, house(sensor__balance=["187.12", {"unit_of_measurement": "ZAR", "role": "caretaker"}]))
    assert await page.get_by_role("button", name="Top up").count() == 0
