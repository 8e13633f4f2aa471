"""The glossary's names are those that the code and the site file really use."""

from pathlib import Path
import re
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
ROW: Final = re.compile(r"^\| ([^|]+) \| [^|]+ \| ([^|]*) \|$", re.MULTILINE)
NAME: Final = re.compile(r"`([^`]+)`")
ROWS: Final = ROW.findall((ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
REFERENCES: Final = ("api.md", "command-line.md", "site-file.md")


@pytest.fixture(scope="module")
def text() -> str:
    """Return the bridge's source and the pages that tests compare with it."""
    files = [*(ROOT / "meter_bridge").rglob("*.py"), *(ROOT / "docs" / page for page in REFERENCES)]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_every_name_of_the_glossary_exists(text: str) -> None:
    names = {name for _, column in ROWS for name in NAME.findall(column)}
    assert len(names) > 50
    assert {name for name in names if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)} == set()


def test_no_term_is_explained_twice() -> None:
    terms = [term for term, _ in ROWS if term not in {"term", "---"}]
    assert len(terms) == len(set(terms)) > 80
