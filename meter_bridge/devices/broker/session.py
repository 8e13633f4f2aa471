"""One lasting connection to an MQTT 5 broker; the only place that knows gmqtt.

Each attempt uses a fresh client: gmqtt's own reconnection keeps packet ids that a lost session never
frees and does not subscribe again. Handlers are plain functions, so that the socket itself gives
back-pressure.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
import logging
import math
import ssl
from typing import Final, Protocol, cast

import gmqtt

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.broker.outgoing_queue import OutgoingQueue
from meter_bridge.devices.broker.url import AuthorityError, MqttSettings

LOGGER: Final = logging.getLogger(__name__)
CLIENT_LOGGER: Final = logging.getLogger(f"{__name__}.client")
CONNECT_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 2.0
FIRST_DELAY_S: Final = 0.2
MAX_DELAY_S: Final = 15.0
AUTHORITY_DELAY_S: Final = 1.0
"""Longest pause before the certificate authority's file is looked at again."""
MAX_PACKET_SIZE: Final = 9 * 1024 * 1024
"""The broker keeps larger messages to itself; the largest that a driver reads has 8 MB."""
DEFAULT_RECEIVE_MAXIMUM: Final = 65_535
RESERVED_PACKET_IDS: Final = 3
"""Ids that publishing leaves free, for subscriptions and for gmqtt's own margin."""
PATIENCE_S: Final = 30.0
"""Within which a broker that starts together with the bridge is expected to accept the first connection."""
NEVER: Final = math.inf
FILTERS_PER_REQUEST: Final = 200
REFRESH_DELAY_S: Final = 0.05
NO_RECONNECTION: Final = -2
SESSION_TAKEN_OVER: Final = 0x8E
REFUSED: Final = 0x80


class Client(Protocol):
    """The part of gmqtt's client that is used; a simulation passes a stand-in."""

    is_connected: bool
    on_connect: Callable[[object, int, int, dict[str, list[int]]], None]
    on_message: Callable[[object, str | bytes, bytes, int, dict[str, object]], None]
    on_subscribe: Callable[[object, int, Sequence[int], object], None]
    on_disconnect: Callable[[object, object], None]

    async def connect(self, host: str, port: int, ssl: object, keepalive: int) -> None:
        """Connect; raise ``OSError`` or ``gmqtt.MQTTConnectError``."""

    async def disconnect(self) -> None:
        """Say goodbye and close the socket."""

    def subscribe(self, subscriptions: list[object]) -> int:
        """Ask for topics; ``on_subscribe`` brings the answer."""

    def publish(self, topic: str, payload: bytes, qos: int, *, retain: bool) -> None:
        """Send a message; raise ``OverflowError`` where no packet id is free."""


type MakeClient = Callable[[MqttSettings, OutgoingQueue], Client]
"""Returns a fresh client that notes in ``OutgoingQueue`` which packet ids are in flight."""


def gmqtt_client(settings: MqttSettings, outgoing: OutgoingQueue) -> Client:
    """Return a client that has not connected yet."""
    client = gmqtt.Client(
        settings.client_id,
        clean_session=True,
        persistent_storage=outgoing,
        logger=CLIENT_LOGGER,
        maximum_packet_size=MAX_PACKET_SIZE,
    )
    client.set_config({"reconnect_retries": NO_RECONNECTION})
    if settings.username is not None:
        client.set_auth_credentials(settings.username, settings.password)
    # gmqtt tells of every lost connection several times, on several loggers; this file says it once.
    CLIENT_LOGGER.setLevel(logging.CRITICAL)
    logging.getLogger("gmqtt").setLevel(logging.CRITICAL)
    return cast("Client", client)


