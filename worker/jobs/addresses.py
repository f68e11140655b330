"""Which addresses this program may reach when a caller names them: those of the public internet."""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Self

import httpx

from worker.jobs.errors import AddressRefused, HostUnknown

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: The schemes that are spoken, and the ports that they imply.
DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL_CHARACTERS = 2048
REMEDY = "the operator can allow its network"
#: What `ipaddress` calls global in some versions of Python, though it leads elsewhere: relays of IPv6 over
#: IPv4, IPv4 in the clothes of IPv6, and what is set aside for examples and routers.
DISGUISES = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)


@dataclass(frozen=True)
class Guard:
    """What may be reached: public addresses, and those of the networks that the operator allows."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: str | None) -> Self:
        """The guard of the setting `allowed_networks`. Raises ValueError, which names the network."""
        return cls(parse_networks(networks))

    def allows(self, address: Address) -> bool:
        """Whether an address may be reached."""
        return _is_public(address) or any(address in network for network in self.allowed)

    def check_url(self, url: str) -> None:
        """Refuse what can be refused before a name is looked up; costs no time. Raises AddressRefused."""
        if len(url) > MAX_URL_CHARACTERS:
            raise AddressRefused(f"has {len(url)} characters; the limit is {MAX_URL_CHARACTERS}")
        parsed = _parse(url)
        if parsed.scheme not in DEFAULT_PORTS:
            raise AddressRefused(f"starts with {parsed.scheme!r}; it should be http:// or https://")
        if parsed.userinfo:
            raise AddressRefused("has a user or a password in it, which is not taken")
        if not parsed.host:
            raise AddressRefused("names no host")
        if parsed.port is not None and not 0 < parsed.port < 65536:
            raise AddressRefused(f"names port {parsed.port}, which is not from 1 to 65535")
        self._check_host(parsed.raw_host.decode("ascii"))

    async def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a host that may be reached, best first.

        Raises HostUnknown, and AddressRefused when there are only others.
        """
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # A label that is empty or too long for the domain name system is a UnicodeError.
        except (OSError, UnicodeError) as error:
            raise HostUnknown(host) from error
        addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
        reachable = [text for text in addresses if self.allows(ipaddress.ip_address(text))]
        if not reachable:
            # Which address it has is not told: names of the operator's own network may lead to it.
            raise AddressRefused(f"is at {host}, which has no public address; {REMEDY}")
        return reachable

    def _check_host(self, host: str) -> None:
        address = _literal(host.rstrip("."))
        if address is not None and not self.allows(address):
            raise AddressRefused(_refusal(host, str(address)))


def parse_networks(text: str | None) -> tuple[Network, ...]:
    """The networks of a list in CIDR with commas. Raises ValueError, which names the one that is wrong."""
    names = [name.strip() for name in (text or "").split(",")]
    return tuple(ipaddress.ip_network(name) for name in names if name)


def _parse(url: str) -> httpx.URL:
    # What connects later reads the URL in the same way: two readers could disagree on its host.
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        raise AddressRefused(f"is not a URL: {error}") from error


def _literal(host: str) -> Address | None:
    """The address that a host is written as; None for a name that must be looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return IPv4Address("127.0.0.1")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    # The resolver also takes 127.1, 0x7f000001 and 2130706433.
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _is_public(address: Address) -> bool:
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address in network for network in DISGUISES)


def _refusal(host: str, address: str) -> str:
    where = f"at {address}" if host == address else f"at {host}, which is {address}"
    return f"is {where}, not a public address; {REMEDY}"
