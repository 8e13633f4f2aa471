"""The configuration folder of a Home Assistant that knows nothing but our integration."""

import json
from pathlib import Path
import shutil
from typing import Final

from scripts.lib.demo.ports import LOOPBACK

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
config:
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
          - {type: heading, heading: Credit}
          - {type: tile, entity: sensor.fern_cottage_balance, name: Balance}
          - {type: tile, entity: sensor.fern_cottage_units_left, name: Units left}
          - {type: tile, entity: binary_sensor.fern_cottage_low_credit, name: Credit}
          - {type: tile, entity: switch.fern_cottage_supply, name: Supply}
          - type: history-graph
            hours_to_show: 0.25
            entities: [{entity: sensor.fern_cottage_balance, name: Balance}]
      - type: grid
        cards:
          - {type: heading, heading: Use}
          - {type: tile, entity: sensor.fern_cottage_power, name: Power}
          - {type: tile, entity: sensor.fern_cottage_energy_today, name: Energy today}
          - {type: tile, entity: sensor.fern_cottage_cost_today, name: Cost today}
          - {type: tile, entity: sensor.fern_cottage_price, name: Price}
          - type: entities
            title: Rose Street
            entities:
              - {entity: sensor.flat_1_balance, name: Flat 1}
              - {entity: sensor.flat_2_balance, name: Flat 2}
              - {entity: sensor.flat_3_balance, name: Flat 3}
              - {entity: sensor.flat_4_balance, name: Flat 4}
              - {entity: sensor.flat_5_balance, name: Flat 5}
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
    (folder / "prepaid.yaml").write_text(DASHBOARD, encoding="utf-8")
    (storage / "http").write_text(json.dumps(_http(port)), encoding="utf-8")
    (folder / STAND_INS).mkdir()
    for module, name in MICROPHONES.items():
        (folder / STAND_INS / f"{module}.py").write_text(SILENCE.format(name=name), encoding="utf-8")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(project / COMPONENT, folder / COMPONENT, ignore=ignored, dirs_exist_ok=True)


def _http(port: int) -> dict[str, object]:
    """Return the stored HTTP settings as Home Assistant keeps them once a user has confirmed them."""
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
