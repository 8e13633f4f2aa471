"""Amounts of money of a site file: exactly as written, in the currency of their site."""

from meter_bridge.config.reading import Reading
from meter_bridge.config.yaml_text import Path
from meter_bridge.core.money import MoneyError, parse_amount


def amount(reading: Reading, path: Path, written: str, currency: str) -> int:
    """Return an amount of money exactly as written, or 0 after reporting what is wrong with it."""
    try:
        return parse_amount(written, currency)
    except MoneyError as error:
        reading.add(path, str(error), "write it shorter, like 4.50")
        return 0
