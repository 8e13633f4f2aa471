"""A file of people says whom to tell, and names the line of whatever is wrong with it, never a secret."""

from datetime import time
from pathlib import Path

import pytest

from meter_bridge.notify.people import FILE_NAME, STAFF_TOPICS, Person, QuietHours, load_people
from meter_bridge.notify.rules import concerns
from meter_bridge.protocol.vocabulary import AlertKind

WHOLE = """
people:
  anna:
    channels: ["ntfy://ntfy.example.org/house", "mailto://user:hunter2@example.org"]
    language: de
    sites: [house]
    about: [tamper, meter_offline]
    quiet hours: 22:00-07:00
    digest: 08:00
customers:
  language: sw
  email: "mailtos://user:hunter2@example.org?to={address}"
"""


def load(folder: Path, text: str) -> str:
    """Return what is said of a file with mistakes."""
    path = folder / FILE_NAME
    path.write_text(text)
    path.chmod(0o600)
    return "\n".join(map(str, load_people(folder).problems))


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(WHOLE)
    path.chmod(0o600)
    people = load_people(tmp_path)
    anna = people.staff["anna"]
    assert (anna.language, sorted(anna.sites)) == ("de", ["house"])
    assert sorted(anna.about) == ["meter_offline", "tamper"]
    assert anna.quiet == QuietHours(time(22), time(7))
    assert anna.digest == time(8)
    assert people.language == "sw"
    ((name, channel),) = people.customer_channels("mia+flat@example.org", "+254700000000")
    assert (name, channel.endswith("to=mia%2Bflat%40example.org")) == ("email", True)
    assert "hunter2" not in repr(people)


def test_without_a_file_nobody_is_told(tmp_path: Path) -> None:
    assert not load_people(tmp_path).staff


def test_who_names_no_topics_hears_what_needs_a_person(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text("people:\n  bo:\n    channels: ['ntfy://ntfy.example.org/x']\n")
    path.chmod(0o600)
    assert load_people(tmp_path).staff["bo"].about == STAFF_TOPICS
    assert "low_credit" not in STAFF_TOPICS
    assert "tamper" in STAFF_TOPICS


@pytest.mark.parametrize(
    "text,said",
    [
        ("people: []\n", ["line 1", "names of people"]),
        ("peple: {}\n", ["line 1", "unknown key 'peple'", "write people: or customers:"]),
        ("people:\n  Anna B:\n    channels: [x]\n", ["line 2", "cannot be an id"]),
        ("people:\n  anna:\n    channels: []\n", ["line 2", "channels"]),
        ("people:\n  anna:\n    channels: ['hunter2']\n", ["line 3", "no address that messages can go to"]),
        (
            "people:\n  anna:\n    channels: ['json://h']\n    language: xx\n",
            ["line 4", "'xx'", "choose from en"],
        ),
        (
            "people:\n  anna:\n    channels: ['json://h']\n    about: [lunch]\n",
            ["line 4", "'lunch'", "choose"],
        ),
        (
            "people:\n  anna:\n    channels: ['json://h']\n    quiet hours: late\n",
            ["line 4", "write for example"],
        ),
        ("people:\n  anna:\n    channels: ['json://h']\n    digest: 25:00\n", ["line 4", "no time of day"]),
        ("people:\n  anna:\n    channels: ['json://h']\n    color: red\n", ["line 2", "color"]),
        ("customers:\n  email: 'mailto://a:hunter2@example.org'\n", ["line 2", "{address}"]),
        ("customers:\n  fax: 'x'\n", ["line 2", "unknown key 'fax'"]),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_no_secret(
    tmp_path: Path, text: str, said: list[str]
) -> None:
    message = load(tmp_path, text)
    for part in said:
        assert part in message
    assert "a:hunter2" not in message


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(WHOLE)
    path.chmod(0o644)
    people = load_people(tmp_path)
    assert (len(people.staff), "chmod 600" in str(people.problems[0])) == (0, True)


def test_money_of_no_site_is_told_to_those_of_every_site_alone() -> None:
    everywhere, north = Person("a", ()), Person("b", (), sites=frozenset({"north"}))
    assert concerns(everywhere, "", AlertKind.PAYMENT_WAITING)
    assert not concerns(north, "", AlertKind.PAYMENT_WAITING)
    assert concerns(north, "north", AlertKind.PAYMENT_WAITING)
    assert concerns(north, "", AlertKind.STORAGE_FAILING)
