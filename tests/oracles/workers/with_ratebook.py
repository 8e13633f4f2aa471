"""Prices a year of load with ratebook, in the environment ``oracles``.

Standard input: ``{"loads": {name: [Wh of each hour]}, "jobs": [...]}``; standard output: an answer to each.
Every band has a ladder of its own over the month; days are without summer time.
"""

from decimal import Decimal
import json
import sys
import time
from typing import Any

from ratebook import Tariff, estimate_annual

type Json = dict[str, Any]


def answer(job: Json, loads: dict[str, list[int]]) -> Json:
    """Price one year: the charges of each month, exact."""
    tariff = Tariff.from_json(job["tariff"])
    hours = [Decimal(wh).scaleb(-3) for wh in loads[job["load"]]]
    year = estimate_annual(tariff, hours, job["year"])
    if not year.ok:
        raise ValueError(f"ratebook refuses: {year.refusal}")
    return {
        "energy": [str(month.energy_charge) for month in year.windows],
        "fixed": [str(month.fixed_charge) for month in year.windows],
        "total": [str(month.total) for month in year.windows],
    }


def timed(job: Json, loads: dict[str, list[int]]) -> Json:
    """Price one year, and add the processor time that it took, in seconds."""
    begun = time.process_time()
    return answer(job, loads) | {"cpu_s": [str(time.process_time() - begun)]}


if __name__ == "__main__":
    request = json.load(sys.stdin)
    json.dump([timed(job, request["loads"]) for job in request["jobs"]], sys.stdout)
