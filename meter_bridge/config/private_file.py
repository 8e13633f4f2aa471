"""A file of the owner beside the database, which holds secrets: how it is read, and what is wrong with it.

A mistake turns off what it is in, and nothing else: supply is served all the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
import stat
from typing import Final, Self

import msgspec

from meter_bridge.config.problems import Path as Place, SiteFileError
from meter_bridge.config.yaml_text import Document, read_yaml

TOP: Final[Place] = ()


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One problem: its place, what is wrong, and the remedy; never a value, which may be a secret."""

    file: str
    line: int
    """Counted from 1; 0 where the file cannot be read at all."""
    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        name = f", {self.field}" if self.field else ""
        return f"{self.file}{line}{name}: {self.message}; {self.remedy}"


class FileProblemError(ValueError):
    """Something in a file that cannot be used."""

    def __init__(self, problem: FileProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class PrivateFile:
    """A file that is being read."""

    name: str
    document: Document
    problems: list[FileProblem]
    """What is wrong with it so far."""

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Return a file, None where there is none; what cannot be read is empty and has a problem."""
        try:
            if not path.exists():
                return None
            if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                what, remedy = (
                    "holds secrets and others may read it",
                    f"run chmod 600 {path.name} in its folder",
                )
            else:
                return cls(path.name, read_yaml(path.read_text(encoding="utf-8")), [])
        except SiteFileError as error:
            mistakes = [(each.line, each.field, each.message, each.remedy) for each in error.problems]
            return cls(path.name, Document({}), [FileProblem(path.name, *each) for each in mistakes])
        except UnicodeDecodeError:
            what, remedy = "is not text in UTF-8", "save it as UTF-8"
        except OSError as error:
            what, remedy = f"cannot be read: {error.strerror}", "make it readable for the bridge's user"
        return cls(path.name, Document({}), [FileProblem(path.name, 0, "", what, remedy)])

    def error_at(self, place: Place, what: str, remedy: str) -> FileProblemError:
        """Return the error that names a place."""
        line, _ = self.document.place(place, key=isinstance(self.document.get(place), dict))
        return FileProblemError(FileProblem(self.name, line, ".".join(map(str, place)), what, remedy))

    def attempt[T, D](self, read: Callable[[], T], default: D) -> T | D:
        """Return what is read, or the default after noting what is wrong with it."""
        try:
            return read()
        except FileProblemError as error:
            self.problems.append(error.problem)
            return default

    def mapping(
        self,
        place: Place,
        known: Sequence[str] = (),
        what: str = "keys with values are expected",
        example: str = "",
    ) -> dict[str, object]:
        """Return the keys and values at a place, without those that are not ``known``.

        ``what`` and ``example`` say what is expected where something else stands.
        """
        found = self.document.get(place)
        if found is None and place:
            return {}
        if not isinstance(found, dict):
            self.problems.append(self.error_at(place, what, example).problem)
            return {}
        unknown = [key for key in found if known and key not in known]
        for key in unknown:
            *others, last = (f"{name}:" for name in known)
            remedy = f"write {', '.join(others)} or {last}"
            self.problems.append(self.error_at((*place, key), f"unknown key {key!r}", remedy).problem)
        return {key: value for key, value in found.items() if key not in unknown}

    def each[T](self, place: Place, read: Callable[[Place, str], T], what: str, example: str) -> dict[str, T]:
        """Return what is read under each key at a place, without what is wrong."""
        keys = self.mapping(place, what=what, example=example)
        entries = {key: self.attempt(partial(read, (*place, key), key), None) for key in keys}
        return {key: entry for key, entry in entries.items() if entry is not None}

    def convert[T: msgspec.Struct](self, place: Place, kind: type[T], page: str) -> T:
        """Return what stands at a place as a struct, which a page of the documentation explains."""
        try:
            return msgspec.convert(self.document.get(place), kind)
        except msgspec.ValidationError as error:
            what = str(error).replace("`", "").replace(" - at $.", ": ")
            raise self.error_at(place, what[:1].lower() + what[1:], f"see {page}") from error
