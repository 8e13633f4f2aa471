"""Holds this project's engine against another calculator, example by example and bill by bill."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from meter_bridge.core.money import amount_digits, minor_digits
from meter_bridge.core.rating.rating import LineKind
from tests.oracles.asking import Answer
from tests.oracles.described import MONTHS_OF, Example, features
from tests.oracles.pricing import CURRENCY, Bills

LEAST_SHARE: Final = 0.05
"""Each feature occurs in at least this share of the examples."""
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "energy": (LineKind.CONSUMPTION, "levy"),
    "fixed": (LineKind.STANDING,),
    "demand": (LineKind.DEMAND,),
    "rebate": ("rebate",),
    "tax": ("tax",),
    "included": ("included",),
    "total": (LineKind.CONSUMPTION, LineKind.STANDING, LineKind.DEMAND, LineKind.MINIMUM),
}
"""Our lines that make up a charge of the other calculator."""
STEP: Final = Decimal(1).scaleb(-amount_digits(CURRENCY))
MINOR: Final = Decimal(1).scaleb(-minor_digits(CURRENCY))
DOUBLES: Final = Decimal("1e-11")
"""Relative error of a year summed in doubles."""


def differences(example: Example, bills: Bills, answer: Answer, error: Decimal = Decimal(0)) -> list[str]:
    """Return where both differ by more than the rounding of our lines, and the other's own relative error."""
    found = []
    if example.tariff.included_percent:
        answer = answer | {"included": _included(answer, example.tariff.included_percent)}
    length = MONTHS_OF[example.tariff.reset]
    for kind in KINDS.keys() & answer.keys():
        for index, theirs in enumerate(answer[kind]):
            months = range(index * length + 1, (index + 1) * length + 1)
            ours = bills.of(months, *KINDS[kind]) * STEP
            allowed = bills.lines_of(months, *KINDS[kind]) * STEP / 2 + abs(theirs) * error
            if abs(ours - theirs) > allowed or not same_minor_unit(ours, theirs, allowed):
                found.append(f"{kind} of months {months}: ours {ours}, theirs {theirs}, for {example}")
    return found


def _included(answer: Answer, percent: Decimal) -> list[Decimal]:
    """Return the tax that charges contain, from the other calculator's own charges."""
    charges = zip(answer["energy"], answer["fixed"], answer["demand"], strict=True)
    return [sum(each, Decimal(0)) * percent / (100 + percent) for each in charges]


def same_minor_unit(ours: Decimal, theirs: Decimal, allowed: Decimal) -> bool:
    """Say whether two amounts are the same cents, or as close as allowed on both sides of half a cent."""
    low, high = sorted((ours, theirs))
    return rounded(high - allowed) == rounded(low) or rounded(low + allowed) == rounded(high)


def rounded(amount: Decimal) -> Decimal:
    """Return an amount in whole minor units."""
    return amount.quantize(MINOR, rounding=ROUND_HALF_EVEN)


def by_features(examples: Sequence[Example]) -> list[Example]:
    """Return examples so ordered that the first few have every feature, and the next few again."""
    ordered: list[Example] = []
    left = [(features(example), example) for example in examples]
    missing: set[str] = set()
    while left:
        missing = missing or set[str]().union(*(has for has, _ in left))
        place = max(range(len(left)), key=lambda each: len(left[each][0] & missing))
        has, chosen = left.pop(place)
        missing -= has
        ordered.append(chosen)
    return ordered


def rare(examples: Sequence[Example], wanted: Sequence[str]) -> dict[str, int]:
    """Return the features that occur in too few examples to be proven by them."""
    counts = Counter(feature for example in examples for feature in features(example))
    wanted = [*counts, *wanted]
    return {name: counts[name] for name in wanted if counts[name] < LEAST_SHARE * len(examples)}
