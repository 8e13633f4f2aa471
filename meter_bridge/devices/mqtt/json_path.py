"""Paths into a JSON document: ``SML.Total_in``, ``SPM.Energy[2]``, and ``*.Total_in`` for any member.

A document comes from a device and is not trusted: a path visits at most ``MAX_VISITED`` members, and a star
that finds two values finds none, as nobody could say which of them is the meter's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
import re
from typing import Any, Final

from meter_bridge.devices.base.quantities import UnreadableError

MAX_STEPS: Final = 12
MAX_VISITED: Final = 200
ANY_MEMBER: Final = "*"
_STEP: Final = re.compile(r"(?:^|\.)([^.\[\]]+)|\[([0-9]{1,3})\]")

type Json = Any
"""What ``msgspec.json`` makes of a document: nothing is known of it before a path is followed."""
type Step = str | int


class PathError(ValueError):
    """A text that is no path."""


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path, as it is written and as steps."""

    text: str
    steps: tuple[Step, ...]

    def find(self, document: Json) -> Json | None:
        """Return what stands there, or None; raise ``UnreadableError`` if a star finds two values."""
        budget = iter(range(MAX_VISITED))
        found = list(_follow(document, self.steps, budget))
        if len(found) > 1:
            raise UnreadableError("path_ambiguous", f"'{self.text}' finds {len(found)} values")
        return found[0] if found else None


def parse_path(text: str) -> JsonPath:
    """Return the path that a text means; raise ``PathError``."""
    steps: list[Step] = []
    end = 0
    while end < len(text):
        found = _STEP.match(text, end)
        if found is None:
            raise PathError(text)
        steps.append(found[1] if found[1] is not None else int(found[2]))
        end = found.end()
    if not steps or len(steps) > MAX_STEPS:
        raise PathError(text)
    return JsonPath(text, tuple(steps))


def _follow(document: Json, steps: tuple[Step, ...], budget: Iterator[int]) -> Iterator[Json]:
    if not steps:
        if document is not None:
            yield document
        return
    step, rest = steps[0], steps[1:]
    for inner in _inner(document, step):
        if next(budget, None) is None:
            raise UnreadableError("too_many_members", f"a path visits more than {MAX_VISITED} members")
        yield from _follow(inner, rest, budget)


def _inner(document: Json, step: Step) -> Iterator[Json]:
    if isinstance(document, dict):
        if step == ANY_MEMBER:
            yield from document.values()
        elif step in document:
            yield document[step]
    elif isinstance(document, list) and isinstance(step, int) and step < len(document):
        yield document[step]
