"""The sockets that a server listens on, opened before the start-up log names them."""

import errno
import socket
from collections.abc import Iterator
from typing import Any, Final

from catalograph.errors import CatalographError

BACKLOG: Final = 2_048
"""Connections that may wait to be accepted."""

_ABSENT: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""Error numbers: this machine has no such address, for example no IPv6 at all."""


class ListenError(CatalographError):
    """The server cannot listen on an address; the message says which and why."""


def open_listeners(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of a host.

    `::` means all addresses, including IPv4, whatever the default of the machine is.
    `localhost` means both loopback addresses.

    Args:
        host: Address or name.
        port: 0 takes a free one, the same for all addresses.

    Returns:
        Listening sockets, at least one; the caller closes them.

    Raises:
        ListenError: The port is taken, or this machine has no such address.
    """
    listeners: list[socket.socket] = []
    failure: OSError | None = None
    try:
        for family, address in _resolve(host, port):
            if listeners and not port:
                address = (address[0], get_port(listeners), *address[2:])  # noqa: PLW2901
            try:
                listeners.append(_listen(family, address, dual_stack=host == "::"))
            except OSError as exc:
                failure = exc
                if exc.errno not in _ABSENT:
                    raise
        if failure is not None and not listeners:
            raise failure
    except OSError as exc:
        for listener in listeners:
            listener.close()
        reason = (exc.strerror or str(exc)).lower()
        raise ListenError(
            f"cannot listen on {host} port {port}: {reason}; choose with --host, --port "
            "or CATALOGRAPH_HOST, CATALOGRAPH_PORT"
        ) from exc
    return listeners


def get_port(listeners: list[socket.socket]) -> int:
    """Return the port, which is the same for all sockets."""
    return int(listeners[0].getsockname()[1])


def _resolve(host: str, port: int) -> Iterator[tuple[socket.AddressFamily, Any]]:
    found = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    seen = set()
    # IPv4 first: most clients that support one family only support that one.
    for family, _, _, _, address in sorted(found, key=lambda one: one[0]):
        if address not in seen:
            seen.add(address)
            yield family, address


def _listen(
    family: socket.AddressFamily, address: Any, *, dual_stack: bool
) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Allows a port whose last user has just ended.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not dual_stack)
            )
        listener.bind(address)
        # Listen now: when two processes bind the same address, only this call fails.
        listener.listen(BACKLOG)
        listener.set_inheritable(True)
    except OSError:
        listener.close()
        raise
    return listener
