"""One answer out of those of several shards: pure, over decoded JSON."""

from collections.abc import Iterable, Mapping, Sequence
import json
import re
from typing import Final

type Json = object
"""What ``json.loads`` returns."""
type Answer = Mapping[str, Json]

_SAMPLE: Final = re.compile(r"[{ ]")
_SUFFIX: Final = re.compile(r"_(?:bucket|count|sum|total|created)$")
SNAPSHOT_BITS: Final = 10
"""Numbers that clients see within one millisecond."""


def merge_lists(answers: Sequence[Answer]) -> dict[str, Json]:
    """Return the first answer with its lists prolonged by those of the others, each item once."""
    found = dict(answers[0])
    for name, value in found.items():
        if isinstance(value, list):
            found[name] = _unique(item for answer in answers for item in _list(answer, name))
    if "waiting" in found:
        found["waiting"] = sorted(_list(found, "waiting"), key=_heard_at)
    if "alerts" in found:
        found["alerts"] = sorted(_list(found, "alerts"), key=_opened_at, reverse=True)
    return found


def merge_snapshots(snapshots: Sequence[Answer], seq: int) -> dict[str, Json]:
    """Return the snapshot of all shards under the number that clients are to see."""
    return merge_lists(snapshots) | {"seq": seq}


def merge_webhook_answers(answers: Sequence[Answer]) -> dict[str, Json]:
    """Return how many events of a provider's message were new to any shard."""
    return {"events": sum(n for answer in answers if isinstance(n := answer.get("events"), int))}


def merge_health(answers: Sequence[Answer]) -> dict[str, Json]:
    """Return the worst health, with every reason once."""
    worst = max((str(answer["status"]) for answer in answers), key=("ok", "degraded", "down").index)
    return {
        "status": worst,
        "reasons": _unique(each for answer in answers for each in _list(answer, "reasons")),
    }


def merge_metrics(texts: Mapping[int, str]) -> str:
    """Return the metrics of several shards in Prometheus' text format, each sample with its shard."""
    families: dict[str, list[str]] = {}
    for shard, text in texts.items():
        for line in text.splitlines():
            name = line.split(" ")[2] if line.startswith("# ") else _SAMPLE.split(line, 1)[0]
            family = families.setdefault(_family(name, families), [])
            if not line.startswith("#"):
                family.append(_labelled(line, shard))
            elif line not in family:
                family.append(line)
    return "".join(f"{line}\n" for lines in families.values() for line in lines)


def _family(name: str, families: Mapping[str, Json]) -> str:
    """Return the family of a sample: that whose name it prolongs, as a histogram's do."""
    stem = _SUFFIX.sub("", name)
    return stem if name not in families and stem in families else name


def _labelled(sample: str, shard: int) -> str:
    """Return a sample with the label of its shard."""
    name, mark, rest = sample.partition("{")
    label = f'shard="{shard}"'
    if mark and " " not in name:
        return f"{name}{{{label}{'' if rest.startswith('}') else ','}{rest}"
    name, _, value = sample.partition(" ")
    return f"{name}{{{label}}} {value}"


def number_at(instant: int) -> int:
    """Return the first number that clients see for what happened at an instant."""
    return instant << SNAPSHOT_BITS


def instant_at(number: int) -> int:
    """Return the instant of a number that a client saw."""
    return number >> SNAPSHOT_BITS


def _list(answer: Answer, name: str) -> list[Json]:
    value = answer.get(name)
    return value if isinstance(value, list) else []


def _unique(items: Iterable[Json]) -> list[Json]:
    """Return items without repetitions, in the order in which they came."""
    return list({json.dumps(item, sort_keys=True): item for item in items}.values())


def _heard_at(payment: Json) -> str:
    """Return when a payment that waits was heard of."""
    return str(payment.get("heard_at", "")) if isinstance(payment, dict) else ""


def _opened_at(alert: Json) -> str:
    return str(alert.get("opened_at", "")) if isinstance(alert, dict) else ""
