"""A flat with a second price list, by which a month that is over can be priced anew."""

from tests.engine.harness import HOUR, SITE

DAY = 24 * HOUR
_DEAR = """      dear:
        name: Dear
        versions:
          - from: 2027-01-01
            blocks: [10 kWh]
            prices: [2.00, 4.00]
            standing charge: 1.00 per day
    units:"""


def with_dear(site: str = SITE) -> str:
    """Return a site file that has the price list ``dear@2027-01-01`` besides, by which nobody is charged."""
    return site.replace("    units:", _DEAR)
