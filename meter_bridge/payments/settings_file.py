"""The file of payment providers: ``payments.yaml`` beside the database, its owner's alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
import re
from string import Formatter
from types import MappingProxyType
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec

from meter_bridge.config.private_file import FileProblem, PrivateFile
from meter_bridge.config.problems import Path as Place
from meter_bridge.payments.keypad.tokens import Keypad
from meter_bridge.payments.providers.generic_webhook import WebhookProvider
from meter_bridge.payments.providers.provider import Provider

FILE_NAME: Final = "payments.yaml"
PLACEHOLDERS: Final = frozenset({"order", "amount", "currency", "reference"})
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_MIN_SECRET_LENGTH: Final = 16
_MAX_LIST_LENGTH: Final = 10
_MAX_ISSUER_LENGTH: Final = 300

type _Secret = Annotated[str, msgspec.Meta(min_length=_MIN_SECRET_LENGTH, max_length=500)]
type _Secrets = Annotated[tuple[_Secret, ...], msgspec.Meta(min_length=1, max_length=_MAX_LIST_LENGTH)]
type _Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class ProviderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A provider as it is written."""

    kind: str
    name: _Name
    secrets: _Secrets
    currencies: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()


class WebhookSettings(ProviderSettings, frozen=True, kw_only=True):
    """A provider with signed messages, as it is written."""

    link: str | None = None
    instructions: str | None = None


class StripeSettings(ProviderSettings, frozen=True, kw_only=True):
    """An account at Stripe, as it is written."""

    key: _Secret
    api: str | None = None


class KeypadSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"starting_code": "starting code"}
):
    """A keypad meter, as it is written."""

    serial: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    key: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{32}$(?!\n)")]
    starting_code: Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,8}$(?!\n)")]
    unit: Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,5} Wh$(?!\n)")]
    keys: Literal["0-9", "1-4"] = "0-9"


@dataclass(frozen=True, slots=True)
class ProvidersFile:
    """What the file says."""

    issuer: str | None = None
    """Who receipts are from."""
    page: str | None = None
    """Address at which customers reach the bridge, such as ``https://pay.example.org``."""
    providers: Mapping[str, Provider] = field(default_factory=lambda: MappingProxyType({}))
    keypads: Mapping[str, Keypad] = field(default_factory=lambda: MappingProxyType({}))
    """Keypad meters by their accounts."""
    problems: tuple[FileProblem, ...] = ()
    """What is wrong; each turns off the provider, or the whole file, that it is in."""


def load_providers(data: Path) -> ProvidersFile:
    """Return the providers of an installation, none without a file; what is wrong is left out and named."""
    file = PrivateFile.open(data / FILE_NAME)
    return ProvidersFile() if file is None else _Reader(file).read()


@dataclass(frozen=True, slots=True)
class _Reader:
    file: PrivateFile

    def read(self) -> ProvidersFile:
        file = self.file
        data = file.mapping((), ("page", "issuer", "providers", "keypads"), example="start with providers:")
        return ProvidersFile(
            file.attempt(lambda: self._issuer(data.get("issuer")), None),
            file.attempt(lambda: self._page(data.get("page")), None),
            file.each(
                ("providers",), self._provider, "ids of providers are expected", "write for example card:"
            ),
            file.each(
                ("keypads",), self._keypad, "ids of accounts are expected", "write for example flat-9:"
            ),
            # Last, because reading the rest fills it.
            tuple(file.problems),
        )

    def _keypad(self, place: Place, account_id: str) -> Keypad:
        part = self._convert(place, KeypadSettings)
        others = [key for key in self.file.mapping(("keypads",)) if key != account_id]
        if any(self.file.document.get(("keypads", other, "serial")) == part.serial for other in others):
            # Two accounts would count the tokens of one meter twice.
            raise self.file.error_at(place, "its serial is also another's", "give each meter to one account")
        return Keypad(
            account_id=account_id,
            serial=part.serial,
            key=part.key.lower(),
            starting_code=int(part.starting_code),
            unit_wh=int(part.unit.split()[0]),
            four_keys=part.keys == "1-4",
        )

    def _issuer(self, value: object) -> str | None:
        if value is not None and not (isinstance(value, str) and 0 < len(value) <= _MAX_ISSUER_LENGTH):
            raise self.file.error_at(
                ("issuer",), "is no text of up to 300 characters", "write name and tax number"
            )
        return None if value is None else str(value).strip()

    def _page(self, value: object) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value) if isinstance(value, str) else None
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise self.file.error_at(
                ("page",), "is no address of a page", "write for example https://pay.example.org"
            )
        return str(value).rstrip("/")

    def _provider(self, place: Place, provider_id: str) -> Provider:
        if not _ID.fullmatch(provider_id):
            remedy = "use up to 32 lower-case letters, digits and dashes"
            raise self.file.error_at(place, f"{provider_id!r} cannot be an id", remedy)
        found = self.file.document.get(place)
        kind = found.get("kind") if isinstance(found, dict) else None
        if kind == "webhook":
            return self._webhook(place, provider_id)
        if kind == "stripe":
            return self._stripe(place, provider_id)
        raise self.file.error_at((*place, "kind"), f"kind is {kind!r}", "write kind: stripe or kind: webhook")

    def _stripe(self, place: Place, provider_id: str) -> Provider:
        part = self._convert(place, StripeSettings)
        if self.file.document.get(("page",)) is None:
            remedy = "add page: and the address at which customers reach the bridge"
            raise self.file.error_at(place, "Stripe wants to know where to send customers afterwards", remedy)
        # Imported here because Stripe's library takes thirty megabytes, which others need not have.
        from meter_bridge.payments.providers.stripe import StripeProvider  # noqa: PLC0415

        return StripeProvider(
            id=provider_id,
            name=part.name,
            key=part.key,
            secrets=part.secrets,
            currencies=part.currencies,
            sites=part.sites,
            api=part.api,
        )

    def _webhook(self, place: Place, provider_id: str) -> WebhookProvider:
        part = self._convert(place, WebhookSettings)
        for key in ("link", "instructions"):
            self._check_placeholders((*place, key), getattr(part, key))
        if part.link is not None and urlsplit(part.link).scheme not in {"https", "http"}:
            raise self.file.error_at((*place, "link"), "is no address of a page", "start with https://")
        if part.link is None and part.instructions is None:
            remedy = "add link: where customers pay, or instructions: of what they do"
            raise self.file.error_at(place, "customers are not told how to pay", remedy)
        return WebhookProvider(
            id=provider_id,
            name=part.name,
            secrets=part.secrets,
            link=part.link,
            instructions=part.instructions,
            currencies=part.currencies,
            sites=part.sites,
        )

    def _check_placeholders(self, place: Place, text: str | None) -> None:
        try:
            names = {name for _, name, _, _ in Formatter().parse(text or "") if name is not None}
        except ValueError as error:
            raise self.file.error_at(
                place, f"braces do not match: {error}", "write {amount}, for example"
            ) from error
        if names - PLACEHOLDERS:
            remedy = f"choose from {', '.join(sorted('{' + each + '}' for each in PLACEHOLDERS))}"
            raise self.file.error_at(place, f"nothing is known of {{{min(names - PLACEHOLDERS)}}}", remedy)

    def _convert[T: msgspec.Struct](self, place: Place, kind: type[T]) -> T:
        return self.file.convert(place, kind, "docs/payments.md")
