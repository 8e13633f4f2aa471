"""The client reads back what the bridge writes: every message, golden and as the dataclasses are now."""

from dataclasses import fields, is_dataclass
from enum import StrEnum
import importlib.util
import json
from pathlib import Path
import sys
import types
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "custom_components" / "prepaid_meter" / "client"
PROTOCOL = ROOT / "meter_bridge" / "protocol"
GOLDEN = Path(__file__).parent / "golden" / "v1"


def load(name: str, file: Path, package: Path | None = None) -> types.ModuleType:
    """Load by path: the client alone, as a script would, without Home Assistant and without its package."""
    search = [str(package)] if package else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=search)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


client: Any = load("contract_bridge_client", CLIENT / "__init__.py", CLIENT)
vendored: Any = sys.modules["contract_bridge_client.protocol"]
load("contract_bridge_protocol", PROTOCOL / "__init__.py", PROTOCOL)
bridge: Any = load("contract_bridge_protocol.messages", PROTOCOL / "messages.py")

KINDS = [name for name, kind in vars(bridge).items() if isinstance(kind, type) and is_dataclass(kind)]


def example(kind: Any, *, full: bool) -> Any:  # noqa: ANN401
    """Return a value of a type: with everything known, or with nothing known that may be unknown."""
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{field.name: example(hints[field.name], full=full) for field in fields(kind)})
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return next(iter(kind))
    if get_origin(kind) in (Union, types.UnionType):
        inner = next(part for part in get_args(kind) if part is not types.NoneType)
        return example(inner, full=full) if full else None
    if get_origin(kind) is tuple:
        return (example(get_args(kind)[0], full=full),) if full else ()
    if get_origin(kind) is dict:
        return {"balance": example(get_args(kind)[1], full=full)} if full else {}
    return {int: 7, str: "text", bool: True, object: "anything"}[kind]


def test_the_vendored_protocol_is_the_bridges() -> None:
    copies = {"protocol.py": "messages.py", "vocabulary.py": "vocabulary.py"}
    for copy, original in copies.items():
        same = (CLIENT / copy).read_bytes() == (PROTOCOL / original).read_bytes()
        assert same, "run scripts/vendor-protocol"


@pytest.mark.parametrize("full", [True, False], ids=["full", "sparse"])
@pytest.mark.parametrize("name", KINDS)
def test_the_client_reads_back_what_the_bridge_writes(name: str, full: bool) -> None:  # noqa: FBT001
    written = msgspec.json.encode(example(getattr(bridge, name), full=full))
    expected = example(getattr(vendored, name), full=full)
    assert client.from_dict(getattr(vendored, name), json.loads(written)) == expected


@pytest.mark.parametrize("full", [True, False], ids=["full", "sparse"])
@pytest.mark.parametrize("name", KINDS)
def test_messages_of_the_first_schema_stay_readable(name: str, full: bool) -> None:  # noqa: FBT001
    golden = json.loads((GOLDEN / f"{name}.{'full' if full else 'sparse'}.json").read_text(encoding="utf-8"))
    message = client.from_dict(getattr(vendored, name), golden)
    assert holds(json.loads(msgspec.json.encode(message)), golden)


def holds(message: object, golden: object) -> bool:
    """Say whether a message still says everything of the first schema; it may say more at every depth."""
    if isinstance(golden, dict):
        return isinstance(message, dict) and all(
            key in message and holds(message[key], value) for key, value in golden.items()
        )
    if isinstance(golden, list):
        return isinstance(message, list) and all(map(holds, message, golden, strict=True))
    return message == golden


def test_every_golden_file_has_its_message() -> None:
    assert {file.name.partition(".")[0] for file in GOLDEN.glob("*.json")} == set(KINDS)


def test_every_kind_of_event_is_sent_by_the_bridge() -> None:
    kinds = bridge.EventKind
    code = "".join(
        each.read_text() for each in (ROOT / "meter_bridge").rglob("*.py") if each.name != "messages.py"
    )
    never = [
        kind.name for kind in kinds if kind is not kinds.UNKNOWN and f"EventKind.{kind.name}" not in code
    ]
    assert never == []
