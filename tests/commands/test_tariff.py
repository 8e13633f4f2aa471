"""``meter-bridge tariff``: check, show and price, without a bridge."""

from decimal import Decimal
import json
from pathlib import Path
import sys

import pytest

from tests.commands.conftest import Command

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
FLATS = EXAMPLES / "house-with-flats.yaml"
TWO_RATES = """\
name: x
sites:
  s:
    time zone: Europe/London
    currency: GBP
    tariffs:
      two:
        name: Two rates
        versions:
          - from: 2026-04-01
            source: Example Power, price list of March 2026
            holidays: {dates: [2026-12-25], like: sun}
            bands:
              night: [{from: "00:30", to: "07:30"}]
              weekend:
                - {days: sat-sun, from: "00:00", to: "00:30"}
                - {days: sat-sun, from: "07:30", to: "24:00"}
              day: rest
            prices: {night: 0.10, weekend: 0.20, day: 0.30}
            standing charge: 0.50 per day
            taxes: [{name: VAT, percent: 5}]
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "two.yaml"
    path.write_text(TWO_RATES)
    return str(path)


@pytest.fixture
def load(tmp_path: Path) -> str:
    """Return a file of one kWh every hour of two days."""
    path = tmp_path / "load.csv"
    hours = [f"2026-04-{day:02d}T{hour:02d}:00,1" for day in (1, 2) for hour in range(24)]
    path.write_text("\n".join(["timestamp,kWh", *hours]))
    return str(path)


def test_check_says_what_is_right(run: Command, file: str) -> None:
    code, out, _ = run("tariff", "check", file)
    assert code == 0
    assert out == (
        f"{file} is valid: every minute of every year has one price in 1 version\n"
        "  two@2026-04-01: 1 block, 3 bands, standing charge, VAT\n"
    )


def test_check_looks_at_tariffs_alone(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(FLATS.read_text().replace("rating: 3x63 A", "rating: lots"))
    assert run("tariff", "check", str(path))[0] == 0
    assert run("check", str(path))[0] == 1


def test_check_lists_every_mistake_with_its_line(run: Command, file: str) -> None:
    text = TWO_RATES.replace("day: rest", 'day: [{days: mon-fri, from: "07:30", to: "23:00"}]')
    Path(file).write_text(text.replace("0.50 per day", "0.50"))
    code, out, error = run("tariff", "check", file)
    assert (code, out) == (1, "")
    assert "line 20, column 30, sites.s.tariffs.two.versions[0].standing charge: '0.50' does not say" in error
    Path(file).write_text(text)
    _, _, error = run("tariff", "check", file)
    assert "line 14, column 15" in error
    assert "00:00 on a Monday is in no band; extend one, or mark one as 'rest'" in error


@pytest.mark.parametrize("text", ["name: x\n", "name: x\nsites: {}\n", "name: x\nsites: {s: {}}\n"])
def test_a_file_without_tariffs_is_refused(run: Command, file: str, text: str) -> None:
    Path(file).write_text(text)
    code, _, error = run("tariff", "check", file)
    assert code == 1
    assert "tariffs" in error


def test_a_tariff_that_is_not_there_is_suggested(run: Command, file: str) -> None:
    code, _, error = run("tariff", "show", file, "too")
    assert code == 2
    assert "has no tariff 'too'" in error
    assert "did you mean 'two'?" in error


def test_show_prints_the_year_the_days_and_the_prices(run: Command, file: str) -> None:
    code, out, _ = run("tariff", "show", file, "two", "--year", "2026")
    assert code == 0
    lines = out.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert "\x1b" not in out
    assert lines[0] == "Two rates (two), from 2026-04-01"
    assert "Public holidays are like sun; known until 2026-12-25." in lines
    assert "Mar  " + " ·" * 31 in lines
    assert next(line for line in lines if line.startswith("Apr")).startswith("Apr   A A A B B A A A A A B B")
    assert next(line for line in lines if line.startswith("Dec")).endswith("A A A B B B A A A A")
    assert "A  mon-fri (196 days)" in lines
    assert "   █" + "░" * 14 + "█" * 33 in lines
    assert "   00:00 day, 00:30 night, 07:30 day" in lines
    assert "   00:00 weekend, 00:30 night, 07:30 weekend" in lines
    assert any(line.split() == ["█", "day", "all", "0.30", "0.315"] for line in lines)
    assert "standing charge  0.50 per day" in lines
    assert "VAT              tax, 5 % on all charges" in lines


def test_show_has_colours_on_a_terminal_alone(
    run: Command, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    _, out, _ = run("tariff", "show", file, "two", "--year", "2026")
    assert "\x1b[" in out
    monkeypatch.setenv("NO_COLOR", "1")
    _, out, _ = run("tariff", "show", file, "two", "--year", "2026")
    assert "\x1b[" not in out


def test_show_shows_each_version_of_the_year_with_its_days(run: Command) -> None:
    code, out, _ = run("tariff", "show", str(FLATS), "home", "--year", "2027")
    assert code == 0
    assert "from 2026-07-01" in out
    assert "from 2027-07-01" in out
    assert out.count("2027  1") == 2
    assert "up to 350 kWh" in out


def test_a_tariff_without_bands_has_no_hours_to_show(run: Command) -> None:
    code, out, _ = run(
        "tariff", "show", str(EXAMPLES / "tariffs" / "kenya.yaml"), "kenya-domestic", "--year", "2026"
    )
    assert code == 0
    assert "The same prices at all times." in out
    assert "00:00" not in out


def test_taxes_stand_in_the_order_in_which_they_are_raised(run: Command, load: str) -> None:
    file = str(EXAMPLES / "tariffs" / "bangladesh.yaml")
    code, out, _ = run("tariff", "price", file, "lt-a", load, "--contracted-load", "2 kW")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[2:-2]] == [
        "energy,",
        "meter",
        "demand",
        "lifeline",
        "prepaid",
        "VAT",
    ]


def test_a_year_before_the_first_version_is_refused(run: Command, file: str) -> None:
    code, _, error = run("tariff", "show", file, "two", "--year", "2025")
    assert code == 2
    assert "no version is in force in 2025" in error
    assert "from 2026-04-01" in error


def test_price_explains_every_line(run: Command, file: str, load: str) -> None:
    code, out, _ = run("tariff", "price", file, "two", load)
    assert code == 0
    assert out == (
        "2026-04-01 to 2026-04-30: 48.000 kWh\n"
        "CHARGE             QUANTITY  PRICE  AMOUNT   TAX\n"
        "day              34.000 kWh   0.30   10.20  0.51\n"
        "night            14.000 kWh   0.10    1.40  0.07\n"
        "standing charge           2   0.50    1.00  0.05\n"
        "VAT 5 %                               0.63\n"
        "sum                                  13.23\n"
        "The load does not cover the whole period: charges due at its start or end may be missing.\n"
    )


def test_price_as_json_is_exact(run: Command, file: str, load: str) -> None:
    found = json.loads(run("tariff", "price", file, "two", load, "--json")[1])
    assert (found["currency"], found["amount_digits"]) == ("GBP", 6)
    assert (found["wh"], found["total"]) == (48_000, 13_230_000)
    (period,) = found["periods"]
    assert period["period"] == "2026-04-01/P1M"
    assert not period["whole"]
    assert period["lines"][0] == {
        "kind": "consumption",
        "version_id": "two@2026-04-01",
        "block": 1,
        "band": "day",
        "contained_in": None,
        "quantity": 34_000,
        "unit_price": 300_000,
        "amount": 10_200_000,
        "tax": 510_000,
    }


def test_a_slip_in_a_load_is_named_with_its_line(run: Command, file: str, load: str) -> None:
    Path(load).write_text("timestamp,kWh\n2026-04-01T00:00,x\n")
    code, _, error = run("tariff", "price", file, "two", load)
    assert code == 2
    assert f"{load}, line 2: 'x' is not a decimal number" in error


def test_a_load_before_the_first_version_has_no_price(run: Command, file: str, load: str) -> None:
    Path(load).write_text("timestamp,kWh\n2026-03-31T23:00,1\n2026-04-01T00:00,1\n")
    code, _, error = run("tariff", "price", file, "two", load)
    assert code == 1
    assert "the load profile starts at 2026-03-31 23:00" in error


def test_what_the_tariff_charges_by_has_to_be_said(run: Command, file: str, load: str) -> None:
    Path(file).write_text(TWO_RATES + "            demand charge: 3 per kW, contracted\n")
    code, _, error = run("tariff", "price", file, "two", load)
    assert code == 2
    assert "--contracted-load" in error
    code, _, error = run("tariff", "price", file, "two", load, "--contracted-load", "2")
    assert code == 2
    assert "needs a unit" in error
    code, out, _ = run("tariff", "price", file, "two", load, "--contracted-load", "2 kW")
    assert code == 0
    assert "demand charge      2.000 kW   3.00    6.00  0.30" in out


def test_history_sets_the_block(run: Command, file: str, load: str) -> None:
    more = "            blocks: [{bands: [day], up to: [30 kWh]}]\n"
    more += "            block by: the mean of the last 3 months\n"
    Path(file).write_text(TWO_RATES.replace("day: 0.30", "day: [0.30, 0.40]") + more)
    _, out, _ = run("tariff", "price", file, "two", load, "--history", "10,90,30.5")
    assert "day, block 2, above 30 kWh  34.000 kWh   0.40" in out
    code, _, error = run("tariff", "price", file, "two", load, "--history", "10;90")
    assert code == 2
    assert "--history" in error


def test_units_are_priced_as_they_were_bought(run: Command, tmp_path: Path) -> None:
    """200 rand buy 58.379 kWh of Tshwane's first block (a receipt: 58.4)."""
    file = str(EXAMPLES / "tariffs" / "south-africa-tshwane.yaml")
    load, paid = tmp_path / "load.csv", tmp_path / "paid.csv"
    load.write_text("start,end,kWh\n2026-03-01,2026-03-31,10\n2026-04-01,2026-04-30,20\n")
    paid.write_text("timestamp,amount\n2026-03-01T00:00,200.00\n")
    code, out, _ = run("tariff", "price", file, "tshwane-residential", str(load), "--payments", str(paid))
    assert code == 0
    used = [line.split() for line in out.splitlines() if line.startswith("purchased units used")]
    assert [words[-3] for words in used] == ["10.000", "20.000"]
    assert "ZAR 200.00 paid" in out
    assert "left: 28.379 kWh bought but not used" in out
    told = run("tariff", "price", file, "tshwane-residential", str(load), "--payments", str(paid), "--json")
    found = json.loads(told[1])
    assert (found["units_left_wh"], found["paid"]) == (28_379, 200_000_000)
    code, _, error = run("tariff", "price", file, "tshwane-residential", str(load))
    assert code == 0
    assert "add --payments" in error


