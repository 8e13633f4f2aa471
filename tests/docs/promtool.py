"""Prometheus' own tool, asked which alerts fire on what a bridge served minute by minute."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
import shutil
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
import yaml

RULES: Final = Path(__file__).parents[2] / "docs" / "watching" / "prometheus-rules.yml"
TARGET: Final = 'job="prepaid-meter",instance="127.0.0.1:8126"'
UP: Final = f"up{{{TARGET}}}"
FIRING: Final = 'count by (alertname) (ALERTS{alertstate="firing"})'
ABSENT: Final = "_"

type Scrape = Mapping[str, float]
"""What one look at ``/metrics`` found: value by series, with the labels that Prometheus adds."""


def scraped(text: str, began_at_s: float) -> Scrape:
    """Return what is served as Prometheus keeps it; its tool's time begins at zero, hence so do instants."""
    found = {UP: 1.0}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            own = "".join(f'{name}="{value}",' for name, value in sorted(sample.labels.items()))
            since = began_at_s if sample.name.endswith("_time_seconds") else 0.0
            found[f"{sample.name}{{{own}{TARGET}}}"] = sample.value - since
    return found


def question(scrapes: Sequence[Scrape], expected: Mapping[int, set[str]]) -> str:
    """Return a test for promtool: these scrapes, one a minute, and the alerts that fire at some."""
    names = sorted({name for each in scrapes for name in each})
    series = [
        {"series": name, "values": " ".join(str(each.get(name, ABSENT)) for each in scrapes)}
        for name in names
    ]
    looks = [
        {
            "expr": FIRING,
            "eval_time": f"{index}m",
            "exp_samples": [
                {"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(expected[index])
            ],
        }
        for index in expected
    ]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": looks}
    return yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]})


async def promtool(*arguments: str) -> tuple[int, str]:
    """Run it; return its exit code and all that it said."""
    program = shutil.which("promtool")
    assert program is not None, "there is no promtool on this machine; scripts/setup installs it"
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()
