"""How much is tried of what is drawn at random: all of it in CI, a part of it at a desk."""

import os


def tries(in_ci: int, *, at_a_desk: int) -> int:
    """Return how many are tried where the tests run; ``CI=true`` lets a desk try all."""
    return in_ci if os.environ.get("CI") else at_a_desk
