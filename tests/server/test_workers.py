"""Workers of one gateway meet in a folder and exchange their metrics."""

import asyncio
import contextlib
import itertools
import os
import socket
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from catalograph.server.workers import Workers, find_folder, open_folder

NEVER_S = 60.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short name, and two workers expected."""
    with tempfile.TemporaryDirectory(prefix="w") as path:
        for number in range(2):
            (Path(path) / f"{number}.lock").touch()
        yield Path(path)


def metrics_of(things: int) -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(things)
    return registry


@contextlib.asynccontextmanager
async def joined(
    folder: Path, things: int = 0, *, patience_s: float = NEVER_S
) -> AsyncIterator[Workers]:
    workers = Workers(folder, registry=metrics_of(things), patience_s=patience_s)
    await workers.join()
    try:
        yield workers
    finally:
        await workers.leave()


async def scrape(workers: Workers) -> dict[str, float]:
    """Samples of one scrape, but for when they began to count."""
    text, media_type = await workers.write_metrics("text/plain")
    assert media_type.startswith("text/plain; version=")
    samples = [
        line.rsplit(" ", 1)
        for line in text.decode().splitlines()
        if not line.startswith(("#", "things_created"))
    ]
    found = {sample: float(value) for sample, value in samples}
    assert len(found) == len(samples)
    return found


def up(*present: int) -> dict[str, float]:
    return {
        f'catalograph_worker_up{{worker="{number}"}}': is_present
        for number, is_present in enumerate(present)
    }


async def test_each_shows_all(folder: Path) -> None:
    async with joined(folder, 3) as first, joined(folder, 4) as second:
        seen = [await scrape(first), await scrape(second)]

    assert (
        seen
        == [{'things_total{worker="0"}': 3, 'things_total{worker="1"}': 4} | up(1, 1)]
        * 2
    )


async def test_all_write_the_format_that_one_was_asked_for(folder: Path) -> None:
    async with joined(folder, 3) as first, joined(folder, 4):
        text, media_type = await first.write_metrics("application/openmetrics-text")

    assert media_type.startswith("application/openmetrics-text; version=1.0.0;")
    assert text.count(b"things_total{") == 2
    assert text.count(b"# TYPE things counter\n") == 1
    assert text.endswith(b"# EOF\n")
    assert text.count(b"# EOF\n") == 1


async def test_a_worker_that_has_not_joined_yet_is_missing(folder: Path) -> None:
    async with joined(folder, 3) as first:
        seen = await scrape(first)

    assert seen == {'things_total{worker="0"}': 3} | up(1, 0)


async def test_a_worker_that_left_is_gone_and_the_next_one_takes_its_number(
    folder: Path,
) -> None:
    async with joined(folder, 3) as first:
        async with joined(folder, 4):
            pass
        alone = await scrape(first)
        async with joined(folder, 5):
            together = await scrape(first)

    assert alone == {'things_total{worker="0"}': 3} | up(1)
    assert together == {
        'things_total{worker="0"}': 3,
        'things_total{worker="1"}': 5,
    } | up(1, 1)
    assert os.listdir(folder) == []  # noqa: PTH208 - blocks for as long as pathlib


async def test_the_successor_of_one_that_crashed_has_its_number(folder: Path) -> None:
    """Even if a lower one is free: otherwise the number would stay missing."""
    crashed = socket.socket(socket.AF_UNIX)
    crashed.bind(str(folder / "2.socket"))
    crashed.close()
    for name in ("0.lock", "1.lock"):
        (folder / name).unlink()
    (folder / "2.lock").touch()

    async with joined(folder, 3) as successor, joined(folder, 4):
        seen = await scrape(successor)

    assert seen == {
        'things_total{worker="2"}': 3,
        'catalograph_worker_up{worker="2"}': 1,
        'things_total{worker="0"}': 4,
        'catalograph_worker_up{worker="0"}': 1,
    }


@pytest.mark.parametrize(
    ("answer", "hangs_up"), [(b"", False), (b"", True), (b"\0" * 7 + b"\x09cut", True)]
)
async def test_one_that_does_not_answer_costs_only_its_own_metrics(
    folder: Path, answer: bytes, *, hangs_up: bool
) -> None:
    """It hangs, it ends before it has answered, or while it does."""
    is_over = asyncio.Event()

    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if not hangs_up:
            await is_over.wait()
        writer.close()

    async with joined(folder, 3, patience_s=0.1 if not hangs_up else NEVER_S) as first:
        server = await asyncio.start_unix_server(handle, str(folder / "1.socket"))
        seen = await scrape(first)
        is_over.set()
        server.close()

    assert seen == {'things_total{worker="0"}': 3} | up(1, 0)


async def test_nobody_looks_for_one_who_waits_no_more(folder: Path) -> None:
    """Figures such as the longest wait since the last look would be lost."""
    looks = itertools.count(1)
    registry = CollectorRegistry()
    Gauge("looks", "Looks.", registry=registry).set_function(lambda: next(looks))
    workers = Workers(folder, registry=registry)
    await workers.join()

    answers = [
        await ask(folder, msgspec.json.encode({"accept": "", "until_s": until_s}))
        for until_s in (time.monotonic() - 0.001, time.monotonic() + NEVER_S)
    ]
    await workers.leave()

    assert answers[0] == b""
    assert b'looks{worker="0"} 1.0' in answers[1]


@pytest.mark.parametrize("question", [b"", b"{", b"\xff" * 100_000, b"[]"])
async def test_an_invalid_request_gets_no_metrics(
    folder: Path, question: bytes
) -> None:
    async with joined(folder, 3) as first:
        answer = await ask(folder, question)
        seen = await scrape(first)

    assert answer == b""
    assert seen == {'things_total{worker="0"}': 3} | up(1, 0)


async def ask(folder: Path, question: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(folder / "0.socket"))
    answer = b""
    with contextlib.suppress(OSError):
        writer.write(question + b"\n")
        answer = await reader.read()
    writer.close()
    return answer


async def test_without_a_folder_each_worker_shows_its_own_metrics(folder: Path) -> None:
    async with joined(folder / "gone", 3) as alone:
        seen = await scrape(alone)

    assert seen == {"things_total": 3}


def test_the_folder_is_private_and_does_not_outlast_the_workers() -> None:
    with open_folder(2):
        folder = find_folder(os.environ)
        assert folder is not None
        mode = stat.S_IMODE(folder.stat().st_mode)
        names = sorted(path.name for path in folder.iterdir())
        (folder / "1.socket").touch()

    assert mode == 0o700
    assert names == ["0.lock", "1.lock"]
    assert not folder.exists()
    assert find_folder(os.environ) is None


def test_a_folder_whose_name_is_too_long_is_made_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / ("x" * 100)
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setattr("catalograph.server.workers._PLACES", (None, Path("/tmp")))  # noqa: S108

    with open_folder(2):
        folder = find_folder(os.environ)

    assert folder is not None
    assert folder.parent == Path("/tmp")  # noqa: S108
    assert list(place.iterdir()) == []


def test_without_a_place_the_gateway_starts_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("catalograph.server.workers._PLACES", (tmp_path / "gone",))
    monkeypatch.setenv("_CATALOGRAPH_WORKERS_FOLDER", "of somebody else")

    with structlog.testing.capture_logs() as logs, open_folder(2):
        folder = find_folder(os.environ)

    assert folder is None
    assert [line["event"] for line in logs] == [
        (
            "workers cannot share their metrics, as no folder for it can be written to; "
            "each shows only its own"
        )
    ]
