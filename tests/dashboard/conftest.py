"""Fixtures of the dashboard's tests: invented houses, written once for each module that reads them."""

from collections.abc import Callable, Iterator
from pathlib import Path
import tomllib

import pytest
import streamlit as st
from streamlit import config
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dashboard.settings import DATA_VARIABLE, OPEN_VARIABLE, YES
from dashboard.signin.sessions import SESSIONS
from tests.dashboard.sample_house import NOW_MS, House, Unit, build, yesterday

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
CONFIG = APP.parent / ".streamlit" / "config.toml"
SMALL = (
    Unit(id="one", name="Flat 1", customer="N. Dlamini", days=12, kwh_per_day=40),
    Unit(id="two", name="Flat 2", customer="J. van Wyk", days=12, end_balance=-5_000_000),
    Unit(id="new", name="Flat 3", days=0),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the pages' snapshots be written anew."""
    parser.addoption(
        "--renew-snapshots", action="store_true", help="write what pages show as their snapshots"
    )


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return a small house, exported up to yesterday; nobody changes it."""
    made = build(tmp_path_factory.mktemp("house"), SMALL)
    made.export(yesterday(made))
    return made


@pytest.fixture(autouse=True)
def fresh_cache() -> Iterator[None]:
    """Forget what pages remembered of other tests."""
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture(scope="session", autouse=True)
def _as_served() -> None:
    """Run pages with the settings that they are served with: ``AppTest`` does not look beside ``app.py``."""
    for name, value in tomllib.loads(CONFIG.read_text(encoding="utf-8"))["runner"].items():
        config.set_option(f"runner.{name}", value)


@pytest.fixture(scope="session")
def components() -> BidiComponentManager:
    """Return what a server looks for once, among all that is installed; each ``AppTest`` would again."""
    found = BidiComponentManager()
    found.discover_and_register_components(start_file_watching=False)
    return found


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, components: BidiComponentManager) -> Callable[..., AppTest]:
    """Return a function that opens a page over a folder, at an instant: with a token, or without sign-in.

    It goes there at once, as by the page's address; raises ``ValueError`` where the person has no such page.
    Without a page it is the person's first.
    """

    def opened(
        folder: Path, page: str = "today", *, now: int = NOW_MS, token: str | None = None, **query: str
    ) -> AppTest:
        monkeypatch.setenv(DATA_VARIABLE, str(folder))
        monkeypatch.setenv(OPEN_VARIABLE, YES if token is None else "")
        cookie = SESSIONS.begin(token, 1) if token else None
        monkeypatch.setattr("dashboard.signin.current.session_cookie", lambda: cookie)
        monkeypatch.setattr("time.time", lambda: now / 1000)
        app = AppTest.from_file(str(APP), default_timeout=120)
        app._bidi_component_manager = components
        for name, value in query.items():
            app.query_params[name] = value
        app._page_hash = calc_hash(page.replace("_", "-")) if page else ""
        app.run()
        if page and app._finished_page_script_hash != app._page_hash:
            raise ValueError(f"{page} is no page of whoever opened it, who was shown another")
        return app

    return opened
