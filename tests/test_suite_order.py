"""The order of the whole suite: nothing is lost, what is long begins first, what waits stands apart."""

from tests.suite_order import HOUSE, names, piece


def test_tests_that_share_the_house_are_one_piece_and_others_those_of_their_file() -> None:
    story, actions = "tests/e2e/test_story.py::a", "tests/e2e/test_home_assistant_actions.py::b"
    assert piece(story) == piece(actions) == HOUSE
    assert piece("tests/e2e/test_workers.py::c") == "tests/e2e/test_workers.py"
    assert piece("tests/simulation/test_seeds.py::s[1]") == "tests/simulation/test_seeds.py::s[1]"
    assert piece("tests/core/test_money.py::C::d") == "tests/core/test_money.py"


def test_two_files_that_compute_follow_each_that_waits_and_the_long_ones_come_first() -> None:
    pieces = (
        "tests/api/a.py",
        "tests/core/c.py",
        "tests/crash/k.py",
        "tests/dashboard/d.py",
        "tests/e2e/w.py",
        HOUSE,
        "tests/oracles/o.py",
        "tests/simulation/s.py",
    )
    assert list(names(pieces)) == [
        HOUSE,
        "tests/simulation/s.py",
        "tests/oracles/o.py",
        "tests/crash/k.py",
        "tests/dashboard/d.py",
        "tests/api/a.py",
        "tests/e2e/w.py",
        "tests/core/c.py",
    ]


def test_no_file_is_lost_where_hardly_any_waits() -> None:
    pieces = [f"tests/core/{n}.py" for n in range(11)]
    assert list(names(pieces)) == pieces
    assert list(names(["tests/crash/a.py", "tests/crash/b.py"])) == ["tests/crash/a.py", "tests/crash/b.py"]
