"""Any worker answers for all shards, and takes no client for a worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar, UnixConnector
import pytest
from sqlalchemy import Engine as SqlEngine

from meter_bridge.api.http.authentication import OPERATOR_HEADER, PROOF_HEADER, SENDER_HEADER, SHARD_HEADER
from meter_bridge.api.server import ApiServer, ListenSettings
from meter_bridge.cluster.directory import ShardDirectory, ShardTimes
from meter_bridge.cluster.payment_routing import PaymentRouting
from meter_bridge.cluster.peer_client import PeerClient
from meter_bridge.cluster.registry import ClusterView, Member
from meter_bridge.cluster.router import Router, RouterServer
from meter_bridge.engine.access.secret_key import load_key
from meter_bridge.payments.settings_file import load_providers
from meter_bridge.protocol.messages import Role
from meter_bridge.storage.database import open_reader
from meter_bridge.storage.location import Location
from meter_bridge.storage.shards import Shard
from tests.engine.harness import LANDLORD
from tests.engine.test_shards import Owner, Street, divided
from tests.payments.till import FILE, write_file

__all__ = ("divided",)
WORDS = ("word of the first", "word of the second")


type Body = dict[str, Any]
"""JSON, of whatever shape."""


@dataclass
class Pair:
    """Two workers, each with one shard of the street."""

    owners: list[Owner]
    urls: list[str]
    sockets: list[Path]
    tokens: dict[str, str]
    session: ClientSession
    location: Location

    async def get(self, which: int, path: str, token: str = "all", **headers: str) -> tuple[int, Body]:
        """Ask a worker; return status and body."""
        sent = {"Authorization": f"Bearer {self.tokens[token]}"} if token else {}
        async with self.session.get(self.urls[which] + path, headers=sent | headers) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def pair(divided: Street, tmp_path: Path) -> AsyncIterator[Pair]:
    """Run both workers' API over bridges without devices, with a provider of payments."""
    write_file(divided.data, FILE.replace("page: https", "page: http"))
    reader = open_reader(divided.location)
    async with AsyncExitStack() as stack:
        stack.callback(reader.dispose)
        owners = [await stack.enter_async_context(divided.owner(Shard(n, 2))) for n in range(2)]
        tokens = {
            "all": await owners[0].app.tokens.create(
                LANDLORD, name="all", role=Role.LANDLORD, sites=frozenset({"*"}), accounts=frozenset(), days=1
            ),
            "tenant": await owners[0].app.tokens.create(
                LANDLORD, name="s1", role=Role.TENANT, sites=frozenset(), accounts=frozenset({"s1"}), days=1
            ),
        }
        await owners[1].app.tokens.refresh()
        members: dict[str, Member] = {}
        urls, sockets = [], []
        for n, owner in enumerate(owners):
            own = ApiServer(owner.app, ListenSettings(host="127.0.0.1", port=0), shared_secret=WORDS[n])
            await own.start()
            stack.push_async_callback(own.stop)
            front, peers = _front(reader, n, str(own.url), members, divided)
            stack.push_async_callback(peers.close)
            sockets.append(tmp_path / f"{n}.sock")
            server = RouterServer(
                front, owner.app.status.info(), ListenSettings(host="127.0.0.1", port=0, socket=sockets[n])
            )
            await server.start()
            stack.push_async_callback(server.stop)
            urls.append(str(server.url))
            members[f"worker-{n}"] = Member(f"worker-{n}", str(server.url), WORDS[n])
        session = await stack.enter_async_context(ClientSession())
        yield Pair(owners, urls, sockets, tokens, session, divided.location)


