"""The dialog that tops an account up."""

from playwright.async_api import Page, expect
import pytest

SHOW = (
    "async (more) => { window.hass = makeHass({ house: { name: 'Fern Cottage' } });"
    " if (more.fails) hass.callService = async () => { throw more.fails; };"
    " if (more.translated) { hass.loadBackendTranslation = async (kind, domain) => texts(domain);"
    " hass.callService = async () => { throw { message: 'The bridge refused.', translation_key: 'refused',"
    " translation_domain: 'prepaid_meter', translation_placeholders: { name: 'Rue' } }; }; }"
    " if (more.unusual) { const { callService } = hass; hass.callService = async (...call) => {"
    " if (call[2].confirmed) return callService(...call);"
    " throw { message: 'The bridge asks first.', translation_key: 'confirmation_needed' }; }; }"
    " if (more.format) hass.locale.number_format = more.format;"
    " window.card = await show('prepaid-meter-card', { device: 'house', amounts: more.amounts }, hass); }"
)


async def opened(page: Page, **more: object) -> None:
    await page.evaluate(SHOW, more)
    await page.get_by_role("button", name="Top up").click()
    await expect(page.get_by_label("Amount in ZAR")).to_be_focused()


async def test_money_is_booked_only_after_it_was_confirmed(page: Page) -> None:
    await opened(page)
    await page.keyboard.type("100")
    await page.get_by_label("Receipt").fill("receipt 7")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Top up Fern Cottage by ZAR 100.00?")).to_be_visible()
    assert await page.evaluate("hass.calls") == []

    await page.get_by_role("button", name="Top up ZAR 100.00").click()
    data = {"device_id": "house", "amount": "100", "method": "cash", "reference": "receipt 7"}
    await expect(page.get_by_text("ZAR 100.00 booked")).to_be_visible()
    calls = await page.evaluate("hass.calls.map((call) => call.slice(0, 3))")
    assert calls == [["prepaid_meter", "top_up", data]]


async def test_it_shows_where_the_money_went(page: Page) -> None:
    await opened(page)
    await page.keyboard.type("100")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Top up ZAR").click()
    rows = await page.locator("dialog tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["Arrears", "ZAR\u00a010.00"],
        ["Balance", "ZAR\u00a090.00"],
        ["New balance", "ZAR\u00a0277.12"],
    ]
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)


async def test_units_that_were_bought_are_named_and_no_balance_of_nothing(page: Page) -> None:
    await opened(page)
    bought = {"split": {"arrears": "10.00", "units": "90.00", "balance": "0.00"}, "balance": "0.00"}
    await page.evaluate("(more) => { hass.answer = more; }", bought | {"units_kwh": "45.000"})
    await page.keyboard.type("100")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Top up ZAR").click()
    rows = await page.locator("dialog tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["Arrears", "ZAR\u00a010.00"],
        ["Units bought", "ZAR\u00a090.00"],
        ["Units bought", "45.0 kWh"],
    ]


async def test_two_presses_book_once(page: Page) -> None:
    await opened(page)
    await page.keyboard.type("5")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Top up ZAR").evaluate(
        "button => { button.click(); button.click(); }"
    )
    await expect(page.get_by_text("ZAR 5.00 booked")).to_be_visible()
    assert await page.evaluate("hass.calls.length") == 1


@pytest.mark.parametrize(
    "failure, words",
    [
        ({"code": 3, "message": "Connection lost"}, "The connection to Home Assistant was lost."),
        (3, "The connection to Home Assistant was lost."),
        ({"code": "unauthorized", "message": "Unauthorized"}, "Your user may not do this in Home Assistant."),
        ({"code": "unknown_error", "message": "KeyError('a')"}, "Home Assistant could not do this."),
        ({"message": "expected a str", "translation_key": "of_somebody_else"}, "could not do this."),
    ],
)
async def test_a_failure_is_told_in_words_of_the_card_and_to_look_before_trying_again(
    page: Page, failure: object, words: str
) -> None:
    await opened(page, fails=failure)
    await page.keyboard.type("5")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Top up ZAR").click()
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text(words)
    assert not isinstance(failure, dict) or failure["message"] not in await alert.inner_text()
    await expect(alert).to_contain_text("Check the last top-up")