class BrokerSession:
    """Connects, subscribes, hears, sends and reconnects until stopped."""

    def __init__(
        self,
        settings: MqttSettings,
        *,
        filters: Callable[[], Sequence[tuple[str, int]]],
        on_message: Callable[[str, bytes, bool], None],
        on_connected: Callable[[bool], None],
        make_client: MakeClient = gmqtt_client,
    ) -> None:
        self._make_client = make_client
        self._settings = settings
        self._filters = filters
        self._on_message = on_message
        self._on_connected = on_connected
        self._outgoing = OutgoingQueue(self._publish)
        self._client: Client | None = None
        self._connected = False
        self._lost = asyncio.Event()
        self._subscribed: set[str] = set()
        self._subscribing: list[str] = []
        self._refresh: asyncio.TimerHandle | None = None
        self._give_up_at = NEVER
        """When the broker counts as unreachable unless it accepted a connection before."""
        self._task: asyncio.Task[None] | None = None
        self.problem: str | None = None
        """Why there is no connection, for people; None while connected."""
        self.remedy: str | None = None
        """What to do about a connection that could not be made, without the broker's address."""
        self.reached = False
        """Whether the broker ever accepted a connection."""
        self.unusable_authority: AuthorityError | None = None
        """Why the last attempt could not even begin; ``on_connected`` is called again when this changes."""
        self.refused: frozenset[str] = frozenset()
        """Topic filters that the broker does not allow; ``on_connected`` is called again with them."""

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and it stands."""
        return self._connected

    @property
    def user(self) -> str:
        """The name under which it connects; empty where the broker asks for none."""
        return self._settings.username or ""

    @property
    def in_flight(self) -> int:
        """Number of published messages that the broker has not acknowledged."""
        return self._outgoing.in_flight

    @property
    def waiting(self) -> int:
        """Number of messages that wait for the broker's window."""
        return self._outgoing.waiting

    def start(self) -> None:
        """Begin connecting in the background."""
        if self._task is None:
            self._give_up_at = asyncio.get_running_loop().time() + PATIENCE_S
            self._task = asyncio.create_task(self._run(), name="mqtt-session")

    async def stop(self) -> None:
        """Disconnect and end; safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def send(self, message: Publish, *, urgent: bool = True) -> bool:
        """Hand a message over; False when not connected or when too many wait already."""
        return self._outgoing.send(message, urgent=urgent)

    def refresh(self) -> None:
        """Subscribe soon to what the filters name and is not subscribed yet; many calls make one request."""
        if self._connected and self._refresh is None:
            self._refresh = asyncio.get_running_loop().call_later(REFRESH_DELAY_S, self._subscribe_missing)

    def _subscribe_missing(self) -> None:
        self._cancel_refresh()
        if not self._connected or self._subscribing or self._client is None:
            return
        missing = [(name, qos) for name, qos in self._filters() if name not in self._subscribed]
        if missing:
            batch = missing[:FILTERS_PER_REQUEST]
            self._subscribing = [name for name, _ in batch]
            self._client.subscribe([gmqtt.Subscription(name, qos=qos) for name, qos in batch])

    def _cancel_refresh(self) -> None:
        if self._refresh is not None:
            self._refresh.cancel()
        self._refresh = None

    async def _run(self) -> None:
        delay = FIRST_DELAY_S
        while True:
            if await self._keep_connection():
                delay = FIRST_DELAY_S
            if self.unusable_authority is not None:
                delay = min(delay, AUTHORITY_DELAY_S)
            await asyncio.sleep(delay)
            delay = min(delay * 2, MAX_DELAY_S)

    async def _keep_connection(self) -> bool:
        """Keep one connection open as long as it lasts; return whether it was ever accepted."""
        client = self._new_client()
        try:
            await self._connect(client, await self._tls())
            await self._lost.wait()
        except (AuthorityError, OSError, gmqtt.MQTTConnectError) as error:
            self._explain(error)
        finally:
            stood = self._connection_lost()
            await _close(client)
        return stood

    async def _tls(self) -> ssl.SSLContext | None:
        """Return a context made of what the files hold now; raises ``AuthorityError``."""
        # On a thread, because files may be on a slow disk; most brokers of a home are without TLS.
        return await asyncio.to_thread(self._settings.context) if self._settings.tls else None

    def _new_client(self) -> Client:
        client = self._make_client(self._settings, self._outgoing)
        client.on_connect = self._on_mqtt_connect
        client.on_message = self._on_mqtt_message
        client.on_subscribe = self._subscriptions_granted
        client.on_disconnect = self._disconnected
        self._lost = asyncio.Event()
        self._client = client
        return client

    async def _connect(self, client: Client, context: ssl.SSLContext | None) -> None:
        settings = self._settings
        connecting = asyncio.ensure_future(
            client.connect(settings.host, settings.port, context or False, settings.keepalive_s)
        )
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait(
                {connecting, lost}, timeout=CONNECT_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not connecting.done() and not self._connected:
                raise ConnectionError("the broker accepted the socket but not an MQTT 5 connection")
            if connecting.done():
                connecting.result()
        finally:
            lost.cancel()
            connecting.cancel()

    def _on_mqtt_connect(
        self, client: object, _flags: int, _code: int, properties: dict[str, list[int]]
    ) -> None:
        if client is not self._client:
            return
        granted = properties.get("receive_maximum", [DEFAULT_RECEIVE_MAXIMUM])[0]
        self._outgoing.open(max(1, min(self._settings.in_flight, granted - RESERVED_PACKET_IDS)))
        self._subscribed.clear()
        self._subscribing = []
        self._connected, self._give_up_at = True, NEVER
        self.reached = True
        self.problem = self.remedy = self.unusable_authority = None
        LOGGER.info("connected to the broker %s", self._settings.place())
        self._subscribe_missing()
        self._on_connected(True)  # noqa: FBT003

    def _subscriptions_granted(
        self, client: object, _mid: int, granted: Sequence[int], _properties: object
    ) -> None:
        if client is not self._client:
            return
        requested, self._subscribing = self._subscribing, []
        self._subscribed.update(requested)
        refused = [name for name, code in zip(requested, granted, strict=False) if code >= REFUSED]
        if refused:
            self.refused = self.refused.union(refused)
            LOGGER.error(
                "the broker %s refuses the subscriptions %s: allow them to user '%s'",
                self._settings.place(),
                ", ".join(refused[:10]),
                self.user,
            )
            self._on_connected(True)  # noqa: FBT003
        self._subscribe_missing()

    def _on_mqtt_message(
        self, _client: object, topic: str | bytes, payload: bytes, _qos: int, properties: dict[str, object]
    ) -> None:
        if isinstance(topic, bytes):
            return
        try:
            self._on_message(topic, payload, bool(properties["retain"]))
        except Exception:
            LOGGER.exception("a message on %s could not be processed", topic[:200])

    def _disconnected(self, client: object, packet: object) -> None:
        if client is not self._client:
            return
        if isinstance(packet, bytes) and packet[:1] == bytes([SESSION_TAKEN_OVER]):
            LOGGER.error(
                "another client with the id '%s' took this one's place at %s: give each its own client_id",
                self._settings.client_id,
                self._settings.place(),
            )
        self._lost.set()

    def _connection_lost(self) -> bool:
        """Reset after an attempt, and report once that there is no connection; return whether it was open."""
        stood, self._connected = self._connected, False
        self._client = None
        self._cancel_refresh()
        self.refused = frozenset()
        self._outgoing.close()
        if self._task is None:  # who was told to stop has lost nothing
            return stood
        if stood:
            self.problem = f"the connection to the broker {self._settings.place()} was lost"
            LOGGER.warning("%s; trying again", self.problem)
        if stood or asyncio.get_running_loop().time() >= self._give_up_at:
            self._give_up_at = NEVER
            self._on_connected(False)  # noqa: FBT003
        return stood

    def _explain(self, error: Exception) -> None:
        authority = error if isinstance(error, AuthorityError) else None
        if str(authority) != str(self.unusable_authority):
            self._give_up_at = -NEVER  # no waiting makes a file right, and who was told of one is told on
        self.unusable_authority = authority
        remedy = _remedy(error)
        problem = f"no connection to the broker {self._settings.place()}: {remedy}"
        if problem != self.problem:
            LOGGER.error("%s; trying again", problem)
        self.problem, self.remedy = problem, remedy

    def _publish(self, message: Publish) -> bool:
        client = self._client
        if client is None or not self._connected or not client.is_connected:
            return False
        try:
            client.publish(message.topic, message.payload, message.qos, retain=message.retain)
        except OverflowError:
            return False
        return True


async def _close(client: Client) -> None:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.disconnect()


def _remedy(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message}: name the authority that signed its certificate with --broker-ca"
    if isinstance(error, ssl.SSLError):
        return f"{error.reason}: the port may not speak TLS; use mqtt:// there, or the broker's TLS port"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there: start the broker, or correct host and port"
    if isinstance(error, gmqtt.MQTTConnectError):
        return f"{error}: check user name, password and the broker's access rules"
    return str(error) or type(error).__name__
