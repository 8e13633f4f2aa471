"""Who sees what: sign-in, roles, expiry, revocation, and that an address never leads past them."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
import os
from pathlib import Path
import time

import httpx
import pytest
from sqlalchemy import insert
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from streamlit.testing.v1 import AppTest

from dashboard.__main__ import _arguments as dashboard_arguments
from dashboard.access import Viewer
from dashboard.settings import DATA_VARIABLE, FRAMED_VARIABLE, OPEN_VARIABLE, PEOPLE_VARIABLE, Settings
from dashboard.signin import routes
from dashboard.signin.people import PeopleError, viewer_of_claims
from dashboard.signin.routes import ROUTES, SignInMiddleware
from dashboard.signin.sessions import COOKIE, Sessions
from dashboard.signin.tokens import viewer_of_token
from meter_bridge.engine.access.throttle import MAX_WRONG_TOKENS, Throttle
from meter_bridge.engine.access.tokens import compose_token, digest, new_secret
from meter_bridge.protocol.messages import Role
from meter_bridge.storage import tables
from tests.dashboard.fake_bridge import StandIn, bridge_at, caretaker, landlord, tenant
from tests.dashboard.sample_house import NOW_MS, House, Unit, build
from tests.dashboard.views.test_pages import shown

type Open = Callable[..., AppTest]
TOKEN = "pmb_0123456789ab_secret"
MANAGER = ["today", "units", "tariffs", "top_ups", "debt", "energy_balance", "alerts", "reports", "system"]


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> House:
    return build(
        tmp_path_factory.mktemp("homes"),
        (
            Unit(id="one", name="Flat 1", customer="N. Dlamini", days=3),
            Unit(id="two", name="Flat 2", customer="J. van Wyk", days=3),
            Unit(id="there", name="Rés-do-chão", site="flores", days=2),
        ),
    )


@pytest.fixture
def bridge(homes: House) -> Iterator[StandIn]:
    with bridge_at(homes.folder, StandIn()) as said:
        yield said


def test_a_stranger_sees_nothing(open_page: Open, homes: House) -> None:
    text = shown(open_page(homes.folder, "", token="pmb_unknown_token"))
    assert "Please sign in" in text
    assert "Flat" not in text


def test_a_landlord_sees_every_site(open_page: Open, homes: House, bridge: StandIn) -> None:
    bridge.people[TOKEN] = landlord()
    text = shown(open_page(homes.folder, "units", token=TOKEN))
    assert "Flat 1" in text
    assert "Rés-do-chão" in text
    assert "Signed in as Thandi" in text


def test_a_caretaker_sees_the_own_sites_and_no_payments(
    open_page: Open, homes: House, bridge: StandIn
) -> None:
    bridge.people[TOKEN] = caretaker("flores")
    text = shown(open_page(homes.folder, "units", token=TOKEN))
    assert "Rés-do-chão" in text
    assert "Flat 1" not in text
    today = shown(open_page(homes.folder, "today", token=TOKEN))
    assert "Paid in" not in today
    assert "No such unit" in shown(open_page(homes.folder, "unit", token=TOKEN, unit="one"))


def test_a_tenant_sees_the_own_unit_on_a_page_of_its_own(
    open_page: Open, homes: House, bridge: StandIn
) -> None:
    bridge.people[TOKEN] = tenant("one")
    text = shown(open_page(homes.folder, "home", token=TOKEN))
    assert "You have" in text
    assert "Flat 1" in text
    assert "Flat 2" not in text


def test_a_tenant_without_credit_is_told_so_in_plain_words(open_page: Open, tmp_path: Path) -> None:
    out = Unit(id="one", name="Flat 1", days=5, end_balance=-5_000_000, state="disconnected")
    build(tmp_path, (out,))
    with bridge_at(tmp_path, StandIn({TOKEN: tenant("one")})):
        text = shown(open_page(tmp_path, "home", token=TOKEN))
    assert "Nothing is left" in text
    assert "Lasts about" not in text


@pytest.mark.parametrize("wanted", ["two", "there", "' OR 1=1 --", ""])
def test_a_tenant_cannot_reach_another_unit_by_editing_the_address(
    open_page: Open, homes: House, bridge: StandIn, wanted: str
) -> None:
    bridge.people[TOKEN] = tenant("one")
    text = shown(open_page(homes.folder, "unit", token=TOKEN, unit=wanted))
    assert ("Flat 1" in text) if wanted == "" else ("No such unit" in text)
    assert "van Wyk" not in text
    assert "Rés-do-chão" not in text


@pytest.mark.parametrize("page", MANAGER)
def test_the_landlords_pages_are_not_there_for_a_tenant(
    open_page: Open, homes: House, bridge: StandIn, page: str
) -> None:
    bridge.people[TOKEN] = tenant("one")
    with pytest.raises(ValueError, match="page"):
        open_page(homes.folder, page, token=TOKEN)


def test_a_tenant_sees_nothing_from_before_moving_in(tmp_path: Path, open_page: Open) -> None:
    house = build(tmp_path, (Unit(id="one", name="Flat 1", customer="New", days=6),), write=False)
    cut = house.seq - 30
    entry = next(row for row in house.of(tables.journal_entry) if row["seq"] == cut)
    house.add(
        tables.tenancy,
        account_id="one",
        n=1,
        customer="New",
        start_ms=entry["at"],
        end_ms=None,
        first_seq=cut,
        first_event=0,
    )
    house.write()
    house.export(house.seq - 10)
    own = sum(int(str(row["wh"])) for row in house.of(tables.segment) if int(str(row["entry_seq"])) >= cut)
    every = sum(int(str(row["wh"])) for row in house.of(tables.segment))
    with bridge_at(tmp_path, StandIn({TOKEN: tenant("one")})):
        theirs = open_page(tmp_path, "unit", token=TOKEN)
    charged = next(metric for metric in theirs.metric if metric.label == "Charged, 7 days")
    assert charged.proto.delta_description.replace("\N{NO-BREAK SPACE}", " ") == f"{own / 1000:.1f} kWh"
    assert own < every


def test_a_revoked_token_loses_access_at_the_next_run(open_page: Open, homes: House, bridge: StandIn) -> None:
    bridge.people[TOKEN] = landlord()
    app = open_page(homes.folder, "units", token=TOKEN)
    assert "Flat 1" in shown(app)
    del bridge.people[TOKEN]
    assert "Flat 1" not in shown(app.run())


def test_a_session_ends_by_the_monotonic_clock() -> None:
    now = [100.0]
    sessions = Sessions(clock=lambda: now[0])
    cookie = sessions.begin(TOKEN, hours=2)
    now[0] += 2 * 3600 - 1
    assert sessions.token(cookie) == TOKEN
    now[0] += 1
    assert sessions.token(cookie) is None
    assert sessions.token(None) is None


def _stored(homes: House, role: Role, *, revoked: int | None = None, expires: int | None = None) -> str:
    """Write a token to the database as the bridge does and return it."""
    token_id, secret = new_secret()
    engine = homes.engine()
    with engine.begin() as connection:
        connection.execute(
            insert(tables.token).values(
                id=token_id,
                secret_hash=digest(secret),
                name="Thandi",
                role=role.value,
                sites='["*"]' if role is Role.LANDLORD else "[]",
                accounts='["one"]' if role is Role.TENANT else "[]",
                created_at=1,
                expires_at=expires,
                revoked_at=revoked,
            )
        )
    engine.dispose()
    return compose_token(token_id, secret)


def test_while_the_bridge_is_down_the_hashed_tokens_decide(tmp_path: Path) -> None:
    house = build(tmp_path, (Unit(id="one", name="Flat 1", days=0),))
    given = Settings(data=house.folder)
    good = _stored(house, Role.LANDLORD)
    found = viewer_of_token(given, good)
    assert found is not None
    assert found.every_site
    assert viewer_of_token(given, good[:-1] + ("a" if good[-1] != "a" else "b")) is None
    assert viewer_of_token(given, _stored(house, Role.LANDLORD, revoked=NOW_MS)) is None
    assert viewer_of_token(given, _stored(house, Role.LANDLORD, expires=1)) is None
    assert viewer_of_token(given, _stored(house, Role.DEVICE)) is None
    theirs = viewer_of_token(given, _stored(house, Role.TENANT))
    assert theirs is not None
    assert (theirs.every_site, theirs.sites, theirs.accounts) == (False, (), ("one",))


@pytest.mark.parametrize("token", ["", "pmb", "pmb_", "pmb_x", "pmb__", "x" * 10_000, "pmb_ü_x", "pmb_'_'"])
def test_a_text_that_is_no_token_is_nobody(tmp_path: Path, token: str) -> None:
    house = build(tmp_path, (Unit(id="one", name="Flat 1", days=0),))
    assert viewer_of_token(Settings(data=house.folder), token) is None


# The form


async def _page(request: Request) -> PlainTextResponse:
    return PlainTextResponse("the page")


class Browser:
    """Asks the routes as a browser does that opens pages, and keeps cookies."""

    def __init__(self) -> None:
        routes = [*ROUTES, Route("/{rest:path}", _page)]
        self._app = Starlette(routes=routes, middleware=[Middleware(SignInMiddleware)])
        self.cookies = httpx.Cookies()

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("GET", path))

    def post(
        self, path: str, data: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, data, headers))

    async def _ask(
        self,
        method: str,
        path: str,
        data: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://dashboard", headers={"accept": "text/html"}
        ) as client:
            client.cookies = self.cookies
            answer = await client.request(method, path, data=data, headers=headers)
            self.cookies = client.cookies
            return answer


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch, homes: House) -> Browser:
    monkeypatch.setenv(DATA_VARIABLE, str(homes.folder))
    monkeypatch.delenv(OPEN_VARIABLE, raising=False)
    monkeypatch.setattr(routes, "THROTTLE", Throttle())
    return Browser()


def test_a_stranger_is_led_to_the_form_and_back(browser: Browser, bridge: StandIn) -> None:
    bridge.people[TOKEN] = landlord()
    led = browser.get("/unit?unit=flat-1")
    assert led.status_code == 303
    assert led.headers["location"] == "./sign-in?next=unit%3Funit%3Dflat-1"
    form = browser.get(f"/{led.headers['location'][2:]}")
    assert form.status_code == 200
    assert 'value="unit?unit=flat-1"' in form.text
    done = browser.post("/sign-in", data={"token": TOKEN, "next": "unit?unit=flat-1"})
    assert (done.status_code, done.headers["location"]) == (303, "./unit?unit=flat-1")
    cookie = done.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path" not in cookie
    assert TOKEN not in cookie
    assert browser.get("/unit").text == "the page"
    browser.post("/sign-out")
    browser.cookies.clear()
    assert browser.get("/unit").status_code == 303


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example", "/\\evil", "javascript:x", "../up"]
)
def test_the_form_never_leads_to_another_site(browser: Browser, bridge: StandIn, wanted: str) -> None:
    bridge.people[TOKEN] = landlord()
    done = browser.post("/sign-in", data={"token": TOKEN, "next": wanted})
    assert done.headers["location"] == "./"


def test_a_form_of_another_site_is_refused(browser: Browser, bridge: StandIn) -> None:
    bridge.people[TOKEN] = landlord()
    refused = browser.post("/sign-in", data={"token": TOKEN}, headers={"origin": "https://evil.example"})
    assert refused.status_code == 403
    assert COOKIE not in refused.cookies


def test_wrong_tokens_are_counted_and_then_made_to_wait(browser: Browser) -> None:
    for _ in range(MAX_WRONG_TOKENS):
        assert browser.post("/sign-in", data={"token": "pmb_x_y"}).status_code == 403
    assert browser.post("/sign-in", data={"token": "pmb_x_y"}).status_code == 429


def test_wrong_tokens_of_anybody_lock_nobody_out(browser: Browser, bridge: StandIn) -> None:
    bridge.people[TOKEN] = landlord()
    for _ in range(2 * MAX_WRONG_TOKENS):
        browser.post("/sign-in", data={"token": "pmb_x_y"})
    assert browser.post("/sign-in", data={"token": TOKEN}).status_code == 303


def test_answers_may_be_framed_by_the_same_origin_alone(browser: Browser) -> None:
    headers = browser.get("/_stcore/health").headers
    assert headers["content-security-policy"] == "frame-ancestors 'self'"
    assert headers["x-content-type-options"] == "nosniff"


# People of a sign-in provider

PEOPLE = """
[[person]]
email = "Thandi@example.org"
role = "landlord"
sites = ["*"]

