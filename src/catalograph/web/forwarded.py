"""Who really asks, when proxies that we know stand between."""

import functools
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_MOST_HOPS: Final = 32


class Proxies:
    """The proxies whose word counts.

    Args:
        networks: Addresses or networks, such as `10.0.0.0/8`.
    """

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(text) for text in networks]
        # Reading an address anew takes a good part of the time of a kept answer.
        self.trusts = functools.lru_cache(maxsize=4_096)(self._trusts)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def find_address(self, peer: str, headers: Mapping[bytes, bytes]) -> str:
        """The last address on the way here that is none of ours.

        Args:
            peer: The other end of the connection.
            headers: Of the request; only believed when `peer` is one of the proxies.
        """
        if not self._networks or not self.trusts(peer):
            return peer
        hops = headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
        # From the right: each proxy adds the one it was called by, and what was there
        # before the first proxy of ours may be anybody's invention.
        for hop in reversed(hops[-_MOST_HOPS:]):
            address = _parse(hop.strip())
            if address is None or getattr(address, "scope_id", None) is not None:
                # The zone of a link-local address is any text, and means nothing here.
                return peer
            peer = str(address)
            if not self.trusts(peer):
                return peer
        return peer

    def find_scheme(self, peer: str, headers: Mapping[bytes, bytes]) -> str | None:
        """`http` or `https` as the client had it; None when no proxy of ours says so."""
        if not self._networks or not self.trusts(peer):
            return None
        scheme = headers.get(b"x-forwarded-proto", b"").strip().lower()
        return scheme.decode("ascii") if scheme in {b"http", b"https"} else None

    def _trusts(self, peer: str) -> bool:
        """Whether an address is one of the proxies."""
        address = _parse(peer)
        return address is not None and any(
            address in network for network in self._networks
        )


def _parse(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    # Through a socket of both families an IPv4 proxy looks like ::ffff:10.0.0.1.
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address
