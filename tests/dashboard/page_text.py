"""A page as text, one line for each thing that it shows, small enough to be read in a review.

A chart is a line for each of its traces: how many points, the first and the last of them and the sum. A
colour that means something and an icon stand in brackets beside their words, an address in angle brackets,
and ``>`` before a cell of numbers.
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
import json
import re
from typing import Final, cast

import numpy as np
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element, Expander, Tab

LINES: Final = frozenset(
    {"caption", "div", "figure", "footer", "h1", "h2", "h3", "header", "li", "p", "section", "tr"}
)
CELLS: Final = frozenset({"dd", "dt", "td", "th"})
WITHOUT_END: Final = frozenset({"br", "col", "img", "input", "link", "meta"})
TONES: Final = re.compile(r"\bpm-(red|amber|green|blue|violet|soft)\b")
HIDDEN: Final = frozenset({"script", "style"})
TOLD: Final = ("aria-label", "title", "alt")
POINTS: Final = ("x", "y", "z", "text", "customdata", "ids", "labels", "values", "node", "link")
ENDS: Final = 3
"""So many points of a trace are shown from its beginning and its end."""


def text_of(app: AppTest) -> str:
    """Return everything that a page shows, without its foot."""
    assert not app.exception, app.exception
    written = "\n".join(line.rstrip() for line in _lines(app.main))
    return f"{written.replace('\N{NO-BREAK SPACE}', ' ')}\n"


def _lines(block: Block) -> Iterator[str]:
    for each in block.children.values():
        if isinstance(each, Block):
            if isinstance(each, Tab | Expander):
                yield f"== {each.label}"
            yield from _lines(each)
        else:
            yield from _element(each)


def _element(element: Element) -> Iterator[str]:
    proto, kind = element.proto, element.type
    match kind:
        case "html":
            yield from _html(str(proto.body))
        case "subheader" | "header" | "title":
            yield f"# {proto.body}"
        case "caption" | "markdown" | "text":
            yield str(proto.body)
        case "info" | "warning" | "error" | "success":
            yield f"[{kind}] {proto.body}"
        case "metric":
            change = " ".join(filter(None, (proto.delta, proto.delta_description)))
            yield f"{proto.label}: {proto.body}{f' ({change})' if change else ''}"
        case "plotly_chart":
            yield from _chart(json.loads(proto.spec))
        case "dataframe" | "table":
            yield from cast("str", element.value.to_csv(index=False)).splitlines()
        case _:
            yield f"[{kind}] {' | '.join(_control(proto))}"


def _control(proto: object) -> Iterator[str]:
    """Yield what a control says: its label, what can be chosen and what is."""
    label = getattr(proto, "label", "")
    if label:
        yield str(label)
    for name in ("placeholder", "num_pages"):
        if getattr(proto, name, ""):
            yield f"{name} {getattr(proto, name)}"
    options = [str(getattr(each, "content", each)) for each in getattr(proto, "options", ())]
    if options:
        yield ", ".join(options)
    chosen = getattr(proto, "default", "")
    if isinstance(chosen, int) and options:
        chosen = options[chosen]
    elif (isinstance(chosen, Sequence) and not isinstance(chosen, str)) or hasattr(chosen, "extend"):
        chosen = ", ".join(options[int(place)] for place in cast("Sequence[int]", chosen))
    if chosen not in {"", None, False}:
        yield f"chosen {chosen}"
    if getattr(proto, "disabled", False):
        yield "disabled"


class _Words(HTMLParser):
    """The words of a piece of markup, a line for each block or row."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._after: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in HIDDEN:
            self._hidden += 1
            return
        classes = given.get("class") or ""
        if tag in LINES:
            self.text += "\n"
        else:
            numbers = "> " if "pm-number" in classes else ""
            self.text += f" | {numbers}" if tag in CELLS else " "
        self.text += "".join(f"[{given[name]}] " for name in TOLD if given.get(name))
        if "pm-icon" in classes:
            self.text += "("
        tones = TONES.findall(classes)
        words = [")" if "pm-icon" in classes else ""]
        words += [f"{{{tone}}}" for tone in tones if tone != "soft"]
        words += [f"<{given['href']}>"] if given.get("href") else []
        if tag not in WITHOUT_END:
            self._after.append(" ".join(words))
        self.text += " " if tag == "br" else ""

    def handle_endtag(self, tag: str) -> None:
        if tag in HIDDEN:
            self._hidden -= 1
        elif self._after:
            self.text += f"{self._after.pop()} "

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data.replace("\n", " ")


def _html(markup: str) -> Iterator[str]:
    words = _Words()
    words.feed(markup)
    for line in words.text.split("\n"):
        tidy = re.sub(r"[ \t]+", " ", line).strip(" |")
        if tidy:
            yield tidy


def _chart(figure: Mapping[str, object]) -> Iterator[str]:
    for trace in cast("list[dict[str, object]]", figure["data"]):
        told = [f"chart {trace.get('type', '')}", str(trace.get("name") or "")]
        told += [f"{name} {_points(trace[name])}" for name in POINTS if trace.get(name) is not None]
        yield " | ".join(filter(None, told))
    layout = cast("dict[str, object]", figure["layout"])
    for note in cast("list[dict[str, object]]", layout.get("annotations", [])):
        yield f"chart note | {note.get('text', '')}"
    for shape in cast("list[dict[str, object]]", layout.get("shapes", [])):
        ends = " ".join(f"{name} {_value(shape.get(name))}" for name in ("x0", "x1", "y0", "y1"))
        yield f"chart {shape.get('type', '')} | {ends}"


def _points(values: object) -> str:
    """Return the first and the last points of a trace, how many there are, and the sum of numbers."""
    if isinstance(values, dict) and "bdata" in values:
        found = np.frombuffer(b64decode(values["bdata"]), dtype=values["dtype"])
        values = found.tolist()
    if isinstance(values, dict):
        return " ".join(
            f"{name} {_points(each)}"
            for name, each in sorted(values.items())
            if isinstance(each, list | dict) and name not in {"line", "color"}
        )
    if not isinstance(values, list):
        return _value(values)
    flat = [each for row in values for each in (row if isinstance(row, list) else [row])]
    shown = [_value(each) for each in flat]
    if len(shown) > 2 * ENDS + 1:
        shown = [*shown[:ENDS], "...", *shown[-ENDS:]]
    numbers = [each for each in flat if isinstance(each, int | float)]
    total = f" sum {_value(float(sum(numbers)))}" if len(numbers) > 1 else ""
    return f"{len(flat)}: {', '.join(shown)}{total}"


def _value(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