def _front(
    reader: SqlEngine, n: int, own: str, members: dict[str, Member], street: Street
) -> tuple[Router, PeerClient]:
    """Return the front of a worker that owns one shard, and its way to the others."""
    peers = PeerClient(Member(f"worker-{n}", "", WORDS[n]))
    peers.local_addresses[n] = own
    look = ClusterView(members, {0: "worker-0", 1: "worker-1"})
    key, providers = load_key(street.data), load_providers(street.data).providers
    paying = PaymentRouting(reader, providers, lambda: street.time.wall)
    return Router(peers, ShardDirectory(reader), ShardTimes(reader, 2), lambda: look, key, paying), peers


async def test_either_worker_answers_for_any_account_and_for_all(pair: Pair) -> None:
    for which in (0, 1):
        for account in ("n1", "s1"):
            status, body = await pair.get(which, f"/api/v1/accounts/{account}")
            assert (status, body["id"]) == (200, account)
        status, body = await pair.get(which, "/api/v1/accounts")
        assert sorted(account["id"] for account in body["accounts"]) == ["n1", "n2", "s1"]
        status, body = await pair.get(which, "/api/v1/meters")
        assert sorted(meter["id"] for meter in body["meters"]) == ["n1/main", "n2/main", "s1/main"]


@pytest.mark.invariant(8)
async def test_a_top_up_at_the_wrong_worker_is_booked_once_by_the_right_one(pair: Pair) -> None:
    path = "/api/v1/accounts/s1/top-ups"
    headers = {"Authorization": f"Bearer {pair.tokens['all']}", "Idempotency-Key": "once"}
    body = {"amount": "5.00", "method": "cash"}
    statuses = []
    for which in (0, 1, 0):
        async with pair.session.post(pair.urls[which] + path, json=body, headers=headers) as answer:
            statuses.append(answer.status)
    assert statuses == [201, 200, 200]
    assert pair.owners[1].app.accounts.view(LANDLORD, "s1").last_top_up is not None


@pytest.mark.invariant(15)
async def test_a_tenant_sees_the_own_account_alone_at_every_worker(pair: Pair) -> None:
    for which in (0, 1):
        _, body = await pair.get(which, "/api/v1/accounts", "tenant")
        assert [account["id"] for account in body["accounts"]] == ["s1"]
        assert (await pair.get(which, "/api/v1/accounts/n1", "tenant"))[0] == 404


@pytest.mark.both_databases
@pytest.mark.invariant(15)
async def test_a_customer_comes_in_at_any_worker_and_sees_the_own_account_alone(pair: Pair) -> None:
    made = await pair.owners[1].app.page.access.create_access(LANDLORD, "s1")
    for which in (0, 1):
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
            address, marked = pair.urls[which] + "/api/v1/page/sign-in", {"Prepaid-Page": "1"}
            async with session.post(address, json={"number": "s1", "code": "X"}, headers=marked) as answer:
                assert answer.status == 401
            async with session.post(
                address, json={"number": "s1", "code": made.code}, headers=marked
            ) as answer:
                assert (answer.status, (await answer.json())["account_id"]) == (200, "s1")
                assert set(answer.cookies) == {"prepaid_session", "prepaid_device"}
            for path in ("/api/v1/accounts", "/api/v1/accounts/s1", "/api/v1/me"):
                async with session.get(pair.urls[which] + path) as answer:
                    assert answer.status == 200
            async with session.get(pair.urls[which] + "/api/v1/accounts/n1") as answer:
                assert answer.status == 404


async def test_the_metrics_of_a_worker_name_the_shard(pair: Pair) -> None:
    headers = {"Authorization": f"Bearer {pair.tokens['all']}"}
    async with pair.session.get(pair.urls[1] + "/metrics", headers=headers) as answer:
        text = await answer.text()
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert samples
    assert all('shard="1"' in line for line in samples)


async def test_nobody_becomes_the_operator_by_a_header(pair: Pair) -> None:
    for which in (0, 1):
        for word in ("", "guess", WORDS[1 - which]):
            forged = {PROOF_HEADER: word, OPERATOR_HEADER: "yes", SENDER_HEADER: "local"}
            assert (await pair.get(which, "/api/v1/accounts/s1", "", **forged))[0] == 401
            forged[SHARD_HEADER] = str(which)
            assert (await pair.get(which, "/api/v1/accounts", "", **forged))[0] == 401


