"""Actions go to the bridge with the person's own token, ask first, count once, and tell what came of it."""

from collections.abc import Callable, Iterator

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from tests.dashboard.fake_bridge import Asked, Said, StandIn, bridge_at, caretaker, landlord, tenant
from tests.dashboard.sample_house import House, Unit, build

type Open = Callable[..., AppTest]
TOKEN = "pmb_0123456789ab_secret"
BOOKED = {
    "top_up": {"id": "entry-9", "split": {"payment_debt": 10_000_000, "balance": 90_000_000}},
    "available": 91_230_000,
    "supply": {"state": "connected", "reason": "in_credit"},
}


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> House:
    units = (
        Unit(id="one", name="Flat 1", days=2, alerts=(("tamper", "Energy flowed"),), quarantine=True),
        Unit(id="two", name="Flat 2", days=1, hold="off", state="armed", reason="awaiting_confirmation"),
    )
    return build(tmp_path_factory.mktemp("homes"), units)


@pytest.fixture
def bridge(homes: House) -> Iterator[StandIn]:
    with bridge_at(homes.folder, StandIn({TOKEN: landlord()})) as said:
        yield said


def button(app: AppTest, label: str) -> Button:
    """Return the button of that label."""
    return next(each for each in app.button if each.label == label)


def labels(app: AppTest) -> set[str]:
    """Return what can be pressed."""
    return {each.label for each in app.button}


def booked(asked: Asked) -> Said:
    """Say that a payment was booked."""
    return 201, dict(BOOKED)


def begin_top_up(open_page: Open, homes: House) -> AppTest:
    """Fill in a payment and stand before the question whether it is meant."""
    app = open_page(homes.folder, "unit", token=TOKEN, unit="one")
    button(app, "Top up").click().run()
    app.text_input[0].set_value("100.00")
    button(app, "Continue").click().run()
    return app


def test_a_top_up_asks_first_and_shows_its_split(open_page: Open, homes: House, bridge: StandIn) -> None:
    bridge.answers["POST /api/v1/accounts/one/top-ups"] = booked
    app = begin_top_up(open_page, homes)
    assert bridge.asked == []
    assert any("Book ZAR" in str(each.value) for each in app.markdown)
    button(app, "Book it").click().run()
    (asked,) = bridge.asked
    assert asked.body == {"amount": "100.00", "method": "cash"}
    assert asked.token == TOKEN
    assert asked.key
    told = app.success[0].value.replace("\N{NO-BREAK SPACE}", " ").replace("\\", "")
    assert "ZAR 10.00 to debt" in told
    assert "ZAR 90.00 to balance" in told
    assert "Available now: ZAR 91.23" in told


def test_a_top_up_that_buys_units_names_them(open_page: Open, homes: House, bridge: StandIn) -> None:
    top_up = dict(BOOKED["top_up"]) | {"split": {"units": 100_000_000, "balance": 0}, "units_wh": 12_400}  # type: ignore[call-overload]
    bridge.answers["POST /api/v1/accounts/one/top-ups"] = lambda _: (
        201,
        dict(BOOKED) | {"top_up": top_up, "available": 0},
    )
    app = begin_top_up(open_page, homes)
    button(app, "Book it").click().run()
    told = app.success[0].value.replace("\N{NO-BREAK SPACE}", " ").replace("\\", "")
    assert "Bought: 12.4 kWh" in told
    assert "0.00" not in told.replace("100.00", "")


def test_a_top_up_whose_answer_was_lost_goes_again_under_the_same_key(
    open_page: Open, homes: House, bridge: StandIn
) -> None:
    def lost(asked: Asked) -> Said:
        raise ConnectionResetError

    bridge.answers["POST /api/v1/accounts/one/top-ups"] = lost
    app = begin_top_up(open_page, homes)
    button(app, "Book it").click().run()
    assert "may or may not be done" in app.error[0].value
    bridge.answers["POST /api/v1/accounts/one/top-ups"] = booked
    button(app, "Book it").click().run()
    first, second = bridge.asked
    assert first.key == second.key
    assert app.success


def test_two_dialogs_have_two_keys(open_page: Open, homes: House, bridge: StandIn) -> None:
    bridge.answers["POST /api/v1/accounts/one/top-ups"] = booked
    for _ in range(2):
        button(begin_top_up(open_page, homes), "Book it").click().run()
    assert len({asked.key for asked in bridge.asked}) == 2


@pytest.mark.parametrize("wrong", ["", "abc", "-5", "0", "1e9", "10,50"])
def test_a_wrong_amount_goes_no_further(open_page: Open, homes: House, bridge: StandIn, wrong: str) -> None:
    app = open_page(homes.folder, "unit", token=TOKEN, unit="one")
    button(app, "Top up").click().run()
    app.text_input[0].set_value(wrong)
    button(app, "Continue").click().run()
    assert "Book it" not in labels(app)
    assert bridge.asked == []


