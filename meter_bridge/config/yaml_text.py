"""YAML text with the place of everything in it; every scalar stays the text that was written.

A site file holds money, times of day and words. YAML's own guesses would make ``2.10`` a float, ``06:00`` the
number 360 (YAML 1.1) and ``no`` a boolean, so nothing is guessed: the reader of a value says what it must be.
"""

from dataclasses import dataclass, field
import re
from typing import Final, NoReturn, Protocol

import yaml

from meter_bridge.config.problems import MAX_PROBLEMS, Path, ProblemCode, SiteFileError, SiteProblem, shorten

MAX_BYTES: Final = 20_000_000
"""A file of a hundred thousand units has about 16 MB."""
MAX_DEPTH: Final = 16
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029\ud800-\udfff\ufffe\uffff]")
"""What YAML forbids, and line separators that editors do not show and that would shift all lines below."""
_CHECK: Final = "check indentation, quotes and brackets near this place; quote a text that holds ': ' or ' #'"

type Data = str | list[Data] | dict[str, Data]
type Place = tuple[int, int]
"""Line and column, counted from 1."""

# Only events are asked for: they carry plain text and build no objects. The loader in C is ten times as fast.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Document:
    """The data of a text, with the places of its keys and values."""

    data: Data = ""
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)

    def get(self, path: Path) -> Data | None:
        """Return what stands at a path, or None."""
        data: Data = self.data
        for step in path:
            match data, step:
                case dict(), str() if step in data:
                    data = data[step]
                case list(), int() if step < len(data):
                    data = data[step]
                case _:
                    return None
        return data

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Return the place of a value, or of its key; of the nearest that exists around it."""
        while path:
            own, other = (self.keys, self.values) if key else (self.values, self.keys)
            place = own.get(path) or other.get(path)
            if place is not None:
                return place
            path, key = path[:-1], True
        return (1, 1)


def name_of(path: Path) -> str:
    """Return a path as people read it, such as ``sites.home.units.flat.low credit[0]``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return shorten(text)


def read_yaml(text: str) -> Document:
    """Return the document of a text; raises ``SiteFileError``.

    It refuses more than ``MAX_BYTES``, duplicate keys, anchors and aliases (a few lines of them can stand
    for gigabytes), tags, several documents, deep nesting and characters that no editor shows.
    """
    _check_characters(text)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        # What is not closed is reported where it begins, not at the end of the file.
        endless = error.context_mark is not None and "end of stream" in (error.problem or "")
        place = _place(error.context_mark if endless else error.problem_mark or error.context_mark)
        message = f"not readable as YAML: {error.problem or error.context}"
        builder.stop(place, "", message, _remedy(text, place))
    except SiteFileError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        builder.stop((1, 1), "", f"not readable as YAML: {shorten(str(error))}", _CHECK)
    return builder.finish()


class _Mark(Protocol):
    """A place as the parsers in C and in Python give it, counted from 0."""

    line: int
    column: int


def _place(mark: _Mark | None) -> Place:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _remedy(text: str, place: Place) -> str:
    """Return how to correct a syntax error; a tab is the one that cannot be seen."""
    lines = text.splitlines()
    line = lines[place[0] - 1] if place[0] <= len(lines) else ""
    return "indent with spaces, not with a tab" if "\t" in line else _CHECK


def _check_characters(text: str) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        _refuse(
            (1, 1),
            f"{size:,} bytes are more than {MAX_BYTES:,}",
            "split the installation over several bridges",
        )
    match = _UNPRINTABLE.search(text)
    if match:
        before = text[: match.start()]
        place = (before.count("\n") + 1, match.start() - before.rfind("\n"))
        _refuse(
            place,
            f"character {match.group()!r} is not allowed in a text",
            "remove it; save the file as UTF-8",
        )
    if not text.strip():
        _refuse((1, 1), "the file is empty", "start with name: and sites:")


