"""The unit and the container files are valid, limited, of least rights, and set what the bridge knows."""

from collections.abc import Iterator
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
import re
import shutil
import subprocess
import sys
from threading import Thread
import tomllib
from typing import Any, Final

import pytest
import yaml

from meter_bridge.cli import build_parser
from meter_bridge.commands.backup import BACKUP_EPILOG as BACKUP_HELP
from meter_bridge.commands.run import EPILOG as RUN_HELP
from meter_bridge.config.settings import DEFAULT_LISTEN, Settings, load_settings, variable_of
from meter_bridge.devices.broker.access_list import BRIDGE as BRIDGE_USER

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
UNIT: Final = (DEPLOY / "prepaid-meter.service").read_text()
CONTAINER: Final = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
BRIDGE: Final[dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["bridge"]
ANALYZE: Final = shutil.which("systemd-analyze")
MOST_EXPOSED: Final = 22
"""Tenths of what systemd-analyze calls exposure, from 0 to 100; a unit without any limit has 96."""


def of_unit(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


@pytest.mark.parametrize(
    "key,value",
    [
        ("User", "prepaid-meter"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("StateDirectoryMode", "0700"),
        ("MemoryMax", "1G"),
        ("OOMPolicy", "continue"),
        ("TasksMax", "256"),
        ("Restart", "always"),
    ],
)
def test_the_service_has_limits_and_least_rights(key: str, value: str) -> None:
    assert of_unit(key) == [value]


def test_the_service_may_ask_whether_the_clock_is_synchronised() -> None:
    assert of_unit("ProtectClock") == []
    assert of_unit("SystemCallFilter") == ["@system-service adjtimex"]


def test_every_line_of_the_unit_is_one_that_systemd_reads(tmp_path: Path) -> None:
    for line in UNIT.splitlines():
        assert re.fullmatch(r"|#.*|\[(Unit|Service|Install)\]|[A-Z]\w+=.*", line), line
    if ANALYZE is not None:
        copy = tmp_path / "prepaid-meter.service"
        copy.write_text(re.sub(r"(?m)^ExecStart=.*$", "ExecStart=/bin/true", UNIT))
        done = subprocess.run([ANALYZE, "verify", copy], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        security = [ANALYZE, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(copy)]
        assert subprocess.run(security, capture_output=True, check=False).returncode == 0


def test_only_settings_that_the_bridge_knows_are_set() -> None:
    known = {variable_of(each.name) for each in fields(Settings)}
    texts = UNIT, CONTAINER, str(BRIDGE["environment"])
    named = {name for text in texts for name in re.findall(r"PREPAID_METER_[A-Z_]+", text)}
    assert named <= known
    assert load_settings(BRIDGE["environment"], data=Path("/data")).allow_plain_http


def test_the_container_has_limits_and_least_rights() -> None:
    assert (BRIDGE["read_only"], BRIDGE["cap_drop"]) == (True, ["ALL"])
    assert BRIDGE["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in BRIDGE
    assert {"mem_limit", "memswap_limit", "pids_limit", "cpus"} <= BRIDGE.keys()
    assert BRIDGE["volumes"] == ["data:/data"]
    final = CONTAINER[CONTAINER.rindex("\nFROM") :]
    assert BRIDGE["user"] == re.findall(r"^USER (\d+)$", final, re.MULTILINE)[0] != "0"
    assert "PREPAID_METER_DATA=/data" in final


def test_the_container_installs_nothing_without_its_hash() -> None:
    installs = re.findall(r"pip install ([^&\n]*)", CONTAINER)
    assert len(installs) == 3
    *locked, own = (line.split() for line in installs)
    for words in locked:
        assert "--require-hashes" in words
        assert (ROOT / words[words.index("-r") + 1]).is_file()
    assert own[-1] == "."
    assert {"--no-deps", "--no-index", "--no-build-isolation"} <= set(own)


def test_what_the_container_installs_is_what_was_tested() -> None:
    pins = re.compile(r"^([a-z0-9-]+==\S+)", re.MULTILINE)
    tested, image = (
        set(pins.findall((ROOT / "requirements" / f"{name}.txt").read_text()))
        for name in ("bridge", "container")
    )
    assert image
    assert image <= tested


def test_no_version_of_aiohttp_with_known_weaknesses_is_admitted() -> None:
    """CVE-2026-22815 and CVE-2026-34525, the newest that concern a server, are mended in 3.13.4."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (floor,) = [each.partition(">=")[2] for each in project["dependencies"] if each.startswith("aiohttp")]
    assert tuple(map(int, floor.split("."))) >= (3, 13, 4)


def test_without_tls_the_container_is_published_on_loopback_alone() -> None:
    port = DEFAULT_LISTEN.rpartition(":")[2]
    assert BRIDGE["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert BRIDGE["environment"]["PREPAID_METER_LISTEN"] == f"0.0.0.0:{port}"


def test_the_container_copies_what_is_there_and_installs_what_is_declared() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.*)$", CONTAINER, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists()
            assert f"!{source}" in ignored
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *extras["dashboard"], *extras["postgresql"]]
    lock = (ROOT / "requirements" / "container.txt").read_text()
    for each in declared:
        name = re.split(r"[^A-Za-z0-9-]", each)[0].lower()
        assert re.search(rf"^{name}(\[\w+\])?==", lock, re.MULTILINE), name
    build_parser().parse_args(re.findall(r'^CMD \["(\w+)"\]', CONTAINER, re.MULTILINE))


class Answering(BaseHTTPRequestHandler):
    """Answers a status that its server names."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.send_response(self.server.status if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base
        """Say nothing."""


class Server(HTTPServer):
    """A bridge of which only the health is asked."""

    status = 200


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a bridge of which only the health is asked."""
    with Server(("127.0.0.1", 0), Answering) as serving:
        thread = Thread(target=serving.serve_forever, args=(0.05,))
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.mark.parametrize("status,code", [(200, 0), (503, 1)])
def test_the_container_is_unhealthy_when_the_bridge_is_down(server: Server, status: int, code: int) -> None:
    server.status = status
    script = re.findall(r'"-c",\s+"(.*?)"\]', CONTAINER)[0].replace("8126", str(server.server_port))
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == code


INSTALLATION: Final = (ROOT / "docs" / "installation.md").read_text(encoding="utf-8")
PAGES: Final = [
    INSTALLATION,
    (ROOT / "docs" / "operations.md").read_text(encoding="utf-8"),
    RUN_HELP,
    BACKUP_HELP,
]


def test_the_broker_user_that_pages_and_help_name_is_the_one_that_broker_acl_creates() -> None:
    named = {name for page in PAGES for name in re.findall(r"mqtts?://([\w-]+):\w+@", page)}
    assert named == {BRIDGE_USER, "USER"}


def test_the_service_starts_after_its_settings_and_its_site_file_are_there() -> None:
    steps = (
        "useradd",
        "/var/lib/prepaid-meter\n",
        "PREPAID_METER_BROKER=mqtt://prepaid-meter",
        "apply /etc",
        "enable --now",
    )
    places = [INSTALLATION.index(step, INSTALLATION.index("### A service")) for step in steps]
    assert places == sorted(places)


def test_no_backup_goes_to_a_home_of_which_the_service_has_none() -> None:
    assert not any(re.search(r"backup[^\n]*(\$HOME|~/)", page) for page in PAGES)
