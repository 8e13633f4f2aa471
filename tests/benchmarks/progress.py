"""A progress bar for a long run."""

import sys

WIDTH = 40


def bar(what: str, share: float) -> None:
    """Draw the bar on standard error over the previous one; end the line when all is done."""
    filled = round(share * WIDTH)
    end = "\n" if share >= 1 else ""
    print(
        f"\r{what} [{'#' * filled}{' ' * (WIDTH - filled)}] {share:4.0%}",
        end=end,
        file=sys.stderr,
        flush=True,
    )
