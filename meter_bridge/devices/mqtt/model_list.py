"""All models that there are: those that come with the bridge, and those of a site file."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import yaml

from meter_bridge.devices.family import SettingMistake, Settings, Written
from meter_bridge.devices.mqtt.model import Model
from meter_bridge.devices.mqtt.model_reader import read_model
from meter_bridge.devices.mqtt.names import MODELS

MAX_MODELS: Final = 200
_FOLDER: Final = files("meter_bridge.devices.mqtt") / "models"
_SUFFIX: Final = ".yaml"


class ModelError(ValueError):
    """A model that comes with the bridge and cannot be read: a fault of the program."""


@cache
def shipped_texts() -> Mapping[str, str]:
    """Return the models that come with the bridge as they are written."""
    names = sorted(each.name for each in _FOLDER.iterdir() if each.name.endswith(_SUFFIX))
    return {name.removesuffix(_SUFFIX): (_FOLDER / name).read_text(encoding="utf-8") for name in names}


@cache
def shipped_models() -> Mapping[str, Model]:
    """Return the models that come with the bridge."""
    models: dict[str, Model] = {}
    for name, text in shipped_texts().items():
        model, mistakes = read_model(name, yaml.load(text, Loader=yaml.BaseLoader))  # noqa: S506 - texts only  # nosec B506
        if model is None:
            raise ModelError(f"{name}: {mistakes[0].path} {mistakes[0].message}")
        models[name] = model
    return models


class _Newest:
    """The models of the settings that were asked for last: a check asks for each meter."""

    settings: Settings | None = None
    models: Mapping[str, Model] = {}


def models_of(settings: Settings) -> Mapping[str, Model]:
    """Return all models; one of the site file counts before a shipped one of the same name."""
    if not settings.get(MODELS):
        return shipped_models()
    if _Newest.settings is not settings:
        read = {name: read_model(name, written)[0] for name, written in written_models(settings).items()}
        own = {name: model for name, model in read.items() if model is not None}
        _Newest.settings, _Newest.models = settings, {**shipped_models(), **own}
    return _Newest.models


def check_models(settings: Settings) -> Iterator[SettingMistake]:
    """Yield all that is wrong with the models of a site file."""
    written = settings.get(MODELS, {})
    if not isinstance(written, dict):
        yield SettingMistake(
            (MODELS,), "keys with values are expected here", "write the name of each model below"
        )
    elif len(written) > MAX_MODELS:
        yield SettingMistake((MODELS,), f"{len(written)} models are too many", f"write at most {MAX_MODELS}")
    for name, model in written_models(settings).items():
        for mistake in _mistakes(name, model):
            path = (MODELS, name, *mistake.path)
            yield SettingMistake(path, mistake.message, mistake.remedy, mistake.is_key)


def written_models(settings: Settings) -> Mapping[str, Written]:
    """Return the models of a site file as they are written."""
    written = settings.get(MODELS, {})
    return written if isinstance(written, dict) else {}


def _mistakes(name: str, written: Written) -> Sequence[SettingMistake]:
    return read_model(name, written)[1]