@pytest.mark.parametrize(
    "text,what",
    [
        ("time,amount\n", "start the file with"),
        ("timestamp,amount\n2026-03-01,0\n", "write an amount above zero"),
        ("timestamp,amount\n2026-03-01,ten\n", "like 200.00"),
        ("timestamp,amount\nsoon,10\n", "is not a time"),
    ],
)
def test_payments_that_cannot_be_read_name_line_and_remedy(
    run: Command, tmp_path: Path, text: str, what: str
) -> None:
    file = str(EXAMPLES / "tariffs" / "south-africa-tshwane.yaml")
    load, paid = tmp_path / "load.csv", tmp_path / "paid.csv"
    load.write_text("start,end,kWh\n2026-03-01T00:00,2026-03-31T00:00,10\n")
    paid.write_text(text)
    code, _, error = run("tariff", "price", file, "tshwane-residential", str(load), "--payments", str(paid))
    assert (code, what in error) == (2, True), error


@pytest.mark.parametrize("currency,kwh", [("PHP", "10.007"), ("JPY", "11.9")])
def test_printed_lines_add_up_to_the_printed_sum(
    run: Command, file: str, tmp_path: Path, currency: str, kwh: str
) -> None:
    """What rounding adds or takes away stands there as a line of its own."""
    Path(file).write_text(TWO_RATES.replace("EUR", currency).replace("GBP", currency))
    load = tmp_path / "odd.csv"
    load.write_text(f"start,end,kWh\n2026-04-01,2026-05-01,{kwh}\n2026-05-01,2026-06-01,3.335\n")
    code, out, error = run("tariff", "price", file, "two", str(load))
    assert code == 0, error
    assert "rounding" in out
    for part in out.split("\n\n"):
        rows = [line for line in part.splitlines() if line and not line.startswith(("CHARGE", "The ", "20"))]
        if not any(line.startswith("sum") for line in rows):
            continue
        *lines, total = [_amount_of(line, part) for line in rows]
        assert sum(lines) == total


def _amount_of(line: str, part: str) -> Decimal:
    """Return the figure in the column AMOUNT of a table."""
    head = next(each for each in part.splitlines() if each.startswith("CHARGE"))
    end = head.index("AMOUNT") + len("AMOUNT")
    return Decimal(line[:end].rsplit(maxsplit=1)[-1].replace(",", ""))
