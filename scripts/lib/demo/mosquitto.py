"""A real mosquitto as a process, with users, passwords and access rights as a careful owner sets them."""

from collections.abc import Mapping
import os
from pathlib import Path
import shutil
import socket
from typing import Final
from urllib.parse import quote

from scripts.lib.demo.process import LOOPBACK, OwnedProcess, output_of
from scripts.lib.demo.waiting import NotObservedError

START_S: Final = 20.0
SERVERS: Final = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"))
CONFIGURATION: Final = """\
listener {port} {host}
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/rights
persistence false
{user}
"""
RIGHTS: Final = """\
user bridge
topic read #
topic write cmnd/#
topic write +/rpc
topic write zigbee2mqtt/+/get
topic write zigbee2mqtt/+/set

user meters
topic readwrite #
"""
PASSWORDS: Final[Mapping[str, str]] = {"bridge": "b/r:i@dge 1", "meters": "meters"}


class Mosquitto(OwnedProcess):
    """A broker that grants the bridge only what it needs, and the meters everything."""

    def __init__(self, folder: Path, port: int) -> None:
        self._files = folder
        self.port = port
        program = shutil.which("mosquitto", path=SERVERS)
        if program is None:
            raise NotObservedError("there is no mosquitto on this machine; scripts/setup system installs it")
        super().__init__(
            "mosquitto", [program, "-c", str(folder / "mosquitto.conf")], folder / "mosquitto.log"
        )

    def url(self, user: str) -> str:
        """Return the URL with which a user connects."""
        return f"mqtt://{user}:{quote(PASSWORDS[user], safe='')}@{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it accepts connections."""
        if not self._files.exists():
            await self._make()
        await super().start()
        await self.until_ready(self._accepts, START_S)

    async def _make(self) -> None:
        self._files.mkdir(parents=True)
        # Started by root it would otherwise become a user who may not read this folder.
        user = "user root" if os.geteuid() == 0 else ""
        text = CONFIGURATION.format(port=self.port, host=LOOPBACK, folder=self._files, user=user)
        (self._files / "mosquitto.conf").write_text(text, encoding="utf-8")
        (self._files / "rights").write_text(RIGHTS, encoding="utf-8")
        (self._files / "rights").chmod(0o600)
        passwords = self._files / "passwords"
        for number, (name, password) in enumerate(PASSWORDS.items()):
            create = ["-c"] if number == 0 else []
            await output_of(["mosquitto_passwd", *create, "-b", str(passwords), name, password])

    async def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0
