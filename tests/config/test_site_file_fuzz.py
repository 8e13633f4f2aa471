"""Whatever stands in a site file, it is either a plan or a list of problems."""

import contextlib

from hypothesis import HealthCheck, given, settings, strategies as st

from meter_bridge.config.codec import decode_plan, encode
from meter_bridge.config.diff import compare
from meter_bridge.config.plan import InstallationPlan
from meter_bridge.config.site_file import SiteFileError, load
from tests.config.conftest import EXAMPLES

REAL_TARIFFS = [path.read_text(encoding="utf-8") for path in sorted((EXAMPLES / "tariffs").glob("*.yaml"))]
INSERTIONS = [
    *(
        "",
        " ",
        "\n",
        "\t",
        ":",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "'",
        '"',
        "&a ",
        "*a",
        "!x ",
        "|",
        ">",
        "#",
        "%",
        "? ",
    ),
    *(
        "none",
        "rest",
        "0",
        "-1",
        "1e9",
        "9" * 30,
        ".5",
        "²",
        "٣",
        "\u2028",
        "\ufeff",
        "\x00",
        "\ud800",
        "é",
        "<<: ",
    ),
    *(
        "monthly",
        "yearly on 07-01",
        "to each band",
        "units bought",
        "contracted",
        "per month",
        "season: ",
        "holidays",
    ),
    *("\n  ", "\n      ", "days: ", "limits: {}", "prices: {}", "bands: {}", "versions: []", "24:00", "no"),
]


def plan_or_error(text: str) -> InstallationPlan | SiteFileError:
    try:
        return load(text)
    except SiteFileError as error:
        return error


def accepted(text: str) -> bool:
    """Load a text, and check what is promised of either outcome."""
    plan = plan_or_error(text)
    if isinstance(plan, SiteFileError):
        lines = text.count("\n") + 2
        assert plan.problems
        assert all(1 <= each.line <= lines and each.column >= 1 for each in plan.problems)
        assert all(each.message and each.remedy for each in plan.problems)
        assert str(plan)
        return False
    assert decode_plan(encode(plan)) == plan
    assert not compare(plan, plan, 0).changes
    return True


@given(st.text())
def test_random_text_never_crashes(text: str) -> None:
    accepted(text)


@given(st.lists(st.sampled_from([*INSERTIONS, "a", "b: ", "sites: ", "name: "]), max_size=40))
def test_random_yaml_never_crashes(pieces: list[str]) -> None:
    accepted("".join(pieces))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(data=st.data())
def test_a_damaged_file_never_crashes(data: st.DataObject, flats: str, site_file: str) -> None:
    text = data.draw(st.sampled_from([flats, site_file, *REAL_TARIFFS]))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 30)))
        text = text[:start] + data.draw(st.sampled_from(INSERTIONS)) + text[end:]
    accepted(text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data())
def test_any_value_may_be_anything(data: st.DataObject, site_file: str) -> None:
    lines = data.draw(st.sampled_from([site_file, *REAL_TARIFFS])).splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    key, colon, _ = lines[number].partition(": ")
    value = data.draw(
        st.sampled_from(["", "[]", "{}", "[[]]", "[{}]", "{a: {b: c}}", "[a, [b], {c: d}]", *INSERTIONS])
    )
    lines[number] = f"{key}{colon or ' '}{value}"
    with contextlib.suppress(IndexError):
        lines.pop(data.draw(st.integers(0, 3 * len(lines))))
    accepted("\n".join(lines))
