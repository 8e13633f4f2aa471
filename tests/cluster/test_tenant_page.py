"""The tenant's page is the same at every worker: its files, who comes in, and who is not heard."""

from contextlib import AsyncExitStack

from aiohttp import ClientSession, CookieJar
import pytest

from meter_bridge.api.server import ListenSettings
from meter_bridge.cluster.router import RouterServer
from meter_bridge.cluster.worker import _info
from meter_bridge.storage.database import open_reader
from meter_bridge.tenant_page.files import PageFiles
from meter_bridge.tenant_page.sign_in_limits import MAX_PER_NUMBER
from tests.cluster.test_router import Pair, _front, divided, pair
from tests.engine.harness import LANDLORD
from tests.engine.test_shards import Street

__all__ = ("divided", "pair")


async def sign_in(pair: Pair, which: int, number: str, code: str) -> int:
    """Come in at a worker; return the status."""
    async with (
        ClientSession(cookie_jar=CookieJar(unsafe=True)) as session,
        session.post(
            pair.urls[which] + "/api/v1/page/sign-in",
            json={"number": number, "code": code},
            headers={"Prepaid-Page": "1"},
        ) as answer,
    ):
        return answer.status


@pytest.mark.invariant(15)
@pytest.mark.parametrize("account, shard", [("n1", 0), ("s1", 1)])
@pytest.mark.parametrize("which", [0, 1])
async def test_who_guesses_the_code_of_any_shard_is_not_heard_when_it_is_right_at_last(
    pair: Pair, account: str, shard: int, which: int
) -> None:
    made = await pair.owners[shard].app.page.access.create_access(LANDLORD, account)
    guesses = [await sign_in(pair, which, account, f"GUESS{n}") for n in range(MAX_PER_NUMBER)]
    assert guesses == [401] * MAX_PER_NUMBER
    assert [await sign_in(pair, each, account, made.code) for each in (0, 1)] == [429, 429]


async def test_a_worker_has_the_files_of_the_page_while_nobody_serves_a_shard(divided: Street) -> None:
    reader = open_reader(divided.location)
    async with AsyncExitStack() as stack:
        stack.callback(reader.dispose)
        front, peers = _front(reader, 1, "http://127.0.0.1:1", {}, divided)
        stack.push_async_callback(peers.close)
        server = RouterServer(front, _info(reader), ListenSettings(host="127.0.0.1", port=0))
        await server.start()
        stack.push_async_callback(server.stop)
        session = await stack.enter_async_context(ClientSession(cookie_jar=CookieJar(unsafe=True)))
        for path, status in (
            ("/", 302),
            ("/my/", 200),
            ("/my/paid", 200),
            ("/my/x", 404),
            ("/api/v1/me", 503),
        ):
            async with session.get(str(server.url) + path, allow_redirects=False) as answer:
                assert (path, answer.status) == (path, status)
        for name in ("app.js", "words.sw.json"):
            async with session.get(f"{server.url}/my/{name}", cookies={"prepaid_session": "x"}) as answer:
                assert await answer.read() == PageFiles().find(name).content
