"""Messages in the languages of those who read them: what happened, what is left, what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

LANGUAGES: Final = ("en", "af", "de", "es", "fr", "id", "pt", "sw", "zh")
_FOLDER: Final = Path(__file__).parent / "words"


class Templates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one language."""

    titles: dict[str, str]
    """What happened, by topic."""
    texts: dict[str, str]
    """What it means and what to do, by topic; topics without one are told in the alert's own words."""
    left: str
    lasts: str
    link: str
    repeated: str
    """That a message may have come before."""
    trial_title: str
    trial_text: str
    digest_title: str
    digest: dict[str, str]


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is read."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message tells besides its topic; texts for people, empty where unknown."""

    unit: str = ""
    message: str = ""
    """The alert's own words."""
    left: str = ""
    days: str = ""
    when: str = ""
    amount: str = ""
    link: str = ""


@cache
def templates_for(language: str) -> Templates:
    """Return the words of a language, English where there are none."""
    name = language if language in LANGUAGES else LANGUAGES[0]
    return msgspec.json.decode((_FOLDER / f"{name}.json").read_bytes(), type=Templates)


def message(topic: str, language: str, facts: Facts) -> Message:
    """Return a message; what it does not know it leaves out."""
    own = templates_for(language)
    filled = {
        "unit": facts.unit,
        "left": facts.left,
        "days": facts.days,
        "when": facts.when,
        "amount": facts.amount,
    }
    title = own.titles.get(topic, topic.replace("_", " "))
    text = own.texts.get(topic)
    lines = [facts.message if text is None else text.format(**filled)]
    if text is not None and facts.left:
        lines.append(own.left.format(**filled))
    if text is not None and facts.days:
        lines.append(own.lasts.format(**filled))
    if facts.link:
        lines.append(own.link.format(link=facts.link))
    return Message(
        f"{facts.unit}: {title}" if facts.unit else title, "\n".join(line for line in lines if line)
    )


def repeated(told: Message, language: str) -> Message:
    """Return a message that says that it may have come before."""
    return Message(told.title, f"{told.body}\n{templates_for(language).repeated}")


def trial_message(language: str, name: str) -> Message:
    """Return the message that proves that a channel works."""
    own = templates_for(language)
    return Message(own.trial_title, own.trial_text.format(name=name))


def digest_message(language: str, name: str, figures: Mapping[str, str]) -> Message:
    """Return a day summed up: a line for each figure that there is."""
    own = templates_for(language)
    lines = [own.digest[key].format(n=value) for key, value in figures.items()]
    return Message(own.digest_title.format(name=name), "\n".join(lines))