[[person]]
subject = "auth0|7"
role = "tenant"
accounts = ["one"]
token_file = "tenant.token"
"""


def test_a_person_of_the_provider_has_the_role_that_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "people.toml"
    file.write_text(PEOPLE)
    landlord_now = viewer_of_claims(file, {"email": "thandi@EXAMPLE.org", "sub": "x"})
    assert landlord_now == Viewer(every_site=True, role=Role.LANDLORD, name="Thandi@example.org")
    assert viewer_of_claims(file, {"email": "thandi@example.org", "email_verified": False}) is None
    assert viewer_of_claims(file, {"email": "stranger@example.org", "sub": "y"}) is None
    theirs = viewer_of_claims(file, {"sub": "auth0|7"})
    assert theirs == Viewer(accounts=("one",), role=Role.TENANT, name="auth0|7")
    (tmp_path / "tenant.token").write_text(f"{TOKEN}\n")
    assert viewer_of_claims(file, {"sub": "auth0|7"}) == replace(theirs, token=TOKEN)


def test_who_is_taken_out_of_the_file_is_out_at_once(tmp_path: Path) -> None:
    file = tmp_path / "people.toml"
    file.write_text(PEOPLE)
    assert viewer_of_claims(file, {"email": "thandi@example.org"}) is not None
    file.write_text("")
    os.utime(file, ns=(time.time_ns(), time.time_ns()))
    assert viewer_of_claims(file, {"email": "thandi@example.org"}) is None


@pytest.mark.parametrize(
    "wrong, told",
    [
        ('[[person]]\nrole = "landlord"\nsites = ["*"]', "either email or subject"),
        ('[[person]]\nemail = "a@b"\nrole = "owner"', "landlord, caretaker or tenant"),
        ('[[person]]\nemail = "a@b"\nrole = "tenant"\nsites = ["*"]', "no sites"),
        ('[[person]]\nemail = "a@b"\nrole = "landlord"', "has sites"),
        ('[[person]]\nemail = "a@b"\nrole = "tenant"\naccounts = "one"', "list of ids"),
        ('[[person]]\nemail = "a@b"\nadmin = true', "unknown"),
        ("person = 7", "no list"),
        ("= = =", "docs/dashboard.md"),
    ],
)
def test_a_file_of_people_that_is_wrong_names_place_and_remedy(tmp_path: Path, wrong: str, told: str) -> None:
    file = tmp_path / "people.toml"
    file.write_text(wrong)
    with pytest.raises(PeopleError, match=told):
        viewer_of_claims(file, {"email": "a@b"})


def test_without_sign_in_nobody_changes_anything(open_page: Open, homes: House) -> None:
    app = open_page(homes.folder, "unit", unit="one")
    assert not [button for button in app.button if button.label in {"Top up", "Hold off"}]


def test_who_came_through_the_provider_sees_the_pages_of_the_own_role(
    open_page: Open, homes: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "people.toml"
    file.write_text(PEOPLE)
    monkeypatch.setenv(PEOPLE_VARIABLE, str(file))
    claims: dict[str, object] = {"email": "thandi@example.org"}
    monkeypatch.setattr("dashboard.signin.current.provider_claims", lambda: claims)
    assert "Flat 2" in shown(open_page(homes.folder, "units", token=""))
    claims["email"] = "stranger@example.org"
    assert "Flat" not in shown(open_page(homes.folder, "", token=""))
    claims |= {"email": "", "sub": "auth0|7"}
    text = shown(open_page(homes.folder, "home", token=""))
    assert "Flat 1" in text
    assert "No such unit" in shown(open_page(homes.folder, "unit", token="", unit="two"))


def test_only_the_own_site_and_who_was_named_may_show_it_in_a_frame(
    homes: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(homes.folder))
    assert Browser().get("/sign-in").headers["content-security-policy"] == "frame-ancestors 'self'"
    monkeypatch.setenv(FRAMED_VARIABLE, "http://homeassistant.local:8123")
    told = Browser().get("/sign-in").headers["content-security-policy"]
    assert told == "frame-ancestors 'self' http://homeassistant.local:8123"


@pytest.mark.parametrize("wrong", ["*", "homeassistant.local", "http://a/b", "http://a; script-src *"])
def test_what_is_no_origin_is_refused(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["dashboard", "--data", ".", "--framed-by", wrong])
    with pytest.raises(SystemExit):
        dashboard_arguments()
    assert "is no origin" in capsys.readouterr().err