async def test_the_local_operator_of_one_machine_reaches_the_accounts_of_the_other(pair: Pair) -> None:
    async with ClientSession(connector=UnixConnector(str(pair.sockets[0]))) as session:
        for account in ("n1", "s1"):
            async with session.get(f"http://localhost/api/v1/accounts/{account}") as answer:
                assert answer.status == 200


@pytest.mark.both_databases
async def test_a_history_asks_every_shard_or_that_of_the_account(pair: Pair) -> None:
    status, body = await pair.get(1, "/api/v1/history")
    assert (status, body["next_account"]) == (200, None)
    status, again = await pair.get(0, f"/api/v1/history?after={body['seq']}")
    assert (status, again["accounts"]) == (200, [])
    status, alone = await pair.get(0, "/api/v1/history?account=s1")
    told = [account for account in body["accounts"] if account["account_id"] == "s1"]
    assert (status, alone["accounts"]) == (200, told)
    assert (await pair.get(0, "/api/v1/history?account=nobody"))[0] == 404
    assert (await pair.get(0, "/api/v1/history?after=much"))[0] == 400


async def test_a_shard_that_nobody_serves_is_told_apart_from_an_account_that_is_not_there(pair: Pair) -> None:
    status, _ = await pair.get(0, "/api/v1/accounts/nobody")
    assert status == 404
    status, body = await pair.get(0, "/api/v1/accounts/n1", **{SHARD_HEADER: "1"})
    assert (status, body["code"]) == (503, "storage_unavailable")


async def test_a_wrong_token_is_refused_for_a_list_and_for_a_websocket(pair: Pair) -> None:
    pair.tokens["wrong"] = "pmb_0_0"
    assert (await pair.get(0, "/api/v1/accounts", "wrong"))[0] == 401
    assert (await pair.get(0, "/api/v1/ws", "wrong"))[0] == 401


@pytest.mark.both_databases
async def test_a_websocket_tells_of_all_shards_under_numbers_that_rise_and_resumes(pair: Pair) -> None:
    headers = {"Authorization": f"Bearer {pair.tokens['all']}"}
    async with pair.session.ws_connect(pair.urls[0] + "/api/v1/ws", headers=headers) as socket:
        assert json.loads((await socket.receive()).data)["type"] == "server_info"
        await socket.send_json({"type": "subscribe", "schema_version": 1})
        snapshot = json.loads((await socket.receive()).data)
        assert sorted(each["id"] for each in snapshot["accounts"]) == ["n1", "n2", "s1"]
        seen = [snapshot["seq"]]
        for account, owner in (("s1", 1), ("n1", 0), ("s1", 1)):
            key = f"{account} {len(seen)}"
            await pair.owners[owner].app.accounts.top_up(
                LANDLORD, account, amount="1.00", method="cash", reference=None, key=key
            )
            event = await _top_up(socket)
            assert event["account_id"] == account
            seen.append(event["seq"])
    assert seen == sorted(set(seen))
    async with pair.session.ws_connect(pair.urls[1] + "/api/v1/ws", headers=headers) as socket:
        await socket.receive()
        await socket.send_json({"type": "subscribe", "schema_version": 1, "since": seen[0]})
        assert json.loads((await socket.receive()).data)["seq"] >= seen[0]
        again = [await _top_up(socket) for _ in range(3)]
    assert sorted(each["account_id"] for each in again) == ["n1", "s1", "s1"]
    assert min(each["seq"] for each in again) > seen[0]


async def _top_up(socket: ClientWebSocketResponse) -> Body:
    """Return the next event of a top-up."""
    async with asyncio.timeout(60):
        while True:
            told: Body = json.loads((await socket.receive()).data)
            if told["type"] == "event" and told["kind"] == "top_up":
                return told
