"""A place in a site file's document: what stands there, and what is wrong with it.

Parts are read on their own, so that a mistake in one does not hide what is wrong with another.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from meter_bridge.config.parts import Part, read_part
from meter_bridge.config.problems import (
    MAX_PROBLEMS,
    InvalidValueError,
    Mistake,
    Path,
    ProblemCode,
    SiteFileError,
    SiteProblem,
    shorten,
)
from meter_bridge.config.scalars import Reader, identifier
from meter_bridge.config.yaml_text import Data, Document, name_of


@dataclass(frozen=True, slots=True)
class Node:
    """A place in a document, with the problems found so far anywhere in it."""

    document: Document
    path: Path = ()
    problems: list[SiteProblem] = field(default_factory=list)

    def at(self, *steps: str | int) -> Node:
        """Return a place below this one."""
        return Node(self.document, (*self.path, *steps), self.problems)

    def above(self, levels: int) -> Node:
        """Return the place so many levels above this one."""
        return Node(self.document, self.path[:-levels], self.problems)

    @property
    def data(self) -> Data | None:
        """Return what stands here, or None."""
        return self.document.get(self.path)

    @property
    def name(self) -> str:
        """Return the key of this place."""
        return str(self.path[-1])

    def part[P: Part](
        self,
        model: type[P],
        currency: str | None = None,
        *,
        inherited: Part | None = None,
        others: bool = False,
    ) -> P | None:
        """Return the part that stands here, or None after reporting all that is wrong with it."""
        return self.checked(
            lambda data, _=None, /: read_part(model, data, currency, inherited=inherited, others=others)
        )

    def checked[T](self, read: Reader[T]) -> T | None:
        """Return the value that stands here, or None after reporting what is wrong with it."""
        try:
            return read(self.data)
        except InvalidValueError as error:
            for mistake in error.mistakes:
                self.at(*mistake.path)._report(mistake)  # noqa: SLF001 - another place of the same document
            return None

    def value[T](self, read: Reader[T]) -> T | None:
        """Return the value that stands here, or None where it is missing or wrong: its part reports that."""
        try:
            return read(self.data)
        except InvalidValueError:
            return None

    def every_key(self) -> Iterator[Node]:
        """Yield the place of every key of the mapping that stands here."""
        data = self.data
        return (self.at(key) for key in (data if isinstance(data, dict) else ()))

    def children(self) -> Iterator[Node]:
        """Yield the places of the ids that stand here, and report keys that cannot be ids."""
        for child in self.every_key():
            try:
                identifier(child.name)
            except InvalidValueError as error:
                child.report(error.mistakes[0].message, error.remedy, key=True)
            else:
                yield child

    def items(self) -> list[Node]:
        """Return the places of the items of the list that stands here."""
        data = self.data
        return [self.at(index) for index in range(len(data))] if isinstance(data, list) else []

    def report(
        self, message: str, remedy: str, *, key: bool = False, code: ProblemCode = ProblemCode.WRONG_VALUE
    ) -> None:
        """Report a problem with what stands here, or with its key."""
        written = self.path[-1] if key and self.path else self.data
        value = shorten(written) if isinstance(written, str) else ""
        place = self.document.place(self.path, key=key)
        self._add(SiteProblem(*place, name_of(self.path), value, message, remedy, code))

    def _report(self, mistake: Mistake) -> None:
        """Report a mistake: a missing key where its part begins, and a secret without repeating it."""
        if mistake.code is ProblemCode.UNKNOWN_KEY or mistake.code is ProblemCode.WRONG_VALUE:
            key = mistake.code is ProblemCode.UNKNOWN_KEY
            self.report(mistake.message, mistake.remedy, key=key, code=mistake.code)
            return
        around = self.path[:-1] if mistake.code is ProblemCode.MISSING_KEY else self.path
        place = self.document.place(around, key=bool(around) and isinstance(around[-1], str))
        name = name_of(self.path)
        self._add(SiteProblem(*place, name, "", mistake.message, mistake.remedy, mistake.code))

    def _add(self, problem: SiteProblem) -> None:
        """Keep a problem; raises ``SiteFileError`` when there are more than anyone reads."""
        self.problems.append(problem)
        if len(self.problems) >= MAX_PROBLEMS:
            raise SiteFileError(self.problems)
