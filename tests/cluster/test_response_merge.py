"""One answer out of those of several shards."""

from meter_bridge.cluster.response_merge import (
    instant_at,
    merge_health,
    merge_lists,
    merge_metrics,
    merge_snapshots,
    number_at,
)


def test_lists_are_joined_and_what_two_shards_tell_alike_is_told_once() -> None:
    first = {"accounts": [{"id": "a"}], "total": 1}
    second = {"accounts": [{"id": "b"}, {"id": "a"}]}
    assert merge_lists([first, second]) == {"accounts": [{"id": "a"}, {"id": "b"}], "total": 1}


def test_alerts_of_all_shards_stand_newest_first() -> None:
    first, second, third = ({"opened_at": f"2026-01-0{day}"} for day in (1, 2, 3))
    found = merge_lists([{"alerts": [second, first]}, {"alerts": [third]}])
    assert found["alerts"] == [third, second, first]


def test_a_snapshot_carries_the_number_of_all_shards() -> None:
    assert merge_snapshots([{"type": "snapshot", "seq": 5, "accounts": []}], 9)["seq"] == 9


def test_metrics_of_shards_stand_by_family_with_their_shard() -> None:
    text = (
        '# HELP up Up\n# TYPE up gauge\nup 1.0\n# TYPE seen histogram\nseen_bucket{le="1"} 2\nseen_count 2\n'
    )
    assert merge_metrics({0: text, 3: text}).splitlines() == [
        "# HELP up Up",
        "# TYPE up gauge",
        'up{shard="0"} 1.0',
        'up{shard="3"} 1.0',
        "# TYPE seen histogram",
        'seen_bucket{shard="0",le="1"} 2',
        'seen_count{shard="0"} 2',
        'seen_bucket{shard="3",le="1"} 2',
        'seen_count{shard="3"} 2',
    ]


def test_the_worst_health_is_that_of_the_worker() -> None:
    answers = [
        {"status": "ok", "reasons": []},
        {"status": "down", "reasons": ["disk"]},
        {"status": "degraded", "reasons": ["disk"]},
    ]
    assert merge_health(answers) == {"status": "down", "reasons": ["disk"]}


def test_a_number_tells_its_instant_and_fits_into_a_float() -> None:
    late = 4_102_444_800_000  # the year 2100
    assert instant_at(number_at(late) + 1023) == late
    assert float(number_at(late) + 1023) == number_at(late) + 1023
