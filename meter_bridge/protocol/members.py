"""Which members of a vocabulary the bridge itself uses."""

from enum import StrEnum


def known_members[E: StrEnum](kind: type[E]) -> tuple[E, ...]:
    """Return the members that the bridge itself uses: all but ``UNKNOWN``."""
    return tuple(member for member in kind if member.name != "UNKNOWN")
