"""What a page owes to those who do not see it, see it badly, or do not use a mouse (WCAG 2.2, level AA)."""

from pathlib import Path
from typing import Final

from playwright.async_api import Page

LEAST_TARGET_PX: Final = 24
"""Success criterion 2.5.8; links within a line of text are exempt."""
CHECK: Final = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


async def barriers(page: Page) -> list[str]:
    """Return what stands in somebody's way on a page as it is now."""
    found = await page.evaluate(CHECK, LEAST_TARGET_PX)
    assert isinstance(found, list)
    return [str(each) for each in found]
