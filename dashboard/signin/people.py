"""Roles of people who sign in through OpenID Connect: a file maps e-mail or subject to role and reach."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
import tomllib
from typing import Final, cast

from dashboard.access import Viewer
from meter_bridge.protocol.messages import Role

EVERY_SITE: Final = "*"
KEYS: Final = frozenset({"email", "subject", "name", "role", "sites", "accounts", "token_file"})
ROLES: Final = {"landlord": Role.LANDLORD, "caretaker": Role.CARETAKER, "tenant": Role.TENANT}


class PeopleError(ValueError):
    """A file of people that cannot be used; the message names the place and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person of the provider."""

    email: str | None
    subject: str | None
    viewer: Viewer
    token_file: Path | None

    def matches(self, claims: Mapping[str, object]) -> bool:
        """Return whether the provider speaks of this person; an e-mail counts only where it is verified."""
        if self.subject is not None:
            return claims.get("sub") == self.subject
        email = str(claims.get("email") or "").casefold()
        return claims.get("email_verified") is not False and email == self.email


def viewer_of_claims(file: Path, claims: Mapping[str, object]) -> Viewer | None:
    """Return the person whom the provider names, as the file has it now; None for a stranger."""
    stamp = file.stat()
    for person in _people(file, stamp.st_mtime_ns, stamp.st_size):
        if person.matches(claims):
            return _with_token(person)
    return None


def _with_token(person: Person) -> Viewer:
    if person.token_file is None or not person.token_file.is_file():
        return person.viewer
    return replace(person.viewer, token=person.token_file.read_text(encoding="utf-8").strip())


@lru_cache(maxsize=4)
def _people(file: Path, changed: int, size: int) -> tuple[Person, ...]:  # noqa: ARG001 - what the cache goes by
    """Return the people of a file; cached by its modification time and size."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PeopleError(f"{file}: {error}; see docs/dashboard.md for how it is written") from error
    listed = document.get("person", [])
    if not isinstance(listed, list):
        raise PeopleError(f"{file}: 'person' is no list; begin each one with [[person]]")
    return tuple(_person(file, number, each) for number, each in enumerate(listed, 1))


def _person(file: Path, number: int, entry: Mapping[str, object]) -> Person:
    where = f"{file}: person {number}"
    if unknown := sorted(set(entry) - KEYS):
        raise PeopleError(f"{where}: {unknown[0]!r} is unknown; known are {', '.join(sorted(KEYS))}")
    if ("email" in entry) == ("subject" in entry):
        raise PeopleError(f"{where}: give either email or subject")
    role = ROLES.get(str(entry.get("role")))
    if role is None:
        raise PeopleError(f"{where}: role {entry.get('role')!r}; give landlord, caretaker or tenant")
    sites, accounts = _ids(where, entry, "sites"), _ids(where, entry, "accounts")
    if role is Role.TENANT and (sites or not accounts):
        raise PeopleError(f"{where}: a tenant has accounts and no sites")
    if role is not Role.TENANT and (accounts or not sites):
        raise PeopleError(f'{where}: a {role} has sites, such as ["*"] for all, and no accounts')
    email = str(entry["email"]).casefold() if "email" in entry else None
    every = EVERY_SITE in sites
    viewer = Viewer(
        every_site=every,
        sites=() if every else sites,
        accounts=accounts,
        role=role,
        name=str(entry.get("name") or entry.get("email") or entry.get("subject")),
    )
    token = entry.get("token_file")
    return Person(
        email=email,
        subject=str(entry["subject"]) if "subject" in entry else None,
        viewer=viewer,
        token_file=None if token is None else file.parent / str(token),
    )


def _ids(where: str, entry: Mapping[str, object], key: str) -> tuple[str, ...]:
    listed = entry.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise PeopleError(f'{where}: {key} is a list of ids, such as ["flat-1"]')
    return tuple(cast("list[str]", listed))
