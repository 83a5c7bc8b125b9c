"""Listening: addresses, address families, and error messages."""

import socket

import pytest

from catalograph.server.listening import ListenError, get_port, open_listeners


def reaches(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("::", (True, True)),
        ("0.0.0.0", (True, False)),  # noqa: S104
        ("::1", (False, True)),
        ("127.0.0.1", (True, False)),
    ],
)
def test_a_host_is_listened_on_with_the_families_that_it_stands_for(
    host: str, reached: tuple[bool, bool]
) -> None:
    listeners = open_listeners(host, 0)
    port = get_port(listeners)

    got = reaches("127.0.0.1", port), reaches("::1", port)

    for listener in listeners:
        listener.close()
    assert got == reached


def test_a_name_of_two_addresses_has_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = socket.SOCK_STREAM
    both = [
        (socket.AF_INET6, stream, 6, "", ("::1", 0, 0, 0)),
        (socket.AF_INET, stream, 6, "", ("127.0.0.1", 0)),
        (socket.AF_INET6, stream, 6, "", ("2001:db8::1", 0, 0, 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)

    listeners = open_listeners("localhost", 0)
    names = [listener.getsockname()[:2] for listener in listeners]

    for listener in listeners:
        listener.close()
    port = names[0][1]
    assert names == [("127.0.0.1", port), ("::1", port)]


def test_a_taken_port_is_reported_and_nothing_stays_open() -> None:
    (first,) = open_listeners("127.0.0.1", 0)
    port = get_port([first])

    with first, pytest.raises(ListenError, match="address already in use"):
        open_listeners("127.0.0.1", port)

    (again,) = open_listeners("127.0.0.1", port)
    again.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "2001:db8::1"])
def test_a_host_of_another_machine_is_reported(host: str) -> None:
    with pytest.raises(ListenError, match=f"^cannot listen on {host} port 0: "):
        open_listeners(host, 0)
