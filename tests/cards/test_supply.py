"""The dialog in which a supply is held off and a hold is lifted: never without a question."""

from typing import Any, Final

from playwright.async_api import Page, expect
import pytest

HOLD: Final = {"id": "wires", "position": "off", "reason": "work on the wires", "by": "Anna"} | {
    "since": "2026-11-25T10:00:00Z"
}
SHOW: Final = """async ([role, holds, config, fails]) => {
  const [state, reason] = holds.length ? ["disconnected", "landlord_off"] : ["connected", "in_credit"];
  const changes = {
    "sensor.balance": ["187.12", { unit_of_measurement: "ZAR", role }],
    "sensor.supply_state": [state, { reason, note: null, holds }],
  };
  window.hass = makeHass({ house: { name: "Fern Cottage", changes } });
  if (fails) hass.callService = async () => { throw new Error("The bridge cannot store data."); };
  window.card = await show("prepaid-meter-card", { device: "house", ...config }, hass);
  window.info = [];
  card.addEventListener("hass-more-info", (event) => info.push(event.detail.entityId));
}"""


async def show(page: Page, role: str = "landlord", *holds: dict[str, Any], **more: Any) -> None:  # noqa: ANN401
    await page.evaluate(SHOW, [role, holds, more.get("config", {}), more.get("fails", False)])


async def calls(page: Page) -> list[Any]:
    return list(await page.evaluate("hass.calls.map((call) => call.slice(0, 3))"))


@pytest.mark.parametrize("role", ["landlord", "caretaker"])
async def test_a_supply_is_held_off_only_with_a_reason_and_after_a_question(page: Page, role: str) -> None:
    await show(page, role)
    await page.get_by_role("button", name="Supply: connected").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Nobody holds the supply.")
    await page.get_by_role("button", name="Hold off").click()
    await expect(page.get_by_role("alert")).to_contain_text("Enter a reason")
    await page.get_by_label("Reason").fill("inspection")
    await page.get_by_role("button", name="Hold off").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Switch Fern Cottage off and hold it off?")
    await expect(page.get_by_role("dialog")).to_contain_text("The customer sees: inspection")
    assert await calls(page) == []
    await page.get_by_role("button", name="Hold off").click()
    await expect(page.get_by_role("status").filter(has_text="held off")).to_be_visible()
    data = {"device_id": "house", "reason": "inspection"}
    assert await calls(page) == [["prepaid_meter", "hold_supply", data]]


async def test_going_back_switches_nothing_and_keeps_the_reason(page: Page) -> None:
    await show(page)
    await page.get_by_role("button", name="Supply: connected").click()
    await page.get_by_label("Reason").fill("inspection")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Back").click()
    await expect(page.get_by_label("Reason")).to_have_value("inspection")
    assert await calls(page) == []


async def test_a_hold_is_lifted_on_the_card_after_a_question(page: Page) -> None:
    await show(page, "caretaker", HOLD)
    await page.get_by_role("button", name="Lift the hold").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Held off: work on the wires")
    await page.get_by_role("dialog").get_by_role("button", name="Lift the hold").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Lift the hold “work on the wires” of Anna?")
    await expect(page.get_by_role("dialog")).to_contain_text("nobody is working on the installation")
    assert await calls(page) == []
    await page.get_by_role("dialog").get_by_role("button", name="Lift the hold").click()
    await expect(page.get_by_role("status").filter(has_text="The hold was lifted.")).to_be_visible()
    assert await calls(page) == [["prepaid_meter", "lift_hold", {"device_id": "house", "hold": "wires"}]]


async def test_a_refusal_is_shown(page: Page) -> None:
    await show(page, "landlord", HOLD, fails=True)
    await page.get_by_role("button", name="Lift the hold").click()
    for _ in range(2):
        await page.get_by_role("dialog").get_by_role("button", name="Lift the hold").click()
    await expect(page.get_by_role("alert")).to_contain_text(
        "Not done: Home Assistant could not do this. Its log states why."
    )


@pytest.mark.parametrize("role, config", [("tenant", {}), ("landlord", {"top_up": False})])
async def test_who_may_not_hold_sees_the_history_of_the_supply(
    page: Page, role: str, config: dict[str, Any]
) -> None:
    await show(page, role, HOLD, config=config)
    await expect(page.get_by_role("button", name="Lift the hold")).to_have_count(0)
    await page.get_by_role("button", name="Supply: disconnected").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert await page.evaluate("info") == ["sensor.house_supply_state"]


async def test_the_history_is_one_press_away_in_the_dialog(page: Page) -> None:
    await show(page)
    await page.get_by_role("button", name="Supply: connected").click()
    await page.get_by_role("button", name="Show history").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert await page.evaluate("info") == ["sensor.house_supply_state"]


@pytest.mark.parametrize(
    "role, button", [("landlord", "Top up"), ("tenant", "Enter voucher"), ("caretaker", None)]
)
async def test_the_role_of_the_token_decides_what_is_offered(
    page: Page, role: str, button: str | None
) -> None:
    """No other entity decides: whoever disables one keeps the buttons."""
    await show(page, role)
    for name in ("Top up", "Enter voucher"):
        await expect(page.get_by_role("button", name=name)).to_have_count(int(name == button))