def test_a_refusal_is_shown_with_its_remedy(open_page: Open, homes: House, bridge: StandIn) -> None:
    bridge.answers["POST /api/v1/accounts/one/top-ups"] = lambda _: (
        422,
        {"code": "amount_out_of_range", "message": "at most 50.00", "remedy": "pay in parts"},
    )
    app = begin_top_up(open_page, homes)
    button(app, "Book it").click().run()
    assert "At most 50" in app.error[0].value.replace("\\", "")
    assert "Pay in parts" in app.error[0].value


def test_a_hold_wants_a_reason_and_a_confirmation(open_page: Open, homes: House, bridge: StandIn) -> None:
    bridge.answers["POST /api/v1/accounts/one/supply"] = lambda _: (
        200,
        {"state": "disconnected", "reason": "landlord_off"},
    )
    app = open_page(homes.folder, "unit", token=TOKEN, unit="one")
    button(app, "Hold off").click().run()
    button(app, "Continue").click().run()
    assert bridge.asked == []
    app.text_input[0].set_value("leak under the sink")
    button(app, "Continue").click().run()
    [each for each in app.button if each.label == "Hold off"][-1].click().run()
    assert bridge.asked[0].body == {"action": "off", "reason": "leak under the sink"}
    assert "switched off by the landlord" in app.success[0].value


def test_a_hold_is_lifted(open_page: Open, homes: House, bridge: StandIn) -> None:
    bridge.answers["POST /api/v1/accounts/two/supply"] = lambda _: (
        200,
        {"state": "connected", "reason": "in_credit"},
    )
    app = open_page(homes.folder, "unit", token=TOKEN, unit="two")
    button(app, "Lift the hold").click().run()
    button(app, "Lift it").click().run()
    assert bridge.asked[0].body == {"action": "auto"}


def test_a_register_is_decided_with_a_reason(open_page: Open, homes: House, bridge: StandIn) -> None:
    bridge.answers["POST /api/v1/meters/one-meter/quarantine"] = lambda _: (200, {"register_wh": 1200})
    app = open_page(homes.folder, "system", token=TOKEN)
    button(app, "Decide").click().run()
    app.radio[0].set_value("new_epoch")
    app.text_input[0].set_value("meter was replaced")
    button(app, "Continue").click().run()
    [each for each in app.button if each.label == "Decide"][-1].click().run()
    assert bridge.asked[0].body == {"decision": "new_epoch", "reason": "meter was replaced"}
    told = app.success[0].value.replace("\N{NO-BREAK SPACE}", " ").replace("\\", "")
    assert told == "Decided. Metering continues from 1.2 kWh."


def test_an_alert_is_acknowledged(open_page: Open, homes: House, bridge: StandIn) -> None:
    bridge.answers["POST /api/v1/alerts/one-tamper/acknowledge"] = lambda _: (200, {"kind": "tamper"})
    app = open_page(homes.folder, "alerts", token=TOKEN)
    button(app, "Acknowledge").click().run()
    [each for each in app.button if each.label == "Acknowledge"][-1].click().run()
    assert bridge.asked[0].path == "/api/v1/alerts/one-tamper/acknowledge"


def test_everybody_is_offered_what_the_role_may(open_page: Open, homes: House, bridge: StandIn) -> None:
    assert {"Top up", "Hold off", "Keep on"} <= labels(
        open_page(homes.folder, "unit", token=TOKEN, unit="one")
    )
    bridge.people[TOKEN] = caretaker("protea")
    held = labels(open_page(homes.folder, "unit", token=TOKEN, unit="one"))
    assert "Hold off" in held
    assert not {"Top up", "Keep on"} & held
    bridge.people[TOKEN] = tenant("two")
    theirs = labels(open_page(homes.folder, "home", token=TOKEN))
    assert "Switch on" in theirs
    assert not {"Top up", "Hold off", "Lift the hold"} & theirs


def test_a_statement_comes_from_the_bridge(open_page: Open, homes: House, bridge: StandIn) -> None:
    bridge.answers["GET /api/v1/accounts/one/statement"] = lambda _: (200, {"raw": b"%PDF-1.7"})
    app = open_page(homes.folder, "unit", token=TOKEN, unit="one")
    button(app, "Create").click().run()
    assert "from=2026-11&to=2026-11&detail=day&format=pdf" in bridge.asked[0].path
    assert "Save statement-one-2026-11.pdf" in {each.proto.label for each in app.get("download_button")}


def test_an_amount_far_beyond_the_usual_is_asked_about_once_more(
    open_page: Open, homes: House, bridge: StandIn
) -> None:
    doubt: dict[str, object] = {
        "code": "confirmation_needed",
        "message": "ZAR 100.00 is more than 10 times what is usual.",
    }

    def answer(asked: Asked) -> Said:
        return booked(asked) if "confirmed=true" in asked.path else (409, doubt)

    bridge.answers["POST /api/v1/accounts/one/top-ups"] = answer
    app = begin_top_up(open_page, homes)
    button(app, "Book it").click().run()
    assert "10 times what is usual" in app.warning[0].value
    assert "Book it" not in labels(app)
    button(app, "The amount is right").click().run()
    assert app.success
    assert len({asked.key for asked in bridge.asked}) == 1
