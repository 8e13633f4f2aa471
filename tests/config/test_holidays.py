"""Public holidays by country and region."""

from datetime import date

import pytest

from meter_bridge.config.holidays import resolve
from meter_bridge.config.problems import InvalidValueError


def test_holidays_are_dates_in_order_with_the_days_they_move_to() -> None:
    found = resolve("ZA", None, 2027, 2027)
    assert found == tuple(sorted(found))
    # The first of May is a Saturday, the 26th of December a Sunday, which moves to the Monday after.
    assert {date(2027, 5, 1), date(2027, 12, 25), date(2027, 12, 26), date(2027, 12, 27)} <= set(found)
    assert {day.year for day in found} == {2027}


def test_a_region_adds_its_own() -> None:
    bavaria = set(resolve("DE", "BY", 2026, 2027))
    assert bavaria > set(resolve("DE", None, 2026, 2027))
    assert date(2026, 1, 6) in bavaria


@pytest.mark.parametrize(
    "country, region, message, remedy",
    [
        ("South Africa", None, "'South Africa' is not a country", "did you mean 'ZA'?"),
        ("germany", None, "'germany' is not a country", "did you mean 'DE'?"),
        ("za", None, "'za' is not a country", "did you mean 'ZA'?"),
        ("QQ", None, "'QQ' is not a country", "two capital letters"),
        ("DE", "BYE", "'BYE' is not a region of DE", "did you mean 'BY'?"),
        ("DE", "Q", "'Q' is not a region of DE", "write one of"),
        ("ZA", "GP", "'GP' is not a region of ZA", "remove region"),
    ],
)
def test_an_unknown_place_is_named_with_what_was_meant(
    country: str, region: str | None, message: str, remedy: str
) -> None:
    with pytest.raises(InvalidValueError) as wrong:
        resolve(country, region, 2026, 2026)
    assert message in str(wrong.value)
    assert remedy in wrong.value.remedy
