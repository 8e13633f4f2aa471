"""Announce the API on the local network (DNS-SD over multicast DNS)."""

from ipaddress import IPv4Address, IPv6Address, ip_address
import logging
from typing import Final

import ifaddr
from zeroconf import Error, IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from meter_bridge.protocol.messages import ServerInfo

SERVICE_TYPE: Final = "_prepaid-meter._tcp.local."
API_PATH: Final = "/api/v1"
_LOGGER: Final = logging.getLogger(__name__)


class Announcement:
    """Tells the local network where the bridge is, from ``start`` to ``stop``."""

    def __init__(self, info: ServerInfo, *, host: str, port: int, tls: bool) -> None:
        self.service = service(info, addresses(host), port, tls=tls)
        self._zeroconf: AsyncZeroconf | None = None

    async def start(self) -> bool:
        """Announce; return whether it worked. A bridge without multicast is still a bridge."""
        try:
            self._zeroconf = AsyncZeroconf(ip_version=IPVersion.All)
            await self._zeroconf.async_register_service(self.service, allow_name_change=True)
        except (OSError, Error) as error:
            _LOGGER.warning("the API is not announced on the local network: %s", error)
            await self.stop()
            return False
        return True

    async def stop(self) -> None:
        """Take the announcement back."""
        if self._zeroconf is not None:
            await self._zeroconf.async_unregister_all_services()
            await self._zeroconf.async_close()
            self._zeroconf = None


def service(info: ServerInfo, parsed_addresses: list[str], port: int, *, tls: bool) -> AsyncServiceInfo:
    """Return the service to announce."""
    return AsyncServiceInfo(
        SERVICE_TYPE,
        f"{_label(info.name)}.{SERVICE_TYPE}",
        parsed_addresses=parsed_addresses,
        port=port,
        server=f"prepaid-meter-{_label(info.installation_id)}.local.",
        properties={
            "id": info.installation_id,
            "path": API_PATH,
            "version": info.version,
            "schema": str(info.schema_version),
            "tls": "1" if tls else "0",
            "name": info.name,
        },
    )


def addresses(host: str) -> list[str]:
    """Return the addresses at which others reach a host that is listened on."""
    try:
        listened = ip_address(host)
    except ValueError:
        return ["127.0.0.1"]
    if not listened.is_unspecified:
        return [host]
    found = (address.ip for adapter in ifaddr.get_adapters() for address in adapter.ips)
    every = [ip_address(ip if isinstance(ip, str) else ip[0]) for ip in found]
    return [str(ip) for ip in every if _reachable(ip) and ip.version == listened.version]


def _reachable(ip: IPv4Address | IPv6Address) -> bool:
    return not (ip.is_loopback or ip.is_link_local or ip.is_unspecified)


def _label(text: str) -> str:
    """Return a text as one label of a name: without dots, and short enough."""
    return text.replace(".", " ").encode()[:40].decode(errors="ignore").strip() or "Prepaid meter"
