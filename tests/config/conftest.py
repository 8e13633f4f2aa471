"""A small valid site file to change, and the examples of the documentation."""

from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

SITE_FILE = """\
name: Rose Street
sites:
  rose-street:
    time zone: Africa/Johannesburg
    currency: ZAR
    tariffs:
      home:
        versions:
          - from: 2026-07-01
            blocks: [350 kWh]
            bands:
              peak: [{days: mon-fri, from: 06:00, to: 09:00}]
              off-peak: rest
            prices:
              peak: [3.10, 3.60]
              off-peak: [2.20, 2.60]
            standing charge: 4.50 per day
            taxes: [{name: VAT, percent: 15}]
    units:
      flat-1:
        name: Flat 1
        tariff: home
        meters: [tasmota:flat-1/1]
        low credit: [50.00, 20.00]
      flat-2:
        tariff: home
        meters:
          - address: shelly:plus1pm/0
            rating: 32 A
"""


@pytest.fixture
def site_file() -> str:
    """Return a valid site file with two units."""
    return SITE_FILE


@pytest.fixture
def flats() -> str:
    """Return the documented example of a landlord's house."""
    return (EXAMPLES / "house-with-flats.yaml").read_text(encoding="utf-8")
