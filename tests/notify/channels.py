"""A web hook and a mail server on loopback, to which apprise really sends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Hook:
    """A receiver of apprise's ``json://`` messages."""

    port: int = 0
    heard: list[dict[str, str]] = field(default_factory=list)
    refuses: bool = False

    @property
    def channel(self) -> str:
        """Return its address for apprise."""
        return f"json://127.0.0.1:{self.port}/hook"

    async def take(self, request: web.Request) -> web.Response:
        """Note a message, or refuse it."""
        if self.refuses:
            return web.Response(status=503)
        self.heard.append(await request.json())
        return web.Response()


@asynccontextmanager
async def hook() -> AsyncIterator[Hook]:
    """Offer a receiver on a free loopback port."""
    receiver, app = Hook(), web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.port = runner.addresses[0][1]
    yield receiver
    await runner.cleanup()


@dataclass
class Mailbox:
    """A mail server that takes everything."""

    port: int = 0
    mails: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak as much SMTP as a client needs."""
        writer.write(b"220 mail\r\n")
        while line := (await reader.readline()).decode().strip():
            word = line.split()[0].upper()
            if word == "RCPT":
                self.recipients.append(line.partition(":")[2].strip("<> "))
            if word == "DATA":
                writer.write(b"354 go on\r\n")
                mail = [part async for part in _until_dot(reader)]
                self.mails.append("".join(mail))
            writer.write(b"221 bye\r\n" if word == "QUIT" else b"250 ok\r\n")
            await writer.drain()
            if word == "QUIT":
                break
        writer.close()


async def _until_dot(reader: asyncio.StreamReader) -> AsyncIterator[str]:
    while (line := (await reader.readline()).decode()) not in {".\r\n", ""}:
        yield line


@asynccontextmanager
async def mailbox() -> AsyncIterator[Mailbox]:
    """Offer a mail server on a free loopback port."""
    box = Mailbox()
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box
