"""YAML is read with places, and nothing in it is guessed."""

import pytest

from meter_bridge.config.problems import SiteFileError, SiteProblem
from meter_bridge.config.yaml_text import MAX_BYTES, MAX_DEPTH, read_yaml


def problems_of(text: str) -> tuple[SiteProblem, ...]:
    with pytest.raises(SiteFileError) as caught:
        read_yaml(text)
    return caught.value.problems


@pytest.mark.parametrize(
    "word", ["2.10", "06:00", "no", "on", "null", "~", "0x10", "1e3", "2026-07-01", "007"]
)
def test_a_scalar_is_the_text_that_is_written(word: str) -> None:
    assert read_yaml(f"a: [{word}, {{{word}: 1}}]\n").data == {"a": [word, {word: "1"}]}


def test_places_of_keys_and_values_count_from_one() -> None:
    document = read_yaml("a: 1\nb:\n  - c: [x, y]\n")
    assert document.place(("b",), key=True) == (2, 1)
    assert document.place(("b", 0, "c", 1)) == (3, 12)
    assert document.place(("b", 0, "missing")) == (3, 5)
    assert document.place(()) == (1, 1)


def test_a_key_that_is_written_twice_names_both_lines() -> None:
    found = problems_of("a: 1\nb:\n  c: 1\n  d: 2\n  c: {x: 1, x: 2}\na: 2\n")
    assert [(each.line, each.column, each.field) for each in found] == [
        (5, 3, "b.c"),
        (5, 13, "b.c.again.x"),
        (6, 1, "a"),
    ]
    assert "first in line 3" in found[0].message


@pytest.mark.parametrize(
    "text, line, message",
    [
        ("", 1, "empty"),
        ("  \n\n", 1, "empty"),
        ("a: *b\n", 1, "anchors"),
        ("a: 1\nb: &x [1]\n", 2, "anchors"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "tag"),
        ("a: ! x\n", 1, "tag"),
        ("a: 1\n---\nb: 1\n", 2, "second document"),
        ("? [a]\n: 1\n", 1, "where a key is expected"),
        ("a: {[b]: 1}\n", 1, "where a key is expected"),
        ("a: 1\nb: 'x\nc: 2\n", 2, "end of stream"),
        ("a: 1\nb: c: d\n", 2, "not allowed"),
        ("a:\n\tb: 1\n", 2, "not readable"),
        ("a: 1\nb: \x07\n", 2, "character"),
        ("a: \ud800\n", 1, "character"),
        ("[" * (MAX_DEPTH + 1), 1, "nested deeper"),
        ("- " * (MAX_DEPTH + 1), 1, "nested deeper"),
        ("a" * (MAX_BYTES + 1), 1, "bytes"),
    ],
)
def test_what_is_not_plain_yaml_is_refused(text: str, line: int, message: str) -> None:
    found = problems_of(text)
    assert found[0].line == line
    assert message in found[0].message
    assert found[0].remedy


def test_a_bomb_of_aliases_never_grows() -> None:
    levels = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 40)]
    found = problems_of("a0: &a0 x\n" + "\n".join(levels) + "\n")
    assert all("anchors" in each.message for each in found)


def test_a_tab_is_named_as_the_reason() -> None:
    assert "tab" in problems_of("a:\n\tb: 1\n")[0].remedy
