"""Workers that see the same table come to own all shards, each its share, without a word."""

from hypothesis import given, strategies as st

from meter_bridge.cluster.rebalancing import Rebalancing, next_rebalancing, quota

NAMES = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=6, unique=True)


@given(NAMES, st.integers(2, 64))
def test_the_shares_of_all_workers_are_all_shards_and_differ_by_one_at_most(
    names: list[str], count: int
) -> None:
    shares = [quota(name, names, count) for name in names]
    assert sum(shares) == count
    assert max(shares) - min(shares) <= 1


@given(NAMES, st.integers(2, 16), st.data())
def test_from_whatever_is_owned_all_come_to_own_their_shares(
    names: list[str], count: int, data: st.DataObject
) -> None:
    holders = st.sampled_from([*names, None, "somebody who died"])
    owners: dict[int, str | None] = {n: data.draw(holders) for n in range(count)}
    for _ in range(2 * count + 2):
        owners = {n: None if owner == "somebody who died" else owner for n, owner in owners.items()}
        for name in names:
            move = next_rebalancing(name, names, owners)
            owners |= dict.fromkeys(move.acquire, name)
            if move.release is not None:
                assert owners[move.release] == name
                owners[move.release] = None
    assert sorted(quota(name, names, count) for name in names) == sorted(
        list(owners.values()).count(name) for name in names
    )


def test_a_worker_that_the_others_do_not_see_takes_nothing() -> None:
    assert next_rebalancing("late", ["a"], {0: None, 1: None}) == Rebalancing()


def test_the_first_shard_moves_last() -> None:
    assert next_rebalancing("a", ["a", "b"], {0: "a", 1: "a"}) == Rebalancing(release=1)
