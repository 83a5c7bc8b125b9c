"""The upstream as a process: real sockets, a changing catalogue, faults at given rates.

Arguments: a port, the epoch and the period of `Truth`, a log file that gets one line for each
request, and the version that it serves. Standard input takes fault rates as lines of JSON, such as
`{"500": 0.1, "hang": 0.4}`; all other requests are answered correctly.
"""

import asyncio
import json
import random
import socket
import struct
import sys
import time
from pathlib import Path
from typing import IO, Final

import msgspec

from catalograph.demo.replies import Reply, RestService, utc_now
from catalograph.demo.rows import StoredModel
from catalograph.demo.service import DemoUpstream, build_demo_app
from catalograph.demo.shapes import SectionedShape
from catalograph.demo.v2026_08.december import convert_catalogue
from chaos.truth import Truth

FAULTS: Final = ("500", "429", "hang", "cut", "html", "reset", "shape")
"""Names of the faults of one request."""

_HANGS_S = 60.0
_TAKES_S = 0.02
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_HTML = b"<!doctype html><title>Just a moment</title><p>Checking your browser."


class Upstream:
    """Answers with the current catalogue, or with a fault."""

    def __init__(self, truth: Truth, log: IO[str], release: str) -> None:
        self.rates: dict[str, float] = {}
        self._truth = truth
        self._log = log
        self._release = release
        self._built: tuple[int, RestService] | None = None

    async def serve_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer the requests of one connection until either side closes it."""
        try:
            while await self._serve_request(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client has left
        finally:
            writer.close()

    async def _serve_request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fault = self._choose_fault()
        target = head.split(" ", 2)[1]
        self._log.write(f"{time.time():.3f} {fault or 'ok'} {target}\n")
        if fault == "hang":
            # When the client gives up and closes the connection, `read` returns.
            async with asyncio.timeout(_HANGS_S):
                await reader.read(1)
            return False
        await asyncio.sleep(_TAKES_S)
        if fault == "reset":
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()
            return False
        reply = _spoil(self._answer(target, head), fault)
        body = reply.body[: len(reply.body) // 2] if fault == "cut" else reply.body
        writer.write(_write_head(reply) + body)
        await writer.drain()
        return fault != "cut"

    def _choose_fault(self) -> str | None:
        drawn = random.random()  # noqa: S311 - not a secret
        for fault, rate in self.rates.items():
            if drawn < rate:
                return fault
            drawn -= rate
        return None

    def _answer(self, target: str, head: str) -> Reply:
        version = self._truth.version_at(time.time())
        if self._built is None or self._built[0] != version:
            self._built = version, self._build_service(version)
        path, _, query = target.partition("?")
        token = next(
            (
                line.partition(":")[2].strip()
                for line in head.split("\r\n")
                if line.lower().startswith("authorization:")
            ),
            None,
        )
        return self._built[1].reply("GET", path, query, token)

    def _build_service(self, version: int) -> RestService:
        models = self._truth.build_models(version)
        if self._release == "2025-12":
            return DemoUpstream(models, shape=SectionedShape(), clock=utc_now)
        catalogue = convert_catalogue(msgspec.convert(models, list[StoredModel]))
        return build_demo_app(catalogue, clock=utc_now, version="2026-08")


def _spoil(reply: Reply, fault: str | None) -> Reply:
    match fault:
        case "500":
            body = b'{"ok":false,"error":"failed","message":"fetch failed"}'
            return Reply(500, {"content-type": "application/json"}, body)
        case "429":
            return Reply(429, {"retry-after": "1"}, b"")
        case "html":
            return Reply(200, {"content-type": "text/html"}, _HTML)
        case "shape":
            body = b'{"ok": true, "items": []}'
            return Reply(200, {"content-type": "application/json"}, body)
        case _:
            return reply


def _write_head(reply: Reply) -> bytes:
    headers = {**reply.headers, "content-length": str(len(reply.body))}
    lines = [f"HTTP/1.1 {reply.status} Whatever"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def main(port: int, truth: Truth, log_path: Path, release: str) -> None:
    """Serve until standard input ends."""
    with log_path.open("a", buffering=1) as log:
        upstream = Upstream(truth, log, release)
        server = await asyncio.start_server(
            upstream.serve_connection, "127.0.0.1", port, reuse_address=True
        )
        print("ready", flush=True)
        async with server:
            while line := await asyncio.to_thread(sys.stdin.readline):
                upstream.rates = json.loads(line)


if __name__ == "__main__":
    asyncio.run(
        main(
            int(sys.argv[1]),
            Truth(float(sys.argv[2]), float(sys.argv[3])),
            Path(sys.argv[4]),
            sys.argv[5],
        )
    )
