"""Tell whether the lock files are those of their inputs, without a network.

`lock_inputs.py NAME` prints the digest of what requirements/NAME.txt is compiled from; scripts/lock writes it
at the lock's head. `lock_inputs.py --check` compares them all, and reports what a lock must not contain.
"""

import hashlib
import json
from pathlib import Path
import re
import sys
import tomllib

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
LOCKS = ("bridge", "container", "component", "homeassistant", "oracles", "build", "tools", "audit")
FROM_PROJECT = ("bridge", "container", "component")
FOREIGN = re.compile(r"://|--(?:find-links|index-url|extra-index-url|trusted-host)\b|^/|\s@\s", re.MULTILINE)


def inputs_digest(name: str) -> str:
    """Return the digest of all that decides the content of one lock."""
    if name in FROM_PROJECT:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        parts = ("requires-python", "dependencies", "optional-dependencies")
        inputs = [{part: project["project"][part] for part in parts}, project["dependency-groups"]]
        content = json.dumps(inputs, sort_keys=True)
    else:
        content = ""
    if (more := REQUIREMENTS / f"{name}.in").exists():
        content += more.read_text(encoding="utf-8")
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def problems(name: str) -> list[str]:
    """Return what is wrong with one lock, each with the remedy."""
    lock = REQUIREMENTS / f"{name}.txt"
    if not lock.exists():
        return [f"requirements/{name}.txt is missing: run scripts/lock {name}"]
    content = lock.read_text(encoding="utf-8")
    errors = []
    if f"# inputs: {inputs_digest(name)}\n" not in content:
        errors.append(f"requirements/{name}.txt is older than its inputs: run scripts/lock {name}")
    if foreign := FOREIGN.search(content):
        errors.append(f"requirements/{name}.txt names a place to download from: {foreign[0]!r}")
    return errors


def main() -> int:
    """Run the requested check and return the exit code."""
    if sys.argv[1:] != ["--check"]:
        print(inputs_digest(sys.argv[1]))
        return 0
    errors = [problem for name in LOCKS for problem in problems(name)]
    print(*errors, sep="\n", end="\n" if errors else "", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
