"""What each page shows of the invented house, word for word, so that no change of it goes unseen.

``scripts/test tests/dashboard/views/test_page_snapshots.py --renew-snapshots`` writes those of
``tests/dashboard/snapshots`` anew. Read the difference before it is committed: it is what landlords will see.
"""

from collections.abc import Callable, Iterator
from difflib import unified_diff
from pathlib import Path
import time

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.fake_bridge import StandIn, bridge_at, landlord, tenant
from tests.dashboard.page_text import text_of
from tests.dashboard.sample_house import House, build, yesterday
from tests.dashboard.views.test_pages import PAGES

SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
TOKEN = "pmb_0123456789ab_secret"
UNIT = "flat-2a"

type Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def show_house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return the house of the documentation's pictures, at a fixed instant."""
    made = build(tmp_path_factory.mktemp("show"))
    made.export(yesterday(made))
    return made


@pytest.fixture
def is_as_kept(pytestconfig: pytest.Config, show_house: House) -> Callable[[str, AppTest], None]:
    """Return a function that holds a page against its snapshot, or renews that."""

    def held(name: str, app: AppTest) -> None:
        shown = text_of(app).replace(str(show_house.folder), "FOLDER")
        kept = SNAPSHOTS / f"{name}.txt"
        if pytestconfig.getoption("--renew-snapshots"):
            kept.write_text(shown, encoding="utf-8")
        before = kept.read_text(encoding="utf-8").splitlines()
        difference = list(unified_diff(before, shown.splitlines(), "kept", "shown", lineterm=""))
        assert not difference, "\n".join([*difference, f"Renew it if that is meant: see {__name__}."])

    return held


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run where the machine's zone is neither the site's nor UTC."""
    with monkeypatch.context() as context:
        context.setenv("TZ", "Pacific/Apia")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_it_showed(
    open_page: Open, show_house: House, is_as_kept: Callable[[str, AppTest], None], page: str
) -> None:
    query = {"unit": UNIT} if page == "unit" else {}
    is_as_kept(page, open_page(show_house.folder, page, **query))


def test_without_a_unit_the_page_lists_all(
    open_page: Open, show_house: House, is_as_kept: Callable[[str, AppTest], None]
) -> None:
    is_as_kept("unit_of_all", open_page(show_house.folder, "unit"))


@pytest.mark.parametrize("page", ["unit", "system"])
def test_a_landlord_who_signed_in_is_offered_what_can_be_done(
    open_page: Open, show_house: House, is_as_kept: Callable[[str, AppTest], None], page: str
) -> None:
    query = {"unit": UNIT} if page == "unit" else {}
    with bridge_at(show_house.folder, StandIn({TOKEN: landlord()})):
        is_as_kept(f"{page}_of_landlord", open_page(show_house.folder, page, token=TOKEN, **query))


@pytest.mark.parametrize("page", ["home", "unit"])
def test_a_tenant_sees_what_tenants_saw(
    open_page: Open, show_house: House, is_as_kept: Callable[[str, AppTest], None], page: str
) -> None:
    with bridge_at(show_house.folder, StandIn({TOKEN: tenant(UNIT)})):
        is_as_kept(f"{page}_of_tenant", open_page(show_house.folder, page, token=TOKEN))


@pytest.mark.parametrize("page", ["", "single_sign_on"])
def test_a_stranger_is_asked_to_sign_in(
    open_page: Open, show_house: House, is_as_kept: Callable[[str, AppTest], None], page: str
) -> None:
    is_as_kept(page or "sign_in", open_page(show_house.folder, page, token=""))


def test_every_snapshot_belongs_to_a_page() -> None:
    assert {kept.stem.partition("_of_")[0] for kept in SNAPSHOTS.glob("*.txt")} == {
        *PAGES, "home", "sign_in", "single_sign_on",
    }  # fmt: skip
