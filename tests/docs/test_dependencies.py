"""The table of dependencies names what is declared, no more and no less, with the licence of each package."""

from importlib import metadata
from pathlib import Path
import re
import tomllib
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
ROWS: Final = {
    name.lower(): [cell.strip() for cell in cells]
    for names, *cells in (line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| "))
    for name in names.strip().split(", ")
    if name not in {"package", "---"}
}
ALIASES: Final = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
}
STATED_OTHERWISE: Final = {"pyrage"}
"""State no licence in their metadata, but in a file."""


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [each for extra in project["optional-dependencies"].values() for each in extra]
    named = [*project["dependencies"], *extras]
    return {re.split(r"[^A-Za-z0-9-]", each)[0].lower() for each in named}


def licence(package: str) -> str:
    """Return the licence that a package states."""
    stated = metadata.metadata(package)
    expression = stated.get("License-Expression")
    if expression:
        return str(expression).replace(" AND ", " and ")
    classifiers = [each for each in stated.get_all("Classifier") or [] if each.startswith("License")]
    text = classifiers[0].rpartition(" :: ")[2] if classifiers else str(stated.get("License"))
    return ALIASES.get(text, text)


def test_every_dependency_stands_in_the_table_and_nothing_else() -> None:
    assert set(ROWS) == declared()


@pytest.mark.parametrize("package", sorted(set(ROWS) - STATED_OTHERWISE))
def test_a_licence_is_the_one_that_the_package_states(package: str) -> None:
    assert ROWS[package][0] == licence(package)


def test_every_row_says_what_to_do_without_it() -> None:
    assert {len(row) for row in ROWS.values()} == {4}
    assert all(all(row) for row in ROWS.values())