def _refuse(place: Place, message: str, remedy: str) -> NoReturn:
    raise SiteFileError([SiteProblem(*place, "", "", message, remedy, ProblemCode.NOT_READABLE)])


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is still open; ``key`` is the mapping's key that waits for its value."""

    data: list[Data] | dict[str, Data]
    path: Path
    key: str | None = None
    repeated: bool = False


class _Builder:
    """Puts events together to a document, without recursion, whatever the depth."""

    def __init__(self) -> None:
        self._document = Document()
        self._frames: list[_Frame] = []
        self._problems: list[SiteProblem] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """Handle one event."""
        place = _place(event.start_mark)
        match event:
            case yaml.DocumentStartEvent():
                self._start_document(place)
            case yaml.ScalarEvent():
                self._check_plain(event, place)
                self._scalar(event.value, place)
            case yaml.AliasEvent():
                self._anchor(f"*{event.anchor}", place)
                self._scalar("", place)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._check_plain(event, place)
                self._open([] if isinstance(event, yaml.SequenceStartEvent) else {}, place)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._frames.pop()

    def stop(self, place: Place, value: str, message: str, remedy: str) -> NoReturn:
        """Stop with this problem and those found before."""
        self._problem(place, value, message, remedy)
        raise SiteFileError(self._problems)

    def finish(self) -> Document:
        """Return the document unless problems were found."""
        if self._problems:
            raise SiteFileError(self._problems)
        return self._document

    def _start_document(self, place: Place) -> None:
        self._documents += 1
        if self._documents > 1:
            self.stop(place, "---", "a second document begins here", "keep one installation in one file")

    def _check_plain(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, place: Place) -> None:
        if event.anchor is not None:
            self._anchor(f"&{event.anchor}", place)
        if event.tag is not None:
            self._problem(place, event.tag, f"tag {event.tag!r} is not allowed", "write the value without it")

    def _anchor(self, text: str, place: Place) -> None:
        message = f"anchors and aliases such as {text!r} are not allowed"
        self._problem(
            place, text, message, "write the value out, use defaults:, or quote a text that begins so"
        )

    def _scalar(self, text: str, place: Place) -> None:
        frame = self._frames[-1] if self._frames else None
        if frame is not None and isinstance(frame.data, dict) and frame.key is None:
            self._key(frame, text, place)
        else:
            self._add(text, place)

    def _key(self, frame: _Frame, text: str, place: Place) -> None:
        """Take a key; of one that is written twice the first value counts, for the checks that follow."""
        frame.key = text
        frame.repeated = text in frame.data
        if frame.repeated:
            first = self._document.keys[(*frame.path, text)][0]
            message = f"key {shorten(text)!r} is written twice, first in line {first}"
            self._problem(place, text, message, "keep one of them", path=(*frame.path, text))
        else:
            self._document.keys[(*frame.path, text)] = place

    def _open(self, data: list[Data] | dict[str, Data], place: Place) -> None:
        if len(self._frames) >= MAX_DEPTH:
            self.stop(place, "", f"nested deeper than {MAX_DEPTH} levels", "remove brackets or indentation")
        path = self._add(data, place)
        self._frames.append(_Frame(data, path))

    def _add(self, data: Data, place: Place) -> Path:
        if not self._frames:
            self._document.data = data
            return self._at((), place)
        frame = self._frames[-1]
        if isinstance(frame.data, list):
            frame.data.append(data)
            return self._at((*frame.path, len(frame.data) - 1), place)
        if frame.key is None:
            self.stop(place, "", "a list or mapping stands where a key is expected", _CHECK)
        key, frame.key = frame.key, None
        if frame.repeated:
            return (*frame.path, key, "again")
        frame.data[key] = data
        return self._at((*frame.path, key), place)

    def _at(self, path: Path, place: Place) -> Path:
        self._document.values[path] = place
        return path

    def _problem(self, place: Place, value: str, message: str, remedy: str, *, path: Path = ()) -> None:
        code = ProblemCode.NOT_READABLE
        self._problems.append(SiteProblem(*place, name_of(path), shorten(value), message, remedy, code))
        if len(self._problems) >= MAX_PROBLEMS:
            raise SiteFileError(self._problems)
