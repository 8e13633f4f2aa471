"""Asks other people's calculators for their price: many examples at once, in an environment of its own."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
import json
import os
from pathlib import Path
import signal
import subprocess
import tempfile
from typing import Any, Self

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venvs" / "oracles" / "bin" / "python"

type Job = Mapping[str, Any]
type Answer = dict[str, list[Decimal]]
"""By kind of charge, the amounts of the bills of a year in order; ``cpu_s`` is the time that it took."""


class Oracle(StrEnum):
    """A calculator that other people wrote."""

    PYSAM = "pysam"
    RATEBOOK = "ratebook"
    TARIFF_CORE = "tariff_core"


class Question:
    """Jobs that a calculator works on in the background."""

    def __init__(self, oracle: Oracle, jobs: Sequence[Job], loads: Mapping[str, Sequence[int]]) -> None:
        if not PYTHON.exists():
            raise FileNotFoundError(f"{PYTHON} is missing; scripts/setup oracles brings it")
        self._oracle = oracle
        self._folder = tempfile.TemporaryDirectory()
        self._answers, self._complaints = (
            Path(self._folder.name) / name for name in ("answers", "complaints")
        )
        asked = Path(self._folder.name) / "asked"
        asked.write_text(json.dumps({"loads": loads, "jobs": jobs}))
        worker = HERE / "workers" / f"with_{oracle}.py"
        with (
            asked.open() as file,
            self._answers.open("w") as answers,
            self._complaints.open("w") as complaints,
        ):
            self._process = subprocess.Popen(
                [PYTHON, "-I", worker], stdin=file, stdout=answers, stderr=complaints, process_group=0
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the calculator, with its own processes, if nobody waits for it any more."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._folder.cleanup()

    def answers(self) -> list[Answer]:
        """Wait for the calculator and return its answers in the order of the jobs."""
        status = self._process.wait()
        if status != 0:
            raise RuntimeError(f"{self._oracle} failed: {self._complaints.read_text()}")
        return [
            {kind: [Decimal(amount) for amount in amounts] for kind, amounts in answer.items()}
            for answer in json.loads(self._answers.read_text())
        ]
