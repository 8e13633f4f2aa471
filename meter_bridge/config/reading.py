"""Reading a document part by part: what fits its shape is returned, the rest becomes problems.

Parts are read on their own, so that a slip in one does not hide what is wrong with another.
"""

from collections.abc import Iterator, Mapping
from typing import Final, cast

from voluptuous import Invalid, MultipleInvalid, RequiredFieldInvalid

from meter_bridge.config.nearest import suggest
from meter_bridge.config.problems import MAX_PROBLEMS, ProblemCode, SiteFileError, SiteProblem, shorten
from meter_bridge.config.scalars import Reader, Wrong, identifier
from meter_bridge.config.shapes import EXAMPLES, Shape
from meter_bridge.config.yaml_text import Document, Path, name_of

SECRET_KEYS: Final = frozenset({"password", "secret", "token"})


class Reading:
    """A document with the problems found in it so far."""

    def __init__(self, document: Document) -> None:
        """Begin without problems."""
        self.document = document
        self.problems: list[SiteProblem] = []

    def part[T](self, shape: Shape[T], path: Path) -> T | None:
        """Return what stands at a path, or None after reporting everything that does not fit its shape."""
        schema, _ = shape
        try:
            return cast("T", schema(self.document.get(path)))
        except MultipleInvalid as error:
            for each in error.errors:
                self._report(each, path, shape)
        return None

    def checked[T](self, read: Reader[T], path: Path) -> T | None:
        """Return a single value, or None after reporting what is wrong with it."""
        try:
            return read(self.document.get(path))
        except Wrong as error:
            self.add(path, error.msg, error.remedy)
            return None

    def value[T](self, read: Reader[T], path: Path) -> T | None:
        """Return a single value, or None where it is missing or wrong; its part reports that."""
        try:
            return read(self.document.get(path))
        except Invalid:
            return None

    def ids(self, path: Path) -> Iterator[str]:
        """Yield the ids at a path that can be ids, and report the others."""
        found = self.document.get(path)
        for key in found if isinstance(found, dict) else ():
            try:
                yield identifier(key)
            except Wrong as error:
                self.add((*path, key), error.msg, error.remedy, key=True)

    def count(self, path: Path) -> int:
        """Return how many items the list at a path has."""
        found = self.document.get(path)
        return len(found) if isinstance(found, list) else 0

    def add(
        self,
        path: Path,
        message: str,
        remedy: str,
        *,
        key: bool = False,
        code: ProblemCode = ProblemCode.WRONG_VALUE,
    ) -> None:
        """Report a problem with what stands at a path, or with its key."""
        found = path[-1] if key and path else self.document.get(path)
        value = shorten(found) if isinstance(found, str) else ""
        place = self.document.place(path, key=key)
        self.note(SiteProblem(*place, name_of(path), value, message, remedy, code))

    def note(self, problem: SiteProblem) -> None:
        """Keep a problem; raises ``SiteFileError`` when there are more than anyone reads."""
        self.problems.append(problem)
        if len(self.problems) >= MAX_PROBLEMS:
            raise SiteFileError(self.problems)

    def _report[T](self, error: Invalid, path: Path, shape: Shape[T]) -> None:
        """Turn an error of the schema into a problem at its place."""
        full = (*path, *(_step(step) for step in error.path))
        if isinstance(error, RequiredFieldInvalid):
            self._missing(full)
        elif error.msg == "extra keys not allowed":
            self._unknown(full, shape)
        elif isinstance(error, Wrong):
            self.add(full, error.msg, error.remedy)
        else:
            remedy = "write keys with values, indented below, each as key: value"
            self.add(full, "keys with values are expected here", remedy)

    def _missing(self, path: Path) -> None:
        """Report a missing key, at the key of the part that lacks it or where that part begins."""
        key, around = str(path[-1]), path[:-1]
        place = self.document.place(around, key=bool(around) and isinstance(around[-1], str))
        example = EXAMPLES.get(f"{_kind(path)} {key}") or EXAMPLES.get(key, f"{key}:")
        message, code = f"{key!r} is missing", ProblemCode.MISSING_KEY
        self.note(SiteProblem(*place, name_of(path), "", message, f"add {example}", code))

    def _unknown[T](self, path: Path, shape: Shape[T]) -> None:
        """Report a key that is not known here; a password must not stand in the file, nor in a message."""
        key = str(path[-1])
        if key in SECRET_KEYS:
            place = self.document.place(path, key=True)
            remedy = "put it into an environment variable and name that: password variable: SHELLY_PASSWORD"
            message = "secrets do not belong in a site file"
            code = ProblemCode.SECRET_IN_FILE
            self.note(SiteProblem(*place, name_of(path), "", message, remedy, code))
            return
        known = _known_keys(shape[0].schema, path)
        message, code = f"unknown key {shorten(key)!r}", ProblemCode.UNKNOWN_KEY
        self.add(path, message, suggest(key, known), key=True, code=code)


def _step(step: object) -> str | int:
    """Return a step of an error's path as documents have it; the schema's markers wrap their key."""
    return step if isinstance(step, int) else str(step)


def _known_keys(schema: object, path: Path) -> frozenset[str]:
    """Return the keys that the innermost part of a path may have."""
    found = NESTED_KEYS.get(_kind(path))
    if found is not None:
        return found
    return frozenset(str(key) for key in schema) if isinstance(schema, Mapping) else frozenset()


def _kind(path: Path) -> str:
    """Return the name of the part that holds the last step of a path, whatever the position or band."""
    names = [step for step in path[:-1] if isinstance(step, str)]
    for named in ("bands", "seasons"):
        if named in names[-2:]:
            return named
    return names[-1] if names else ""


_RULE_KEYS: Final = frozenset({"delay", "reset", "resets per hour"})
NESTED_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "bands": frozenset({"days", "from", "to", "season"}),
    "seasons": frozenset({"from", "to"}),
    "holidays": frozenset({"country", "region", "dates", "like"}),
    "blocks": frozenset({"bands", "up to"}),
    "lifeline": frozenset({"up to", "prices"}),
    "emergency credit": frozenset({"limit", "threshold"}),
    "friendly hours": frozenset({"days", "from", "to"}),
    "taxes": frozenset({"name", "kind", "percent", "per kWh", "applies to", "included in prices"}),
    "protect": frozenset({"over voltage", "under voltage", "overload"}),
    "over voltage": _RULE_KEYS,
    "under voltage": _RULE_KEYS,
    "overload": _RULE_KEYS,
    "load limit": frozenset({"delay", "reconnect after", "attempts per hour"}),
    "limits": frozenset(
        {"over voltage", "under voltage", "overload", "voltage hysteresis", "overload hysteresis"}
    ),
}
"""Keys of parts that are read together with the part around them."""
