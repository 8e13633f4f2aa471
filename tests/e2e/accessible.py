"""Accessibility of a page for everyone who uses no mouse or sees little (WCAG 2.2, level AA)."""

from pathlib import Path
from typing import Final

from playwright.async_api import Page

LEAST_TARGET_PX: Final = 24
"""Success criterion 2.5.8; links within a line of text are exempt."""
CHECK: Final = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


async def barriers(page: Page) -> list[str]:
    """Return the accessibility violations of the page in its present state."""
    found = await page.evaluate(CHECK, LEAST_TARGET_PX)
    assert isinstance(found, list)
    return [str(each) for each in found]
