"""What the tests of meters share: waiting on conditions and a mosquitto of one's own."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
import json
import os
from pathlib import Path
import shutil
import socket
import subprocess
import time
from typing import Any, Final

import pytest

from meter_bridge.devices.base.driver import Driver, Item, Publish, Report

WAIT_S = 60.0
START_MS = 1_790_000_000_000

MOSQUITTO = shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))


async def eventually(condition: Callable[[], object], what: str = "condition") -> None:
    """Wait until a condition holds; fail by name after a minute."""
    try:
        async with asyncio.timeout(WAIT_S):
            while not condition():  # noqa: ASYNC110 - conditions of many kinds, not events
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what} did not come true in {WAIT_S:.0f} s") from None


def reports(items: Sequence[Item]) -> list[Report]:
    """Return the reports among items."""
    return [item for item in items if isinstance(item, Report)]


def without(report: Report, *fields: str) -> Report:
    """Return a report that does not speak of some values."""
    silent: dict[str, Any] = dict.fromkeys(fields)
    return replace(report, **silent)


def requests(items: Sequence[Item]) -> list[Publish]:
    """Return the messages that a driver wants to send."""
    return [item for item in items if isinstance(item, Publish)]


def read(driver: Driver, topic: str, payload: str | bytes, *, retained: bool = False) -> Sequence[Item]:
    """Let a driver read one live message."""
    raw = payload.encode() if isinstance(payload, str) else payload
    assert driver.matches(topic), topic
    return driver.decode(topic, raw, retained=retained)


def free_port() -> int:
    """Return a loopback port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A mosquitto on a port of its own; can be killed and started again on the same port."""

    def __init__(self, directory: Path, *, extra: str = "allow_anonymous true\n") -> None:
        """Take a folder for its configuration, and lines to add to it."""
        self.port = free_port()
        self._configuration = directory / "mosquitto.conf"
        self._configuration.write_text(
            f"listener {self.port} 127.0.0.1\nset_tcp_nodelay true\npersistence false\n{extra}",
            encoding="utf-8",
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it accepts."""
        assert MOSQUITTO is not None
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        self.kill()
        raise AssertionError("mosquitto did not start")

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


_PLUGIN: Final = next(Path("/usr/lib").rglob("mosquitto_dynamic_security.so"), None)
needs_mosquitto_plugin: Final = pytest.mark.skipif(
    _PLUGIN is None, reason="mosquitto's dynamic security plugin is not installed"
)


def mosquitto_that_allows(directory: Path, *topics: str) -> Mosquitto:
    """Return a mosquitto that refuses subscriptions to other topics, and takes new rules from anybody."""
    acls = [_allowed("publishClientSend", "$CONTROL/#")]
    acls += [_allowed("subscribePattern", topic) for topic in topics]
    rules = {
        "anonymousGroup": "all",
        "groups": [{"groupname": "all", "roles": [{"rolename": "all"}]}],
        "roles": [{"rolename": "all", "acls": acls}],
    }
    file = directory / "rules.json"
    file.write_text(json.dumps(rules), encoding="utf-8")
    extra = f"user root\nallow_anonymous true\nplugin {_PLUGIN}\nplugin_opt_config_file {file}\n"
    return Mosquitto(directory, extra=extra)


def allowing(topic: str) -> Publish:
    """Return the message after which such a mosquitto allows one topic more; it ends every connection."""
    rule = {"command": "addRoleACL", "rolename": "all", **_allowed("subscribePattern", topic)}
    return Publish("$CONTROL/dynamic-security/v1", json.dumps({"commands": [rule]}).encode())


def _allowed(kind: str, topic: str) -> dict[str, object]:
    return {"acltype": kind, "topic": topic, "allow": True}
