"""The dashboard ends without a word, also after it has shown pages."""

import asyncio
from pathlib import Path
import signal
import socket
import subprocess
import sys

from aiohttp import ClientSession
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.storage.template import new_database

STARTED = "You can now view"


@pytest.mark.sqlite("about the process, whatever it reads")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_dashboard_ends_without_messages_of_leaks(tmp_path: Path, how: signal.Signals) -> None:
    new_database(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dashboard", "--data", str(tmp_path), "--port", str(port)]
    dashboard = subprocess.Popen(
        [*command, "--without-sign-in"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert dashboard.stdout is not None
        assert any(STARTED in line for line in dashboard.stdout)
        asyncio.run(page_shown(port))
    finally:
        dashboard.send_signal(how)
        said, _ = dashboard.communicate(timeout=60)
    assert "leaked" not in said
    assert "Traceback" not in said


async def page_shown(port: int) -> None:
    """Let a browser's session run the first page to its end."""
    rerun = BackMsg()
    rerun.rerun_script.query_string = ""
    async with (
        ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{port}/_stcore/stream", protocols=["streamlit"]) as socket,
    ):
        await socket.send_bytes(rerun.SerializeToString())
        async for message in socket:
            if ForwardMsg.FromString(message.data).WhichOneof("type") == "script_finished":
                return
    raise AssertionError
