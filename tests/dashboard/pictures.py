"""The pictures of the dashboard in ``docs/images``: ``python -m tests.dashboard.pictures FOLDER``."""

import asyncio
from dataclasses import asdict
from datetime import UTC, date, datetime
import json
from pathlib import Path
import sys
import tempfile
from typing import Final, Literal, cast

from playwright.async_api import ViewportSize
import typst

from dashboard.access import Viewer
from dashboard.data.snapshot import read_snapshot
from dashboard.data.snapshot_sql import Scope
from dashboard.data.warehouse import Warehouse
from dashboard.reports.months import previous_month
from dashboard.reports.portfolio import LAYOUT, build_portfolio
from meter_bridge.printing.typesetter_child import layout_source
from scripts.lib.demo.browser import PHONE, Chromium, picture
from scripts.lib.demo.landlord import Dashboard
from scripts.lib.demo.ports import free_port
from tests.dashboard.sample_house import DAY_MS, build, yesterday

DESK: Final = ViewportSize(width=1440, height=900)
UNIT: Final = "unit?unit=flat-1a"
PICTURES: Final[tuple[tuple[str, str, ViewportSize, Literal["light", "dark"]], ...]] = (
    ("portfolio", "", DESK, "light"),
    ("unit", UNIT, DESK, "light"),
    ("phone-dark", UNIT, PHONE, "dark"),
    ("tariffs", "tariffs", DESK, "light"),
    ("energy", "energy-balance", DESK, "light"),
    ("top-ups", "top-ups", DESK, "light"),
    ("debt", "debt", DESK, "light"),
)
REPORT_DPI: Final = 80
BUSY: Final = "[data-testid=stStatusWidget], [data-testid=stSpinner], [data-stale=true]"
SETTLE_MS: Final = 1_500
"""Streamlit says in no way that its charts are drawn."""


async def take(folder: Path) -> None:
    """Invent a house of this moment and take every picture of it."""
    with tempfile.TemporaryDirectory(prefix="prepaid-pictures-") as name:
        house = build(Path(name) / "data", now=int(datetime.now(UTC).timestamp() * 1000))
        await asyncio.to_thread(house.export, yesterday(house))
        dashboard = Dashboard(house.folder, free_port(), Path(name) / "dashboard.log")
        await dashboard.start()
        browser = Chromium()
        await browser.start()
        try:
            for what, address, size, scheme in PICTURES:
                await _page(
                    browser, f"{dashboard.url}/{address}", size, scheme, folder / f"dashboard-{what}.png"
                )
        finally:
            await browser.stop()
            await dashboard.stop()
        (folder / "dashboard-report.png").write_bytes(_report(house.folder, house.now))


async def _page(
    browser: Chromium, url: str, size: ViewportSize, scheme: Literal["light", "dark"], path: Path
) -> None:
    """Take a picture of a page once it is drawn."""
    page = await browser.page(size, scheme)
    await page.goto(url)
    await page.get_by_role("heading", level=1).wait_for()
    await page.wait_for_timeout(SETTLE_MS)
    await page.wait_for_function("busy => !document.querySelector(busy)", arg=BUSY)
    await page.wait_for_timeout(SETTLE_MS)
    await picture(page, path)
    await page.context.close()


def _report(data: Path, now: int) -> bytes:
    """Return the first page of last month's portfolio report."""
    month = previous_month(datetime.fromtimestamp(now / 1000, UTC).date().replace(day=1))
    since = ((month - date(1970, 1, 1)).days - 2) * DAY_MS
    opened = Warehouse(read_snapshot(data, Scope(kind="report", since=since)))
    document = json.dumps(asdict(build_portfolio(opened, Viewer(every_site=True), month)))
    made = typst.compile(layout_source(LAYOUT), sys_inputs={"told": document}, format="png", ppi=REPORT_DPI)
    pages = cast("bytes | list[bytes]", made)
    return pages[0] if isinstance(pages, list) else pages


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
