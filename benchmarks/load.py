"""Load on one server: by wrk where it is installed, by this module itself where not.

As a program, `python load.py PORT PATH FILE SECONDS CONNECTIONS` sends the lines of a
file in turn as bodies of POST requests and prints what `Load` holds. It is slower than
wrk and than a bare server; only what is slower still is measured well by it.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

CONNECTIONS: Final = 16
GENERATOR: Final = "wrk" if shutil.which("wrk") else "python"

_HERE: Final = Path(__file__).parent
_HEAD_END: Final = b"\r\n\r\n"
_OK: Final = b"HTTP/1.1 200"


class Load(NamedTuple):
    """What came of some seconds of load.

    Attributes:
        requests: Answered ones.
        took_s: Wall-clock time.
        p50_ms: Median latency.
        p99_ms: Latency that one in a hundred requests exceeds.
        failed: Without an answer, or with another status than 200.
    """

    requests: int
    took_s: float
    p50_ms: float
    p99_ms: float
    failed: int


class LoadError(Exception):
    """The load generator did not come back with a result."""


def put_load(
    port: int,
    path: str,
    payloads: Path,
    *,
    seconds: float,
    pin: Sequence[str],
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Load:
    """Send requests for some seconds, over 16 connections at once.

    Args:
        port: On this machine.
        path: Of the route.
        payloads: A file with a body per line.
        seconds: How long; wrk rounds up to whole ones.
        pin: Command that binds what follows to processors; may be empty.
        headers: Further ones; by wrk only.

    Raises:
        LoadError: No result.
    """
    if GENERATOR == "wrk":
        tool = [
            "wrk",
            "--threads=1",
            f"--connections={CONNECTIONS}",
            f"--duration={max(1, round(seconds))}s",
            "--timeout=60s",
            *(f"--header={name}: {value}" for name, value in headers.items()),
            f"--script={_HERE / 'load.lua'}",
            f"http://127.0.0.1:{port}{path}",
            "--",
            str(payloads),
        ]
    else:
        tool = [sys.executable, str(Path(__file__)), str(port), path, str(payloads)]
        tool += [str(seconds), str(CONNECTIONS)]
    done = subprocess.run([*pin, *tool], capture_output=True, text=True, check=False)
    _, found, result = done.stdout.partition("RESULT ")
    if not found:
        raise LoadError(done.stderr or done.stdout)
    return Load(**json.loads(result))


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """Give the value that `share` of them do not exceed."""
    place = min(len(sorted_values) - 1, int(len(sorted_values) * share))
    return sorted_values[place]


def build_request(path: str, payload: bytes) -> bytes:
    """Build the whole of a POST request."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"accept: application/json\r\ncontent-length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


async def read_answer(reader: asyncio.StreamReader) -> tuple[bool, bytes]:
    """Read one answer: whether its status was 200, and its body."""
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
    """Send equal requests at once, each over its own connection.

    Returns:
        Latencies in ms, ascending, and the bodies of all answers with status 200.
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


async def _put_own_load(
    port: int, path: str, payloads: list[bytes], seconds: float, connections: int
) -> Load:
    requests = cycle([build_request(path, payload) for payload in payloads])
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


def _main(port: str, path: str, file: str, seconds: str, connections: str) -> None:
    import uvloop  # noqa: PLC0415 - not on every system, and only needed here

    payloads = Path(file).read_bytes().splitlines()
    load = uvloop.run(
        _put_own_load(int(port), path, payloads, float(seconds), int(connections))
    )
    print("RESULT", json.dumps(load._asdict()))


if __name__ == "__main__":
    _main(*sys.argv[1:])
