"""Run benchmarks: ``python -m tests.benchmarks [NAME...]``; all without a name."""

import asyncio
import sys

from tests.benchmarks import (
    export,
    footprint,
    hold,
    home_assistant,
    latency,
    many_accounts,
    pages,
    payments,
    pricing,
    profile,
    rating,
    scale,
    throughput,
    what_if,
    workers,
)
from tests.benchmarks.parts import machine

BENCHMARKS = {
    "throughput": throughput.main,
    "profile": profile.main,
    "latency": latency.main,
    "hold": hold.main,
    "footprint": footprint.main,
    "rating": rating.main,
    "pricing": pricing.main,
    "pages": pages.main,
    "what-if": what_if.main,
    "export": export.main,
    "home-assistant": home_assistant.main,
    "many-accounts": many_accounts.main,
    "payments": payments.main,
    "workers": workers.main,
    "scale": scale.main,
}


async def main(names: list[str]) -> int:
    """Run the named benchmarks and return an exit status."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"there is no benchmark {unknown[0]!r}; choose from {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    print(machine())
    for name in names or BENCHMARKS:
        print(name)
        await BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(sys.argv[1:])))
