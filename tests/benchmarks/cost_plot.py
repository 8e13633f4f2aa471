"""Plot the output of ``scripts/benchmark scale``: ``python -m tests.benchmarks.cost_plot PRINTED SVG``."""

from pathlib import Path
import re
import sys
from typing import Final

_ROW: Final = re.compile(r"^ +([\d,]+) +[\d,]+ +([\d.]+) +[\d.]+$", re.MULTILINE)
WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 56, 56
TICKS: Final = 4
STYLE: Final = (
    "<style>.s{fill:#fff}.t{fill:#1f2933}.m{fill:#52606d}.g{stroke:#d5dbe1}.l{stroke:#1565a9}.p{fill:#1565a9}"
    "@media(prefers-color-scheme:dark){.s{fill:#14191f}.t{fill:#e6ebf0}.m{fill:#a7b3bf}.g{stroke:#36414c}"
    ".l{stroke:#6db3ee}.p{fill:#6db3ee}}text{font:13px system-ui,sans-serif}</style>"
)


def points(printed: str) -> list[tuple[int, float]]:
    """Return pairs of segments in the journal and microseconds a message."""
    return [(int(many.replace(",", "")), float(cost)) for many, cost in _ROW.findall(printed)]


def drawn(found: list[tuple[int, float]]) -> str:
    """Return the points as SVG, with a scale from zero so that flat looks flat."""
    most, highest = found[-1][0], 20 * (max(cost for _, cost in found) // 20 + 1)
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    places = [(LEFT + across * x / most, TOP + up * (1 - y / highest)) for x, y in found]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>Processor time per message, by segments in the journal</title>",
        STYLE,
        f'<rect class="s" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="t" x="{LEFT}" y="26" font-weight="600">Processor time per message, µs</text>',
    ]
    for tick in range(TICKS + 1):
        y = TOP + up * (1 - tick / TICKS)
        parts.append(f'<path class="g" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        label = f"{highest * tick / TICKS:g}"
        parts.append(f'<text class="m" x="{LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline class="l" points="{line}" fill="none" stroke-width="2.5"/>')
    for (x, y), (many, cost) in zip(places, found, strict=True):
        anchor = "start" if x == LEFT else "end" if many == most else "middle"
        parts.append(f'<circle class="p" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>')
        parts.append(f'<text class="t" x="{x:.1f}" y="{y - 12:.1f}" text-anchor="{anchor}">{cost:.1f}</text>')
        parts.append(
            f'<text class="m" x="{x:.1f}" y="{HEIGHT - BOTTOM + 22}" text-anchor="{anchor}">{many:,}</text>'
        )
    named = '" text-anchor="end">segments in the journal</text>'
    parts.append(f'<text class="m" x="{WIDTH - RIGHT}" y="{HEIGHT - 10}{named}')
    return "\n".join([*parts, "</svg>", ""])


def main(printed: str, image: str) -> None:
    """Read the table and write the image."""
    Path(image).write_text(drawn(points(Path(printed).read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:3])
