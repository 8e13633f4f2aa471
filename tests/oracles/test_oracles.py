"""A year of random tariffs and loads costs what other people's calculators say, to the currency's last unit.

The three meanings of blocks x bands are each held against those that mean the same; see docs/decisions.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property

import pytest

from meter_bridge.core.rating.rating import LineKind
from tests.example_budget import tries
from tests.oracles.asking import Answer, Job, Oracle, Question
from tests.oracles.comparing import DOUBLES, STEP, by_features, differences, rare
from tests.oracles.described import (
    EVERY_DAY,
    SUMMER_TIME,
    WEEKDAYS,
    WEEKEND,
    Described,
    Example,
    Load,
    Meaning,
    Reset,
    Window,
)
from tests.oracles.drawing import MOST_BANDS, MOST_BLOCKS, Abilities, examples
from tests.oracles.pricing import price
from tests.oracles.profiles import profiles
from tests.oracles.translating import loads_of, pysam_job, ratebook_job, tariff_core_job

EXAMPLES = 60
COMPARED = tries(EXAMPLES, at_a_desk=12)
"""Examples whose year is priced by both: at a desk so many that most features occur in two."""
SEED = 2026
BLOCKS = tuple(f"{count} blocks" for count in range(1, MOST_BLOCKS + 1))
BANDS = tuple(f"{count} bands" for count in range(1, MOST_BANDS + 1))
EVERYWHERE = (
    *BLOCKS,
    *BANDS,
    "inclining blocks",
    "declining blocks",
    "free block",
    "seasons",
    "season over New Year",
    "kinds of day",
    "across midnight",
    "all that remains",
    "intervals of 15 minutes",
    "intervals of 60 minutes",
    "nightless load",
    "peaky load",
    "absent load",
)
SATURDAY = frozenset({5})
SUNDAY = frozenset({6})


@dataclass(frozen=True)
class Calculator:
    """Another calculator: what it can, how it is asked, and which features its examples must have."""

    oracle: Oracle
    job: Callable[[Example], Job]
    abilities: Abilities
    wanted: tuple[str, ...]
    error: Decimal = Decimal(0)
    hourly: bool = False

    @cached_property
    def examples(self) -> list[Example]:
        """Return its examples, the same on every run; the first few have every feature."""
        return by_features(examples(replace(self.abilities, profiles=profiles()), EXAMPLES, SEED))


CALCULATORS = (
    Calculator(
        Oracle.PYSAM,
        pysam_job,
        Abilities(
            (Meaning.CHRONOLOGICAL, Meaning.PRO_RATA),
            years=(2018, 2029),  # its years begin on a Monday
            fixed_per_month=True,
            minimum=True,
            demand=True,
        ),
        ("charge per month", "minimum charge", "demand charge"),
        DOUBLES,
    ),
    Calculator(
        Oracle.RATEBOOK,
        ratebook_job,
        Abilities(
            (Meaning.PER_BAND,),
            years=(2024, 2025, 2026),
            own_limits=True,
            fixed_per_month=True,
            fixed_per_day=True,
            minimum=True,
        ),
        ("charge per month", "charge per day", "minimum charge", "limits of each band", "leap year"),
        hourly=True,
    ),
    Calculator(
        Oracle.TARIFF_CORE,
        tariff_core_job,
        Abilities(
            (Meaning.PER_BAND,),
            years=(2024, 2025, 2026),
            step=15,
            kinds_of_day=(
                (EVERY_DAY,),
                (WEEKDAYS, WEEKEND),
                (WEEKDAYS, SATURDAY, SUNDAY),
                (frozenset({0, 2, 4}), frozenset({1, 3, 5, 6})),
            ),
            days_as_hours=False,
            resets=tuple(Reset),
            zones=("UTC", "Asia/Kolkata", *SUMMER_TIME),
            holidays=("DE", "ZA", "US"),
            own_limits=True,
            seasons_own_bands=True,
            fixed_per_day=True,
            demand=True,
            taxes=True,
        ),
        (
            *(f"blocks per {reset}" for reset in Reset),
            "charge per day",
            "demand charge",
            "holidays",
            "leap year",
            "levy per kWh",
            "limits of each band",
            "quarter hours",
            "rebate",
            "season within a month",
            "summer time",
            "tax in the prices",
            "tax on top",
        ),
    ),
)
by_calculator = pytest.mark.parametrize(
    "calculator", CALCULATORS, ids=[str(calculator.oracle) for calculator in CALCULATORS]
)


@contextmanager
def asked(calculator: Calculator, drawn: Sequence[Example]) -> Iterator[Callable[[], list[Answer]]]:
    """Let a calculator price examples in the background."""
    jobs = [calculator.job(example) for example in drawn]
    with Question(calculator.oracle, jobs, loads_of(drawn, hourly=calculator.hourly)) as question:
        yield question.answers


@by_calculator
def test_every_feature_occurs_in_one_of_twenty_examples(calculator: Calculator) -> None:
    drawn = calculator.examples
    real = ("real load",) if profiles() else ()
    assert (
        rare(drawn, (*EVERYWHERE, *map(str, calculator.abilities.meanings), *calculator.wanted, *real)) == {}
    )


@by_calculator
@pytest.mark.timeout(600)
def test_a_year_costs_what_another_calculator_says(calculator: Calculator) -> None:
    drawn = calculator.examples[:COMPARED]
    with asked(calculator, drawn) as answers:
        ours = [price(example) for example in drawn]
        theirs = answers()
    assert [
        difference
        for example, bills, answer in zip(drawn, ours, theirs, strict=True)
        for difference in differences(example, bills, answer, calculator.error)
    ] == []


def test_one_tariff_costs_three_sums_by_the_meaning_of_blocks_and_bands() -> None:
    """One rule of the engine is switched, and each time it agrees with the calculator that means the same."""
    tariff = Described(
        prices=((Decimal("0.20"), Decimal("0.08")), (Decimal("0.60"), Decimal("0.24"))),
        limits=((200_000,), (200_000,)),
        windows=(Window(0, EVERY_DAY, 17 * 60, 23 * 60), Window(1, EVERY_DAY, 23 * 60, 17 * 60)),
    )
    # the first half of each month at night alone, the second half in the evening alone
    hours = [
        2_000 if (day.day <= 15) == (hour < 6) and (hour < 6 or hour >= 18) else 0
        for day in (date(2029, 1, 1) + timedelta(days=index) for index in range(365))
        for hour in range(24)
    ]
    load = Load("halves of months", 2029, 60, tuple(hours))
    pysam, ratebook = CALCULATORS[0], CALCULATORS[1]
    costs = {}
    for meaning, calculator in zip(Meaning, (pysam, pysam, ratebook), strict=True):
        drawn = Example(tariff, load, meaning)
        with asked(calculator, [drawn]) as answers:
            bills, [answer] = price(drawn), answers()
        assert differences(drawn, bills, answer, calculator.error) == []
        costs[meaning] = bills.of(range(1, 13), LineKind.CONSUMPTION) * STEP
    assert costs == {
        Meaning.CHRONOLOGICAL: Decimal("1281.36"),
        Meaning.PRO_RATA: Decimal("1090.112445"),
        Meaning.PER_BAND: Decimal("593.20"),
    }
