"""Run bandit over everything that is run, and fail for each finding that is not justified.

A finding is answered where its lines bear ruff's mark of the same rule (`noqa: S608` for B608, which ruff
takes away where it is not needed), or bandit's own with the reason (`nosec B311 - why`) where ruff finds
nothing. What `[tool.bandit]` in pyproject.toml skips says why there.
"""

import json
from pathlib import Path
import re
import subprocess
import sys

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("custom_components", "dashboard", "meter_bridge", "scripts")


def findings() -> list[dict[str, object]]:
    """Return what bandit finds."""
    bandit = str(Path(sys.executable).with_name("bandit"))
    command = [bandit, "--quiet", "--recursive", "--format", "json", "--configfile", "pyproject.toml"]
    result = subprocess.run(  # nosec B603 - a linter of ours over our own folders
        [*command, *FOLDERS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    report = json.loads(result.stdout)
    if report["errors"]:
        sys.exit(f"bandit could not read {report['errors']}")
    results: list[dict[str, object]] = report["results"]
    return results


def is_marked(finding: dict[str, object]) -> bool:
    """Return whether a finding's lines have ruff's mark of the same rule."""
    lines = (ROOT / str(finding["filename"])).read_text(encoding="utf-8").splitlines()
    numbers = finding["line_range"]
    assert isinstance(numbers, list)
    mark = re.compile(rf"# noqa: .*\bS{str(finding['test_id'])[1:]}\b")
    return any(mark.search(lines[number - 1]) for number in numbers)


def main() -> int:
    """Print each finding without a justification, and return the exit code."""
    unmarked = [finding for finding in findings() if not is_marked(finding)]
    for finding in unmarked:
        place = f"{finding['filename']}:{finding['line_number']}: {finding['test_id']}"
        print(f"{place} {finding['issue_text']}; fix it, or mark the line with the reason", file=sys.stderr)
    return 1 if unmarked else 0


if __name__ == "__main__":
    sys.exit(main())
