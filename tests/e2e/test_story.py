"""The whole story on real parts for each family: used up, warned, cut, confirmed open, paid, restored."""

import pytest

from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.browser import Chromium, UnitPage
from scripts.lib.demo.homeassistant import HomeAssistant
from scripts.lib.demo.landlord import Dashboard
from scripts.lib.demo.story import RESTORE_LIMIT_S, Story, Unit
from scripts.lib.demo.street import Street
from tests.e2e.house import CALM_WATTS, HOMES, STORIES


def print_step(title: str, observed: str, seconds: float) -> None:
    """Print a step, which pytest shows if the test fails."""
    print(f"{seconds:6.1f} s  {title}: {observed}")  # noqa: T201 - shown if the test fails


@pytest.mark.parametrize("account", STORIES)
async def test_credit_runs_out_and_a_payment_brings_supply_back(
    account: str,
    api: BridgeApi,
    home: HomeAssistant,
    street: Street,
    dashboard: Dashboard,
    chromium: Chromium,
) -> None:
    resident = HOMES[account]
    page = UnitPage(await chromium.page(), dashboard.url, account) if account == STORIES[0] else None
    unit = Unit(
        account_id=account,
        entities=resident.entities,
        api=api,
        home=home,
        page=page,
        meter=street.meter(resident.fitting.name),
        dial=street.dials[resident.fitting.name],
        top_up="5.00",
        depletes_s=60.0,
    )
    story = Story(unit, print_step)
    await story.run()
    unit.dial.watts = CALM_WATTS
    assert story.restored_s is not None
    assert story.restored_s <= RESTORE_LIMIT_S


async def test_the_books_are_right_while_the_bridge_runs(bridge: BridgeProcess) -> None:
    assert await bridge.problems() == []