async def test_a_refusal_is_shown_in_the_users_language(page: Page) -> None:
    """The message of an error is English; Home Assistant has its translation."""
    await page.evaluate(
        "() => window.texts = (domain) => (path, { name }) =>"
        " path === `component.${domain}.exceptions.refused.message` && `La passerelle ${name} a refusé.`"
    )
    await opened(page, translated=True)
    await page.keyboard.type("5")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Top up ZAR").click()
    await expect(page.get_by_role("alert")).to_contain_text("not confirmed: La passerelle Rue a refusé.")


async def test_an_unusual_amount_is_asked_about_once_more(page: Page) -> None:
    await opened(page, unusual=True)
    await page.keyboard.type("1000000")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Top up ZAR").click()
    await expect(page.get_by_text("more than ten times what is usual for Fern Cottage")).to_be_visible()
    assert await page.evaluate("hass.calls") == []

    await page.get_by_role("button", name="Top up ZAR").click()
    await expect(page.get_by_text("booked", exact=False)).to_be_visible()
    calls = await page.evaluate("hass.calls.map((call) => call[2])")
    assert calls == [{"device_id": "house", "amount": "1000000", "method": "cash", "confirmed": True}]


async def test_another_amount_is_asked_about_anew(page: Page) -> None:
    await opened(page, unusual=True)
    await page.keyboard.type("1000000")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Top up ZAR").click()
    await page.get_by_role("button", name="Back").click()
    await page.get_by_label("Amount in ZAR").fill("2000000")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Top up Fern Cottage by ZAR 2,000,000.00?")).to_be_visible()
    await page.get_by_role("button", name="Top up ZAR").click()
    await expect(page.get_by_text("more than ten times")).to_be_visible()
    assert await page.evaluate("hass.calls") == []


async def test_going_back_keeps_what_was_typed(page: Page) -> None:
    await opened(page)
    await page.keyboard.type("12.5")
    await page.get_by_label("Payment method").select_option("mobile")
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="Back").click()
    await expect(page.get_by_label("Amount in ZAR")).to_have_value("12.5")
    await expect(page.get_by_label("Payment method")).to_have_value("mobile")


async def test_the_last_amount_is_offered_again_unless_amounts_are_set(page: Page) -> None:
    await opened(page)
    await page.get_by_role("button", name="Same as last time: ZAR 100.00").click()
    await expect(page.get_by_label("Amount in ZAR")).to_have_value("100")
    await opened(page, amounts="50 100 x -2")
    assert await page.locator(".choices button").all_inner_texts() == ["ZAR\u00a050.00", "ZAR\u00a0100.00"]


@pytest.mark.parametrize("typed", ["", "0", "-5", "ten", "1e3", "5 ZAR", "1.2.3", "Infinity"])
async def test_what_is_no_amount_is_not_sent(page: Page, typed: str) -> None:
    await opened(page)
    await page.get_by_label("Amount in ZAR").fill(typed)
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("alert")).to_contain_text("Enter an amount above zero")
    await expect(page.get_by_label("Amount in ZAR")).to_be_focused()


READ = [
    ("comma_decimal", "1,000.50", "1000.50"),
    ("comma_decimal", "1000", "1000"),
    ("comma_decimal", "12,5", "12.5"),
    ("comma_decimal", "1,000", "1000"),
    ("decimal_comma", "1.000,50", "1000.50"),
    ("decimal_comma", "1.000", "1000"),
    ("decimal_comma", "12.50", "12.50"),
    ("space_comma", "1 000,50", "1000.50"),
    ("quote_decimal", "1’000.50", "1000.50"),
]


async def test_an_amount_is_read_as_the_profile_writes_numbers(page: Page) -> None:
    for format_, typed, expected in READ:
        got = await page.evaluate(
            "([format_, typed]) => format.decimalText({ locale: { number_format: format_ } }, typed)",
            [format_, typed],
        )
        assert got == expected, (format_, typed)
