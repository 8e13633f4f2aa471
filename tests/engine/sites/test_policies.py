"""Thresholds and load limit changed while the bridge runs; a site file does not undo that unasked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meter_bridge.config.site_file import load
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import AccountView, ErrorCode
from meter_bridge.protocol.requests import PolicyRequest
from meter_bridge.protocol.vocabulary import AlertKind
from tests.engine.harness import LANDLORD, SITE, House, apply, house, opened, zar

LIMITED = SITE.replace("low credit: [5.00]", "low credit: [5.00]\n        when exhausted: load limit 500 W")


@pytest.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    """Open a flat with one threshold of 5.00, and 100.00 of credit."""
    async with house(tmp_path) as made:
        yield made


async def change(house: House, *low_credit: str, load_limit_w: int | None = None) -> AccountView:
    """Change thresholds and load limit."""
    asked = PolicyRequest(low_credit or None, load_limit_w)
    view = await house.app.sites.set_policy(LANDLORD, "flat-1", asked)
    await house.settle()
    return view


async def test_thresholds_hold_at_once_highest_first_and_after_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path) as flat:
        view = await change(flat, "20.00", "150.00")
        assert view.low_credit_thresholds == (zar("150"), zar("20"))
        assert view.low_credit
        assert flat.alert_kinds() == {AlertKind.LOW_CREDIT}
        time = flat.time
    async with opened(tmp_path, time) as again:
        assert again.account.policy.low_credit == (zar("150"), zar("20"))
        assert again.alert_kinds() == {AlertKind.LOW_CREDIT}
        assert again.problems() == []


async def test_a_warning_of_a_threshold_that_is_no_more_closes(flat: House) -> None:
    await change(flat, "150.00")
    view = await change(flat, "5.00")
    assert not view.low_credit
    assert flat.alert_kinds() == set()
    assert flat.events("alert_closed")[-1]["detail"] == str(zar("150"))


async def test_a_threshold_that_stays_warns_no_second_time(flat: House) -> None:
    await change(flat, "150.00")
    told = len(flat.events("alert_opened"))
    await change(flat, "150.00", "6.00")
    assert len(flat.events("alert_opened")) == told
    assert flat.alert_kinds() == {AlertKind.LOW_CREDIT}


async def test_what_changes_nothing_leaves_no_trace(flat: House) -> None:
    before = len(flat.events("account_changed"))
    await change(flat, "5.00")
    assert len(flat.events("account_changed")) == before


async def test_a_change_is_told_with_who_made_it(flat: House) -> None:
    await change(flat, "7.50")
    told = flat.events("account_changed")[-1]
    assert (told["by"], told["policy"]) == ("landlord", {"low credit": "7.50"})


async def test_a_load_limit_changes_only_where_there_is_one(tmp_path: Path, flat: House) -> None:
    with pytest.raises(RequestRefused) as refused:
        await change(flat, load_limit_w=300)
    assert (refused.value.code, refused.value.field) == (ErrorCode.CONFLICT, "load_limit_w")
    await apply(flat, LIMITED)
    view = await change(flat, load_limit_w=300)
    assert view.load_limit_mw == 300_000


@pytest.mark.parametrize("thresholds", [("-1",), ("5", "5.00"), ("ten",)])
async def test_thresholds_are_amounts_of_zero_or_more_each_once(
    flat: House, thresholds: tuple[str, ...]
) -> None:
    with pytest.raises(RequestRefused) as refused:
        await change(flat, *thresholds)
    assert (refused.value.code, refused.value.field) == (ErrorCode.BAD_REQUEST, "low_credit")
    assert flat.account.policy.low_credit == (zar("5"),)


async def test_a_site_file_does_not_undo_an_edit_unless_told(flat: House) -> None:
    await change(flat, "8.00")
    renamed = SITE.replace("Flat 1", "First flat")
    with pytest.raises(RequestRefused, match=r"low credit was set to 8.00 by landlord") as refused:
        await apply(flat, renamed)
    assert refused.value.problems is not None
    assert [each.code for each in refused.value.problems] == ["edited_since"]
    assert flat.account.name == "Flat 1"
    undo = frozenset({"flat-1"})
    await flat.app.sites.apply(LANDLORD, load(renamed), document=renamed, dry_run=False, undo=undo)
    assert (flat.account.name, flat.account.policy.low_credit) == ("First flat", (zar("5"),))


async def test_a_site_file_that_says_the_same_takes_the_edit_over(flat: House) -> None:
    await change(flat, "8.00")
    await apply(flat, SITE.replace("low credit: [5.00]", "low credit: [8.00]").replace("Flat 1", "One"))
    await apply(flat, SITE)
    assert flat.account.policy.low_credit == (zar("5"),)


async def test_edits_of_several_values_are_all_kept(flat: House) -> None:
    await apply(flat, LIMITED)
    await change(flat, "8.00")
    await change(flat, load_limit_w=300)
    with pytest.raises(RequestRefused) as refused:
        await apply(flat, LIMITED)
    assert refused.value.problems is not None
    assert len(refused.value.problems) == 2
