"""One history of hours out of those of all shards."""

from collections.abc import Sequence

from meter_bridge.storage.shards import RANGE
from meter_bridge.workers.directory import Times
from meter_bridge.workers.following import OVERLAP_MS
from meter_bridge.workers.history import merged_history, spans
from meter_bridge.workers.merging import number_of

NOW = 1_793_527_200_000


class Entries(Times):
    """Two shards with some entries each."""

    def __init__(self) -> None:
        self.at = ({7: NOW - 10_000, 8: NOW - 1_000}, {RANGE + 1: NOW - 5_000})

    def entries_before(self, instant: int) -> list[int]:
        return [
            max((seq for seq, at in entries.items() if at <= instant), default=n * RANGE)
            for n, entries in enumerate(self.at)
        ]


def test_the_first_page_tells_all_up_to_now() -> None:
    number, asked = spans(Entries(), {}, NOW)
    assert number == number_of(NOW)
    assert asked == [{"upto": "8"}, {"upto": str(RANGE + 1)}]


def test_what_is_asked_for_later_overlaps_a_little_with_what_was_told() -> None:
    seen = number_of(NOW - 1_000)
    _, asked = spans(Entries(), {"after": str(seen)}, NOW)
    assert [each["after"] for each in asked] == ["7", str(RANGE + 1)]
    assert OVERLAP_MS > 1_000


def test_a_number_from_before_the_division_is_good_for_every_shard() -> None:
    _, asked = spans(Entries(), {"after": "5"}, NOW)
    assert [each["after"] for each in asked] == ["5", "5"]


def test_a_further_page_ends_where_the_first_did() -> None:
    until = number_of(NOW - 4_000)
    number, asked = spans(Entries(), {"after": "5", "upto": str(until), "from_account": "b"}, NOW)
    assert number == until
    assert asked[0] == {"from_account": "b", "after": "5", "upto": "7"}


def page(accounts: Sequence[str], following: str | None) -> dict[str, object]:
    """Return a shard's page."""
    return {"seq": 1, "accounts": [{"account_id": each} for each in accounts], "next_account": following}


def test_no_account_is_told_before_every_shard_came_so_far() -> None:
    found = merged_history([page(["a", "d"], None), page(["b"], "c")], 99)
    assert found == {"seq": 99, "accounts": [{"account_id": "a"}, {"account_id": "b"}], "next_account": "c"}
    found = merged_history([page(["d"], None), page(["c"], None)], 99)
    assert found == {"seq": 99, "accounts": [{"account_id": "c"}, {"account_id": "d"}], "next_account": None}
