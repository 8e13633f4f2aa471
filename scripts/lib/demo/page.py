"""The dashboard's page of one unit in a browser."""

from decimal import Decimal
import re
from typing import Final

from playwright.async_api import Page

BALANCE: Final = re.compile(r"Balance\s+[A-Z]{3}\s([\u2212-]?[\d,.]+)")


class UnitPage:
    """One unit in the dashboard."""

    def __init__(self, page: Page, dashboard_url: str, account_id: str) -> None:
        self.page = page
        self._url = f"{dashboard_url}/unit?unit={account_id}"

    async def text(self) -> str:
        """Load the page and return its text once the figures are there."""
        await self.page.goto(self._url)
        await self.page.get_by_text("Power now").first.wait_for()
        return await self.page.locator("body").inner_text()

    async def balance(self) -> Decimal | None:
        """Return the balance that the page shows."""
        found = BALANCE.search(await self.text())
        return Decimal(found[1].replace(",", "").replace("\u2212", "-")) if found else None
