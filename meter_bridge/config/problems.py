"""Problems of a site file, each with its place and its remedy."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

type Path = tuple[str | int, ...]
"""Keys and positions that lead to a place in the file."""

MAX_SHOWN: Final = 50
"""Problems that the error's text lists; ``problems`` holds all."""
MAX_PROBLEMS: Final = 1000
"""Problems after which reading ends: such a file is not a site file."""
VALUE_LENGTH: Final = 80


class ProblemCode(StrEnum):
    """What kind of mistake it is; stable, for programs."""

    NOT_READABLE = "not_readable"
    """The text is not YAML, or contains something that is not allowed in it."""
    UNKNOWN_KEY = "unknown_key"
    MISSING_KEY = "missing_key"
    SECRET_IN_FILE = "secret_in_file"  # noqa: S105 - a code, not a secret
    WRONG_VALUE = "wrong_value"
    MINUTE_UNPRICED = "minute_unpriced"
    """A tariff leaves a minute of some year without a price."""
    MINUTE_PRICED_TWICE = "minute_priced_twice"
    DAY_IN_NO_SEASON = "day_in_no_season"
    DAY_IN_TWO_SEASONS = "day_in_two_seasons"
    VERSION_CANNOT_FOLLOW = "version_cannot_follow"
    """A tariff version would leave the month in which it begins half priced."""


@dataclass(frozen=True, slots=True, order=True)
class SiteProblem:
    """One problem: its place, what is wrong, and the remedy. Lines and columns count from 1."""

    line: int
    column: int
    field: str
    """Keys that lead to it, such as ``sites.rose-street.units.flat-1.tariff``; empty for the whole file."""
    value: str
    message: str
    remedy: str
    code: ProblemCode = ProblemCode.WRONG_VALUE

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}"
        name = f", {self.field}" if self.field else ""
        return f"{place}{name}: {self.message}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a value, and where within it."""

    message: str
    remedy: str
    code: ProblemCode = ProblemCode.WRONG_VALUE
    path: Path = ()


class InvalidValueError(ValueError):
    """A value that cannot be accepted, with all of its mistakes, of which there is at least one."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__(mistakes[0].message)
        self.mistakes = mistakes

    @property
    def remedy(self) -> str:
        """Return how to correct the first mistake."""
        return self.mistakes[0].remedy

    def within(self, step: str | int) -> tuple[Mistake, ...]:
        """Return the mistakes as those of the value that holds this one under a key or at a position."""
        return tuple(replace(mistake, path=(step, *mistake.path)) for mistake in self.mistakes)


def invalid(message: str, remedy: str) -> InvalidValueError:
    """Return the error for a value with a single mistake."""
    return InvalidValueError(Mistake(message, remedy))


class SiteFileError(ValueError):
    """A site file that cannot be accepted; nothing of it was applied."""

    def __init__(self, problems: Iterable[SiteProblem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        shown = [str(problem) for problem in self.problems[:MAX_SHOWN]]
        if len(self.problems) > MAX_SHOWN:
            shown.append(f"and {len(self.problems) - MAX_SHOWN} more")
        super().__init__("\n".join(shown))


def shorten(text: str) -> str:
    """Return a value short enough to be shown, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= VALUE_LENGTH else line[: VALUE_LENGTH - 1] + "…"


MAX_LISTED: Final = 20
MAX_COMPARED: Final = 5_000
"""Comparing a word with so many others takes a tenth of a second."""
_SIMILAR: Final = 0.6


def nearest(word: str, known: Collection[str]) -> str | None:
    """Return the known word that was probably meant; case, dashes and underscores do not count."""
    if len(known) > MAX_COMPARED:
        return None
    plain = {_plain(candidate): candidate for candidate in known}
    matches = get_close_matches(_plain(word[:80]), plain, n=1, cutoff=_SIMILAR)
    return plain[matches[0]] if matches else None


def suggest(word: str, known: Collection[str], otherwise: str = "") -> str:
    """Return the remedy for an unknown word: the nearest known one, or else ``otherwise`` or all of them."""
    probable = nearest(word, known)
    if probable is not None:
        return f"did you mean {probable!r}?"
    listed = ", ".join(sorted(known)[:MAX_LISTED])
    return otherwise or (f"write one of {listed}" if listed else "there are none yet; add one first")


def _plain(word: str) -> str:
    return word.lower().replace("_", " ").replace("-", " ")
