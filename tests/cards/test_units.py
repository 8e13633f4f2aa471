"""The list of units and the landlord's dashboard."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect
import pytest

from scripts.lib.demo.browser import PHONE

LOCALES = Path(__file__).parents[2] / "custom_components" / "prepaid_meter" / "frontend" / "locales"
LANGUAGES = sorted(path.stem for path in LOCALES.glob("*.json"))

OFF = {"sensor.supply_state": ["disconnected", {"reason": "credit_exhausted"}]}
LOW = {"binary_sensor.low_credit": ["on", {}]}
ALERT = {"binary_sensor.problem": ["on", {"alerts": []}]}
IN_USE = [{"kind": "emergency_credit_in_use", "message": ""}]
EMERGENCY = {"binary_sensor.problem": ["on", {"alerts": IN_USE}]}
AWAY = {"sensor.balance": ["unavailable", {}]}
NOT_ESSENTIAL = [
    f"sensor.{key}"
    for key in (
        "units_left",
        "cost_period",
        "cost_today",
        "energy_today",
        "price",
        "block",
        "power",
        "last_top_up",
    )
]


def runs_out(hours: float) -> dict[str, Any]:
    return {"sensor.run_out": [(datetime.now(UTC) + timedelta(hours=hours)).isoformat(), {}]}


HOUSE: dict[str, Any] = {
    "a": {"name": "Flat 10"},
    "b": {"name": "Flat 2", "changes": LOW},
    "c": {"name": "Flat 3", "changes": OFF},
    "d": {"name": "Flat 4", "changes": ALERT},
    "e": {"name": "Flat 5", "changes": AWAY},
    "f": {"name": "Flat 6", "changes": LOW | runs_out(1.5)},
    "g": {"name": "Flat 7", "changes": LOW | EMERGENCY | runs_out(30)},
    "h": {"name": "Flat 9"},
    "i": {"name": "Flat 11", "changes": runs_out(60)},
}


async def show(page: Page, accounts: dict[str, Any], /, **config: object) -> None:
    await page.evaluate(
        "async ([accounts, config]) => { window.hass = makeHass(accounts);"
        " window.card = await show('prepaid-meter-units-card', config, hass); }",
        [accounts, config],
    )


async def names(page: Page) -> list[str]:
    return await page.locator("tbody th").all_inner_texts()


async def test_what_needs_attention_stands_worst_first(page: Page) -> None:
    await show(page, HOUSE, attention=True)
    assert await names(page) == ["Flat 3", "Flat 7", "Flat 6", "Flat 2", "Flat 4", "Flat 5"]
    await expect(page.locator("tbody tr").first).to_contain_text("Supply is off")
    await expect(page.locator("tbody tr").nth(1)).to_contain_text("Emergency credit")


@pytest.mark.parametrize("attention", [True, False])
async def test_the_entities_that_a_thousand_accounts_have_suffice_for_the_list(
    page: Page, *, attention: bool
) -> None:
    """Above 150 accounts only a few entities are enabled: *Runs out* is, *Time left* is not."""
    flats = {
        f"u{n}": {"name": f"Flat {n}", "changes": dict.fromkeys(NOT_ESSENTIAL) | LOW | runs_out(hours)}
        for n, hours in ((n, 600.5 - n) for n in range(1, 401))
    }
    await show(page, flats, attention=attention, page=400)
    assert await names(page) == [f"Flat {n}" for n in range(400, 0, -1)]
    lasts = await page.locator("tbody td.wide").all_text_contents()
    assert (lasts[0], lasts[-1]) == ("8 days", "24 days")
    assert "\u2013" not in lasts


async def test_all_units_stand_worst_first_too_with_the_counts_of_their_states(page: Page) -> None:
    await show(page, HOUSE)
    worst = ["Flat 3", "Flat 7", "Flat 6", "Flat 2", "Flat 4", "Flat 5"]
    assert await names(page) == [*worst, "Flat 11", "Flat 9", "Flat 10"]
    counts = await page.locator(".counts .chip").all_inner_texts()
    worst = ["1 · Supply is off", "1 · Emergency credit", "2 · Low credit"]
    assert [text.strip() for text in counts][:3] == worst


async def test_hundreds_of_units_are_searched_and_shown_in_pages(page: Page) -> None:
    await show(page, {f"u{n}": {"name": f"Unit {n}"} for n in range(1, 601)})
    assert len(await names(page)) == 25
    await page.get_by_role("button", name="Show 25 more").click()
    assert len(await names(page)) == 50
    await page.get_by_role("searchbox").fill("unit 59")
    assert await names(page) == ["Unit 59", *[f"Unit {n}" for n in range(590, 600)]]
    await page.get_by_role("searchbox").fill("nobody")
    await expect(page.get_by_text("No matching units.")).to_be_visible()


@pytest.mark.parametrize(
    "state, balance, words", [("disconnected", "-3.10", "used up"), ("connected", "-600", "–")]
)
async def test_credit_is_called_used_up_only_where_that_cut_the_supply(
    page: Page, state: str, balance: str, words: str
) -> None:
    changes = {
        "sensor.supply_state": [state, {"reason": "credit_exhausted"}],
        "sensor.balance": [balance, {"unit_of_measurement": "ZAR"}],
        "sensor.run_out": ["unknown", {}],
    }
    await show(page, {"a": {"name": "Flat 1", "changes": changes}})
    assert await page.locator("tbody td").last.text_content() == words


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("tag", ["prepaid-meter-card", "prepaid-meter-units-card"])
async def test_every_language_fits_a_phone(page: Page, tag: str, language: str) -> None:
    armed = {"sensor.supply_state": ["armed", {"reason": "awaiting_confirmation"}]}
    units = {"x": {"name": "Caretaker's room", "changes": armed}, **HOUSE}
    config = {"device": "x"} if tag == "prepaid-meter-card" else {}
    wide = await page.evaluate(
        """async ([tag, accounts, config, language]) => {
          await localize.loadLanguage(language);
          const locale = { language, number_format: "language", time_format: "24" };
          const card = await show(tag, config, makeHass(accounts, { language, locale }));
          const all = [...card.shadowRoot.querySelectorAll("*")];
          const room = card.getBoundingClientRect().right;
          const beyond = all.filter((element) => element.getBoundingClientRect().right > room + 0.5);
          return beyond.map((element) => element.outerHTML);
        }""",
        [tag, units, config, language],
    )
    assert wide == []


async def test_the_states_stand_on_one_line_on_a_phone(page: Page) -> None:
    armed = {"sensor.supply_state": ["armed", {"reason": "awaiting_confirmation"}]}
    owing = {"sensor.balance": ["-ZAR 603.06", {}]}
    await page.set_viewport_size({"width": 400, "height": 844})
    await show(
        page, {"x": {"name": "Flat 4", "changes": armed}, "y": {"name": "Caretaker's room", "changes": owing}}
    )
    heights = await page.locator("td .chip").evaluate_all(
        "chips => [...new Set(chips.map((chip) => chip.getBoundingClientRect().height))]"
    )
    await page.set_viewport_size(PHONE)
    assert len(heights) == 1


async def test_the_language_can_be_changed_and_changed_back(page: Page) -> None:
    for language, words in (("fr", "Logements"), ("en", "Units"), ("fr", "Logements")):
        await page.evaluate(
            """async (language) => {
              const hass = makeHass({ a: { name: "Flat 1" } }, { language, locale: { language } });
              await show("prepaid-meter-units-card", {}, hass);
            }""",
            language,
        )
        await expect(page.get_by_role("heading")).to_have_text(words)


async def test_a_quiet_house_says_so(page: Page) -> None:
    await show(page, {"a": {"name": "Flat 1"}}, attention=True)
    await expect(page.get_by_text("No units need attention.")).to_be_visible()
    await show(page, {})
    await expect(page.get_by_text("No prepaid accounts yet.")).to_be_visible()


async def test_a_row_opens_the_card_of_its_unit_and_gives_the_focus_back(page: Page) -> None:
    await show(page, HOUSE)
    row = page.get_by_role("button", name="Flat 10", exact=True)
    await row.press("Enter")
    await expect(page.get_by_role("dialog", name="Flat 10")).to_contain_text("187.12 ZAR")
    await page.evaluate(
        "card.hass = { ...hass, states: { ...hass.states, 'sensor.a_balance':"
        " { state: '1.00', attributes: { unit_of_measurement: 'ZAR' } } } }"
    )
    await expect(page.get_by_role("dialog", name="Flat 10")).to_contain_text("1.00 ZAR")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


GENERATE = (
    "async ([accounts, sites]) => { const hass = makeHass(accounts, { callWS: async (message) => {"
    " if (sites === null || message.type !== 'prepaid_meter/sites') throw new Error('unknown');"
    " return { sites }; } });"
    " return customElements.get('ll-strategy-dashboard-prepaid-meter').generate({}, hass); }"
)


async def test_the_dashboard_shows_attention_first_then_units_then_sites(page: Page) -> None:
    many = {f"u{n}": {"name": f"Unit {n}"} for n in range(300)}
    sites = [
        {"name": "Arcade", "devices": ["u0", "u1"]},
        {"name": "Tower", "devices": [f"u{n}" for n in range(2, 300)]},
    ]
    dashboard = await page.evaluate(GENERATE, [many, sites])

    assert [view["title"] for view in dashboard["views"]] == ["Overview", "Arcade", "Tower"]
    overview, arcade, tower = dashboard["views"]
    cards = [card for section in overview["sections"] for card in section["cards"]]
    assert [(card["type"], card.get("attention")) for card in cards] == [
        ("custom:prepaid-meter-units-card", True),
        ("custom:prepaid-meter-units-card", None),
    ]
    assert [section["cards"][0]["device"] for section in arcade["sections"]] == ["u0", "u1"]
    assert len(tower["sections"][0]["cards"][0]["devices"]) == 298


async def test_a_household_gets_its_cards_at_once(page: Page) -> None:
    dashboard = await page.evaluate(GENERATE, [{"a": {"name": "Home"}}, None])
    (view,) = dashboard["views"]
    (cards,) = view["sections"]
    assert cards["cards"][0]["type"] == "custom:prepaid-meter-card"


async def test_the_pickers_offer_cards_and_dashboard(page: Page) -> None:
    offered = await page.evaluate(
        "[customCards, customStrategies].map((list) => list.map((entry) => entry.type))"
    )
    assert offered == [["prepaid-meter-card", "prepaid-meter-units-card"], ["prepaid-meter"]]
    suggestions = await page.evaluate(
        "() => { const hass = makeHass({ a: { name: 'Flat 1' }, b: { name: 'Flat 2' } });"
        " return customCards.map((card) => [card.name, card.getEntitySuggestion(hass, 'sensor.a_power'),"
        " card.getEntitySuggestion(hass, 'sun.sun')]); }"
    )
    assert suggestions == [
        ["Prepaid account", {"config": {"type": "custom:prepaid-meter-card", "device": "a"}}, None],
        ["Prepaid units", {"config": {"type": "custom:prepaid-meter-units-card"}}, None],
    ]


async def test_both_cards_have_a_form_whose_fields_have_names(page: Page) -> None:
    for tag in ("prepaid-meter-card", "prepaid-meter-units-card"):
        labels = await page.evaluate(
            "async (tag) => { const form = await customElements.get(tag).getConfigForm();"
            " return form.schema.map((field) => [field.name, form.computeLabel(field)]); }",
            tag,
        )
        assert all(label != f"editor.{name}" for name, label in labels), labels
