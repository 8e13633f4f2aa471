"""Running a module of ours in a child process, so that neither its memory nor its time is the bridge's."""

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import Mapping
import sys


class ChildError(RuntimeError):
    """A child that did not end well; the text names its status and the last line of its complaint."""


async def run_module(
    module: str, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> bytes:
    """Return what a module prints, given its standard input; a cancelled run kills its child.

    Raises ``ChildError``.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env=env, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        printed, complaint = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last_line = complaint.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        raise ChildError(f"ended with status {process.returncode}: {last_line or 'no message'}")
    return printed
