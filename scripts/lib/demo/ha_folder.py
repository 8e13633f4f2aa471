"""The configuration folder of a Home Assistant with only our integration."""

import json
from pathlib import Path
import shutil
from typing import Final

from scripts.lib.demo.process import LOOPBACK

COMPONENT: Final = Path("custom_components") / "prepaid_meter"
CONFIGURATION: Final = """\
homeassistant:
  name: Fern Cottage
  time_zone: Africa/Johannesburg
  currency: ZAR
  country: ZA
  language: en
  unit_system: metric
  latitude: -33.93
  longitude: 18.42
  elevation: 20
automation: !include automations.yaml
config:
conversation:
energy:
frontend:
history:
logbook:
lovelace:
  dashboards:
    prepaid-demo:
      mode: yaml
      title: Prepaid
      icon: mdi:meter-electric-outline
      filename: prepaid.yaml
    prepaid-units:
      mode: yaml
      title: Units
      icon: mdi:home-city-outline
      filename: units.yaml
recorder:
  commit_interval: 1
"""
DASHBOARD: Final = """\
title: Prepaid
views:
  - title: Fern Cottage
    path: home
    type: sections
    max_columns: 2
    sections:
      - type: grid
        cards:
          - {type: "custom:prepaid-meter-card", entity: sensor.fern_cottage_balance}
      - type: grid
        cards:
          - type: history-graph
            hours_to_show: 0.25
            entities: [{entity: sensor.fern_cottage_balance, name: Balance}]
          - type: history-graph
            hours_to_show: 0.25
            entities: [{entity: sensor.fern_cottage_power, name: Power}]
"""
UNITS: Final = """\
strategy:
  type: custom:prepaid-meter
"""


SILENCE: Final = '"""Stands in for a library of microphones."""\n\n\nclass {name}:\n    pass\n'
MICROPHONES: Final = {"pymicro_vad": "MicroVad", "pyspeex_noise": "AudioProcessor"}
"""Modules that Home Assistant loads to list its actions, and that have no wheels for this Python.

Without them its pages never get beyond "Loading".
"""
STAND_INS: Final = "stand_ins"
"""Folder of such modules, for ``PYTHONPATH``."""


def make_folder(folder: Path, project: Path, port: int) -> None:
    """Write a configuration that listens on this machine only, with the integration copied in."""
    storage = folder / ".storage"
    storage.mkdir(parents=True, exist_ok=True)
    (folder / "configuration.yaml").write_text(CONFIGURATION, encoding="utf-8")
    (folder / "automations.yaml").write_text("[]\n", encoding="utf-8")
    (folder / "prepaid.yaml").write_text(DASHBOARD, encoding="utf-8")
    (folder / "units.yaml").write_text(UNITS, encoding="utf-8")
    (storage / "http").write_text(json.dumps(_http(port)), encoding="utf-8")
    (folder / STAND_INS).mkdir()
    for module, name in MICROPHONES.items():
        (folder / STAND_INS / f"{module}.py").write_text(SILENCE.format(name=name), encoding="utf-8")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(project / COMPONENT, folder / COMPONENT, ignore=ignored, dirs_exist_ok=True)


def _http(port: int) -> dict[str, object]:
    """Return the HTTP settings as Home Assistant stores them after a user has confirmed them."""
    stable = {
        "server_host": [LOOPBACK],
        "server_port": port,
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": False,
        "ssl_profile": "intermediate_v6",
        "use_x_frame_options": True,
        "created_at": "2026-11-01T00:00:00+00:00",
        "error": None,
        "error_message": None,
    }
    data = {"stable": stable, "pending": None, "yaml_migration_done": True}
    return {"version": 3, "minor_version": 1, "key": "http", "data": data}
