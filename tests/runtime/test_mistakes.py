"""A mistake in a file of settings turns off what it is in; supply is served, and a person is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from meter_bridge.config.settings import Settings
from meter_bridge.config.site_file import load as parse
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.settings_file import load_providers
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.runtime.bridge import RunningBridge, offline, running
from meter_bridge.text.alerts import alert_text
from meter_bridge.text.catalogue import LANGUAGES
from tests.engine.harness import LANDLORD, SITE

PAYMENTS = """\
page: https://pay.example.org
providers:
  card: {kind: strip, name: Card, key: rk_live_0123456789abcdef, secrets: [whsec_0123456789abcdef]}
  till: {kind: webhook, name: Till, secrets: [0123456789abcdef], instructions: "Pay at the till."}
"""
NOTIFY = """\
people:
  anna: {channels: ["ntfy://ntfy.example.org/house"]}
  bo: {channels: ["nonsense://hunter2@example.org"]}
"""
CARD = "payments.yaml, line 3, providers.card.kind: kind is 'strip'; write kind: stripe or kind: webhook"
BO = "notify.yaml, line 3, people.bo.channels.0: is no address that messages can go to"


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o600)


@asynccontextmanager
async def bridge(folder: Path, site: str = SITE) -> AsyncIterator[RunningBridge]:
    settings = Settings(data=folder)
    async with offline(settings) as app:
        await app.sites.apply(LANDLORD, parse(site), document=site, dry_run=False)
    async with running(settings, None) as parts:
        yield parts


def alerts(parts: RunningBridge) -> list[str]:
    kinds = parts.engine.session.installation.alerts
    return [alert_text(key.kind, kinds[key].facts) for key in kinds if key.kind is AlertKind.SETTINGS_WRONG]


async def test_a_mistake_turns_off_its_own_part_alone(tmp_path: Path) -> None:
    write(tmp_path, "payments.yaml", PAYMENTS)
    write(tmp_path, "notify.yaml", NOTIFY)
    async with bridge(tmp_path) as parts:
        options = parts.app.payments.options(LANDLORD, "flat-1")
        assert [each.id for each in options.providers] == ["till"]
        with pytest.raises(RequestRefused, match="there is no person 'bo'") as refused:
            await parts.app.notices.try_person("bo")
        assert refused.value.remedy == "write one of anna"
        (text,) = alerts(parts)
        assert CARD in text
        assert BO in text
        assert "hunter2" not in text


@pytest.mark.parametrize(
    "text", ["providers: [", "[]", "\x00", "page: https://pay.example.org\nprovider: {}"]
)
@pytest.mark.parametrize("name", ["payments.yaml", "notify.yaml"])
async def test_whatever_is_written_there_supply_is_served(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, name, text)
    async with bridge(tmp_path) as parts:
        assert "flat-1" in parts.engine.session.installation.accounts
        (told,) = alerts(parts)
        assert f"{name}, line " in told


async def test_the_alert_closes_at_the_first_start_without_mistakes(tmp_path: Path) -> None:
    write(tmp_path, "notify.yaml", NOTIFY)
    other, right = NOTIFY.replace("bo:", "cy:"), NOTIFY[: NOTIFY.index("  bo:")]
    for text, expected in ((NOTIFY, ["people.bo"]), (other, ["people.cy"]), (right, [])):
        write(tmp_path, "notify.yaml", text)
        async with bridge(tmp_path) as parts:
            told = alerts(parts)
        assert [name in each for name, each in zip(expected, told, strict=True)] == [True] * len(expected)


async def test_a_message_of_a_provider_that_may_be_off_has_to_be_sent_again(tmp_path: Path) -> None:
    write(tmp_path, "payments.yaml", PAYMENTS)
    async with bridge(tmp_path) as parts:
        with pytest.raises(RequestRefused) as refused:
            await parts.app.payments.hear("card", {}, b"{}")
        assert refused.value.code is ErrorCode.PROVIDER_UNAVAILABLE


async def test_a_password_that_is_not_set_is_an_alert(tmp_path: Path) -> None:
    meter = 'address: "shelly:shelly-1/0", host: 192.0.2.1, password variable: SHELLY_PASSWORD'
    site = SITE.replace('address: "tasmota:flat-1/1"', meter)
    assert site != SITE
    async with bridge(tmp_path, site) as parts:
        (told,) = alerts(parts)
    assert "the environment variable SHELLY_PASSWORD with its password is not set" in told


def test_two_keypads_with_one_serial_are_both_off(tmp_path: Path) -> None:
    meter = '{serial: "1", key: 00112233445566778899aabbccddeeff, starting code: "1", unit: 100 Wh}'
    write(tmp_path, "payments.yaml", f"keypads:\n  flat-1: {meter}\n  flat-2: {meter}\n")
    file = load_providers(tmp_path)
    assert (len(file.keypads), len(file.problems)) == (0, 2)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_alert_is_said_in_every_language(language: str) -> None:
    text = alert_text("settings_wrong", {"problems": CARD}, language)
    assert CARD in text
    assert language == "en" or not text.startswith("A mistake")
