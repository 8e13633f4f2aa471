"""Prices a year of load with NREL-PySAM's Utilityrate5, in the environment ``oracles``.

Standard input: ``{"loads": {name: [Wh of intervals]}, "jobs": [...]}``; standard output: an answer to each.
The year begins on a Monday and has 365 days, months of their usual length, and no summer time.
"""

from collections.abc import Sequence
import json
import sys
import time
from typing import Any

from PySAM import Utilityrate5

type Json = dict[str, Any]
type Tiers = Sequence[Sequence[float | None]]

HOURS = 8760
MONTHS = 12
ENDLESS = 1e38
"""What ends the last tier."""
KWH = 0
"""PySAM's unit of a tier's end."""
SETTINGS = {
    "en_electricity_rates": 1,
    "rate_escalation": [0],
    "ur_annual_min_charge": 0,
    "ur_dc_enable": 1,
    "ur_en_ts_buy_rate": 0,
    "ur_en_ts_sell_rate": 0,
    "ur_enable_billing_demand": 0,
    "ur_nb_apply_credit_current_month": 0,
    "ur_nb_credit_expire": 0,
    "ur_nm_credit_month": 0,
    "ur_nm_credit_rollover": 0,
    "ur_nm_yearend_sell_rate": 0,
    "ur_sell_eq_buy": 0,
}


def table(ladders: Sequence[Tiers], first: int, *between: int) -> list[list[float]]:
    """Return ladders of (end, price) as PySAM's rows: number, tier, end, ``between``, price, nothing sold."""
    return [
        [
            number,
            tier,
            ENDLESS if end is None else end,
            *between,
            price or 0,
            *([0] if between else []),
        ]
        for number, ladder in enumerate(ladders, first)
        for tier, (end, price) in enumerate(ladder, 1)
    ]


def answer(job: Json, loads: dict[str, list[int]]) -> Json:
    """Price one year: the charges of each month, as the shortest decimals that name PySAM's doubles."""
    tariff, load = job["tariff"], loads[job["load"]]
    model = Utilityrate5.new()  # kept in a name, because its outputs die with it
    model.Lifetime.assign({"analysis_period": 1, "inflation_rate": 0, "system_use_lifetime_output": 0})
    model.SystemOutput.assign({"gen": [0] * len(load), "degradation": [0]})
    per_hour = len(load) // HOURS
    model.Load.assign({"load": [wh * per_hour / 1000 for wh in load], "load_escalation": [0]})
    model.ElectricityRates.assign(
        SETTINGS
        | {
            "ur_metering_option": tariff["metering_option"],
            "ur_monthly_fixed_charge": tariff["fixed"],
            "ur_monthly_min_charge": tariff["minimum"],
            "ur_ec_sched_weekday": tariff["weekday"],
            "ur_ec_sched_weekend": tariff["weekend"],
            "ur_ec_tou_mat": table(tariff["energy"], 1, KWH),
            "ur_dc_sched_weekday": tariff["weekday"],
            "ur_dc_sched_weekend": tariff["weekend"],
            "ur_dc_tou_mat": table([[[None, 0]]] * len(tariff["energy"]), 1),
            "ur_dc_flat_mat": table([tariff["demand"]] * MONTHS, 0),
        }
    )
    model.execute(0)
    charges = {
        "energy": model.Outputs.year1_monthly_ec_charge_without_system,
        "fixed": model.Outputs.year1_monthly_fixed_without_system,
        "demand": model.Outputs.year1_monthly_dc_fixed_without_system,
        "total": model.Outputs.year1_monthly_utility_bill_wo_sys,
    }
    return {name: [repr(value) for value in values] for name, values in charges.items()}


def timed(job: Json, loads: dict[str, list[int]]) -> Json:
    """Price one year, and add the processor time that it took, in seconds."""
    begun = time.process_time()
    return answer(job, loads) | {"cpu_s": [str(time.process_time() - begun)]}


if __name__ == "__main__":
    request = json.load(sys.stdin)
    json.dump([timed(job, request["loads"]) for job in request["jobs"]], sys.stdout)
