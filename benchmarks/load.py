"""Generates load on one server: with wrk if it is installed, otherwise with this module.

As a program, `python load.py PORT PATH FILE SECONDS CONNECTIONS VARIED` sends the lines of a
file in turn as bodies of POST requests, and prints the figures of `Load`. VARIED is 1 to add
headers to each request as a proxy does, otherwise 0. It is slower than wrk and than a bare
server, so it measures only slower servers well.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Final, NamedTuple

CONNECTIONS: Final = 16
API_KEY: Final = "benchmark-key"
"""Sent with every request, to every server; the gateway checks it."""

GENERATOR: Final = "wrk" if shutil.which("wrk") else "python"

_HERE: Final = Path(__file__).parent
_HEAD_END: Final = b"\r\n\r\n"
_OK: Final = b"HTTP/1.1 200"


class Load(NamedTuple):
    """Figures of some seconds of load.

    Attributes:
        requests: Number of answered requests.
        took_s: Wall-clock time in seconds.
        p50_ms: Median latency.
        p99_ms: 99th percentile of the latency.
        failed: Requests without an answer, or with a status other than 200.
    """

    requests: int
    took_s: float
    p50_ms: float
    p99_ms: float
    failed: int


class LoadError(Exception):
    """The load generator ended without a result."""


def put_load(
    port: int,
    path: str,
    payloads: Path,
    *,
    seconds: float,
    pin: Sequence[str],
    varied: bool = False,
) -> Load:
    """Send requests for some seconds, over 16 connections at once.

    Args:
        port: Port of the server on this machine.
        path: Path of the route.
        payloads: File with one request body in each line.
        seconds: Length of the load; wrk takes whole seconds.
        pin: Command prefix that binds the generator to CPUs; may be empty.
        varied: Whether each request has an `X-Request-Id` and an `X-Forwarded-For` of its own,
            as behind a proxy.

    Raises:
        LoadError: The load generator ended without a result.
    """
    if GENERATOR == "wrk":
        tool = [
            "wrk",
            "--threads=1",
            f"--connections={CONNECTIONS}",
            f"--duration={max(1, round(seconds))}s",
            "--timeout=60s",
            f"--header=x-api-key: {API_KEY}",
            f"--script={_HERE / 'load.lua'}",
            f"http://127.0.0.1:{port}{path}",
            "--",
            str(payloads),
            *(["varied"] if varied else []),
        ]
    else:
        tool = [sys.executable, str(Path(__file__)), str(port), path, str(payloads)]
        tool += [str(seconds), str(CONNECTIONS), str(int(varied))]
    done = subprocess.run([*pin, *tool], capture_output=True, text=True, check=False)
    _, found, result = done.stdout.partition("RESULT ")
    if not found:
        raise LoadError(done.stderr or done.stdout)
    return Load(**json.loads(result))


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """Return the value that a share of the values does not exceed."""
    place = min(len(sorted_values) - 1, int(len(sorted_values) * share))
    return sorted_values[place]


def build_request(path: str, payload: bytes) -> bytes:
    """Build the bytes of a POST request."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"accept: application/json\r\nx-api-key: {API_KEY}\r\n"
        f"content-length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


async def read_answer(reader: asyncio.StreamReader) -> tuple[bool, bytes]:
    """Read one response; return whether its status is 200, and its body."""
    head = await reader.readuntil(_HEAD_END)
    lowered = head.lower()
    if b"transfer-encoding: chunked" in lowered:
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    else:
        _, _, rest = lowered.partition(b"content-length:")
        body = await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    return head.startswith(_OK), body


async def stampede(
    port: int, path: str, payload: bytes, count: int
) -> tuple[list[float], list[bytes]]:
    """Send equal requests at the same time, each over its own connection.

    Returns:
        Latencies in milliseconds, ascending, and the bodies of all responses with status
        200.
    """
    start = asyncio.Event()
    request = build_request(path, payload)

    async def ask() -> tuple[float, bytes | None]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        connected.release()
        await start.wait()
        began = time.perf_counter()
        writer.write(request)
        ok, body = await read_answer(reader)
        took_ms = (time.perf_counter() - began) * 1000
        writer.close()
        return took_ms, body if ok else None

    connected = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(ask()) for _ in range(count)]
    for _ in tasks:
        await connected.acquire()
    start.set()
    answers = await asyncio.gather(*tasks)
    return sorted(took for took, _ in answers), [body for _, body in answers if body]


def _vary(requests: Iterable[bytes]) -> Iterator[bytes]:
    """Add headers to each request as a proxy does."""
    run = time.time_ns()
    for number, request in enumerate(requests):
        place = request.index(_HEAD_END) + 2
        lines = (
            f"x-request-id: {run:016x}{number:016x}\r\n"
            f"x-forwarded-for: 198.18.{number // 250 % 250}.{1 + number % 250}\r\n"
        )
        yield request[:place] + lines.encode() + request[place:]


async def _put_own_load(
    port: int,
    path: str,
    payloads: list[bytes],
    *,
    seconds: float,
    connections: int,
    varied: bool,
) -> Load:
    requests: Iterator[bytes] = cycle(
        [build_request(path, payload) for payload in payloads]
    )
    if varied:
        requests = _vary(requests)
    latencies: list[float] = []
    failed = 0
    began = time.perf_counter()

    async def ask_on() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (sent := time.perf_counter()) < began + seconds:
            writer.write(next(requests))
            ok, _ = await read_answer(reader)
            latencies.append((time.perf_counter() - sent) * 1000)
            failed += not ok
        writer.close()

    await asyncio.gather(*(ask_on() for _ in range(connections)))
    took_s = time.perf_counter() - began
    latencies.sort()
    p50_ms, p99_ms = percentile(latencies, 0.5), percentile(latencies, 0.99)
    return Load(len(latencies), took_s, p50_ms, p99_ms, failed)


def _main(
    port: str, path: str, file: str, seconds: str, connections: str, varied: str
) -> None:
    import uvloop  # noqa: PLC0415 - not on every system, and only needed here

    payloads = Path(file).read_bytes().splitlines()
    load = uvloop.run(
        _put_own_load(
            int(port),
            path,
            payloads,
            seconds=float(seconds),
            connections=int(connections),
            varied=varied == "1",
        )
    )
    print("RESULT", json.dumps(load._asdict()))


if __name__ == "__main__":
    _main(*sys.argv[1:])
