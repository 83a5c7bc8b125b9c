"""Redis Cluster and Sentinel are refused with an explanation; tested with real servers."""

import asyncio
import contextlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from redis.asyncio import Redis as Client

from catalograph.cache.redis import Redis, RedisDownError
from catalograph.commands.checks import ping_redis
from support.redis_server import BINARY, RedisServer

SENTINEL = shutil.which("redis-sentinel") or shutil.which("valkey-sentinel")

pytestmark = pytest.mark.skipif(BINARY is None, reason="redis-server is not installed")


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def node() -> Iterator[RedisServer]:
    """A cluster node without slots, which redirects all keys to other nodes."""
    # The default, 10,000 above the other port, may exceed the largest port number.
    bus = ("--cluster-port", str(find_port()))
    with RedisServer("--cluster-enabled", "yes", *bus) as server:
        yield server


@pytest.fixture
def sentinel_url(tmp_path: Path) -> Iterator[str]:
    if SENTINEL is None:
        pytest.skip("redis-sentinel is not installed")
    port = find_port()
    settings = tmp_path / "sentinel.conf"
    settings.write_text(
        f"port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 1 1\n", "utf-8"
    )
    process = subprocess.Popen(  # noqa: S603 - found on the PATH
        [SENTINEL, str(settings)], stdout=subprocess.DEVNULL
    )
    deadline_s = time.monotonic() + 10
    while not listens(port):
        assert time.monotonic() < deadline_s, "redis-sentinel did not start"
        time.sleep(0.01)
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


async def fail_until_logged(url: str) -> str:
    """Use the cache as the gateway does; return the hint in the log."""
    redis = Redis(url)
    with structlog.testing.capture_logs() as lines:
        for _ in range(5):
            with pytest.raises(RedisDownError):
                await redis.get("key")
    await redis.aclose()
    return str(lines[0]["hint"])


async def test_a_check_recognises_a_cluster(node: RedisServer) -> None:
    with pytest.raises(OSError, match="this is a node of a Redis Cluster"):
        await ping_redis(node.url)


async def test_the_log_recognises_a_cluster(node: RedisServer) -> None:
    assert "node of a Redis Cluster" in await fail_until_logged(node.url)


async def test_a_check_recognises_a_sentinel(sentinel_url: str) -> None:
    with pytest.raises(OSError, match="this is a Sentinel"):
        await ping_redis(sentinel_url)


async def test_the_log_recognises_a_sentinel(sentinel_url: str) -> None:
    assert "Sentinel" in await fail_until_logged(sentinel_url)


@pytest.fixture
async def old_url() -> AsyncIterator[str]:
    """A server like Redis 5: it knows no HELLO, and repeats the arguments in its error."""

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                count = int((await reader.readuntil(b"\r\n"))[1:])
                words = []
                for _ in range(count):
                    size = int((await reader.readuntil(b"\r\n"))[1:])
                    words.append((await reader.readexactly(size + 2))[:-2])
                rest = b" ".join(b"`%b`," % word for word in words[1:])
                writer.write(
                    b"-ERR unknown command `%b`, with args beginning with: %b\r\n"
                    % (words[0], rest)
                )
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield f"redis://:s3cret-pass@127.0.0.1:{port}/0"
    server.close()


async def test_an_old_server_is_explained_without_the_password(old_url: str) -> None:
    with pytest.raises(OSError, match="unknown command") as caught:
        await ping_redis(old_url)
    hint = await fail_until_logged(old_url)

    assert hint == "Redis before version 6 needs the option protocol=2"
    assert hint in str(caught.value)
    assert "s3cret-pass" not in str(caught.value)


async def test_the_log_does_not_hold_the_password(old_url: str) -> None:
    redis = Redis(old_url)
    with structlog.testing.capture_logs() as lines:
        for _ in range(5):
            with pytest.raises(RedisDownError):
                await redis.get("key")
    await redis.aclose()

    assert [line["error"] for line in lines] == [
        "ResponseError: unknown command `HELLO`, with args beginning with: …"
    ]


@pytest.mark.parametrize(
    ("arguments", "scheme", "database", "hint"),
    [
        (("--requirepass", "secret"), "redis", 0, "this server wants a password"),
        (
            ("--rename-command", "EVAL", ""),
            "redis",
            0,
            "the gateway needs scripts; this server has none",
        ),
        (
            ("--databases", "1"),
            "redis",
            5,
            "this server has fewer databases; 0 always exists",
        ),
        (
            (),
            "rediss",
            0,
            "does that port speak TLS? without it, the address begins with redis://",
        ),
    ],
)
async def test_a_check_explains_why_a_redis_cannot_be_used(
    arguments: tuple[str, ...], scheme: str, database: int, hint: str
) -> None:
    with RedisServer(*arguments) as server:
        place = server.url.removeprefix("redis").removesuffix("0")

        with pytest.raises(OSError, match=re.escape(f"({hint})")):
            await ping_redis(f"{scheme}{place}{database}")


async def test_a_check_needs_no_right_to_ping() -> None:
    with RedisServer() as server:
        client = Client.from_url(server.url)
        await client.acl_setuser(
            "few",
            enabled=True,
            passwords=["+pw"],
            keys=["*"],
            commands=["+get", "+set", "+eval", "+del"],
        )
        await client.aclose()

        await ping_redis(server.url.replace("//", "//few:pw@"))


async def test_a_check_accepts_a_single_redis() -> None:
    with RedisServer() as server:
        await ping_redis(server.url)
