"""Fixtures of the meter tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.devices.support import MOSQUITTO, Mosquitto


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """Run a mosquitto of one's own."""
    if MOSQUITTO is None:
        pytest.fail("mosquitto is not installed: apt-get install mosquitto")
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()
