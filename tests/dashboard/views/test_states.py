"""Every page in every state that an installation can be in."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from meter_bridge.config.codec import decode_tariff_version
from meter_bridge.storage import tables
from tests.dashboard.fake_bridge import StandIn, bridge_at, tenant
from tests.dashboard.sample_details import version_document
from tests.dashboard.sample_house import DAY_MS, NOW_MS, House, Unit, build, yesterday
from tests.dashboard.views.test_pages import PAGES, shown

type Open = Callable[..., AppTest]
TOKEN = "pmb_0123456789ab_secret"
ELEMENT_BYTES = 4 * 1024 * 1024
MANY = 10_000


def empty(folder: Path) -> House:
    return build(folder, ())


def one_without_readings(folder: Path) -> House:
    return build(folder, (Unit(id="one", name="Only", days=0, end_balance=20_000_000),))


def below_zero(folder: Path) -> House:
    units = (
        Unit(id="one", name="Flat 1", days=40, end_balance=-80_000_000, top_ups=False, state="disconnected"),
        Unit(id="two", name="Flat 2", days=40, end_balance=-1, arrears=5_000_000, emergency=7_000_000),
    )
    return build(folder, units)


def gap_of_a_month(folder: Path) -> House:
    house = build(folder, (Unit(id="one", name="Flat 1", days=75),), write=False)
    begin, end = house.now - 50 * DAY_MS, house.now - 18 * DAY_MS
    rows = house.rows[tables.segment.name]
    house.rows[tables.segment.name] = [row for row in rows if not begin < int(str(row["start_ms"])) < end]
    house.write()
    house.export(yesterday(house))
    return house


def tariff_changed_mid_month(folder: Path) -> House:
    house = build(folder, (Unit(id="one", name="Flat 1", days=40),), write=False)
    (row,) = house.of(tables.tariff_version)
    before = decode_tariff_version(str(row["document"]))
    since = NOW_MS - 8 * DAY_MS
    house.add(
        tables.tariff_version,
        id="home-protea@later",
        tariff_id="home-protea",
        valid_from=since,
        document=version_document(replace(before, id="home-later", valid_from=since)),
        withdrawn_at=None,
    )
    for segment in house.of(tables.segment):
        if int(str(segment["start_ms"])) >= since:
            segment["version_id"] = "home-later"
    house.write()
    return house


def two_currencies(folder: Path) -> House:
    units = (
        Unit(id="one", name="Flat 1", days=40, debt=9_000_000),
        Unit(id="casa", name="Casa", site="flores", days=40, debt=4_000_000),
    )
    return build(folder, units)


def silent(folder: Path) -> House:
    """Return a house whose bridge stopped two days ago."""
    return build(folder, (Unit(id="one", name="Flat 1", days=20),), now=NOW_MS - 2 * DAY_MS)


def ten_thousand(folder: Path) -> House:
    return build(folder, tuple(Unit(id=f"u{n:05}", name=f"Flat {n:05}", days=0) for n in range(MANY)))


STATES = {
    each.__name__: each
    for each in (
        empty,
        one_without_readings,
        below_zero,
        gap_of_a_month,
        tariff_changed_mid_month,
        two_currencies,
        silent,
        ten_thousand,
    )
}


@pytest.fixture(scope="module", params=STATES)
def state(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, House]:
    """Return an installation in a state, with the state's name."""
    name = str(request.param)
    return name, STATES[name](tmp_path_factory.mktemp(name))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_a_picture_of_every_state(
    open_page: Open, state: tuple[str, House], page: str
) -> None:
    name, house = state
    unit = "u00007" if name == "ten_thousand" else "one"
    app = open_page(house.folder, page, unit=unit)
    text = shown(app)
    assert "<h1>" in text or "No such unit" in text or "No units yet" in text
    if name == "empty" and page != "system":
        assert "No such unit" in text if page == "unit" else "No units yet" in text
    if name == "silent":
        assert "The bridge is not running" in text
    for kind in ("html", "plotly_chart", "markdown", "selectbox"):
        assert all(each.proto.ByteSize() < ELEMENT_BYTES for each in app.get(kind)), kind


@pytest.mark.parametrize("page", ["home", "unit"])
def test_a_tenant_has_a_picture_of_every_state(open_page: Open, state: tuple[str, House], page: str) -> None:
    name, house = state
    unit = "u00007" if name == "ten_thousand" else "one"
    with bridge_at(house.folder, StandIn({TOKEN: tenant(unit)})):
        text = shown(open_page(house.folder, page, token=TOKEN))
    assert ("No such unit" in text) == (name == "empty")


def test_a_vacant_unit_is_not_out_of_credit(open_page: Open, tmp_path: Path) -> None:
    empty_flat = Unit(
        id="one", name="Flat 1", days=40, vacant_days=8, end_balance=0, state="disconnected",
        reason="credit_exhausted",
    )  # fmt: skip
    build(tmp_path, (empty_flat, Unit(id="two", name="Flat 2", days=40, end_balance=900_000_000)))
    pages = {page: shown(open_page(tmp_path, page)) for page in ("today", "units")}
    for alarm in ("Out of credit", "Running out", "credit used up"):
        assert alarm not in "".join(pages.values())
    assert "Vacant" in pages["units"]
    text = shown(open_page(tmp_path, "unit", unit="one"))
    assert "Vacant · disconnected" in text
    assert "vacant since 12 Nov 2026" in text
