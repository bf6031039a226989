"""Which addresses an outgoing call may reach: public ones and those a setting names, judged when connecting."""

import errno
import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from shared.environment import Network

Address = IPv4Address | IPv6Address

NAT64 = IPv6Network("64:ff9b::/96")
GLOBAL_UNICAST = IPv6Network("2000::/3")
METADATA = {
    ip_address(address)
    for address in ("169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254")
}
"""Where clouds hand out credentials: one of these must be listed by itself, a network around it is not enough."""


class AddressNotAllowedError(OSError):
    """The name resolves to an address that calls must not reach."""


def is_allowed(address: Address, networks: Sequence[Network]) -> bool:
    """Whether a call may connect there; an IPv4 address inside an IPv6 one is what counts."""
    judged = _embedded(address) or address
    if judged in METADATA:
        networks = [network for network in networks if network.prefixlen == network.max_prefixlen]
        return _is_in(judged, networks)
    return _is_in(judged, networks) or _is_in(address, networks) or _is_public(judged)


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(
        (isinstance(address, IPv4Address) and isinstance(network, IPv4Network) and address in network)
        or (isinstance(address, IPv6Address) and isinstance(network, IPv6Network) and address in network)
        for network in networks
    )


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that packets to this IPv6 address end at: mapped, NAT64 and 6to4."""
    if isinstance(address, IPv4Address):
        return None
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_public(address: Address) -> bool:
    # is_global alone holds for multicast; 2000::/3 leaves out local NAT64, IPv4-compatible and site-local forms.
    if isinstance(address, IPv6Address) and (address not in GLOBAL_UNICAST or address.teredo):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def guarded_sockets(networks: Sequence[Network]) -> Callable[[tuple[Any, ...]], socket.socket]:
    """A socket factory for aiohttp that refuses the addresses that are not allowed, whatever the name said before."""

    def make(address_info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, where = address_info
        if not is_allowed(ip_address(where[0]), networks):
            raise AddressNotAllowedError(errno.EACCES, f"the address {where[0]} is not allowed")
        return socket.socket(family, kind, protocol)

    return make
