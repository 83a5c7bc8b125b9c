"""Worker processes of one gateway, which exchange their metrics for a scrape.

The process that starts them makes a private folder. Each worker takes a number there and
listens on a socket of that number. The number is held by a file lock, which the kernel
releases when the process ends in any way. A worker that stops in good order removes its
number; the number of a crashed worker stays for its successor.
"""

import asyncio
import contextlib
import itertools
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from prometheus_client.registry import Collector

from catalograph.observability.logs import get_logger
from catalograph.observability.metrics import REGISTRY, write_metrics
from catalograph.server.worker_metrics import (
    Numbered,
    Presence,
    merge_texts,
)

# Not a setting (they all begin with the prefix): operators never set it.
_VARIABLE: Final = "_CATALOGRAPH_WORKERS_FOLDER"

_PLACES: Final = (None, "/dev/shm")  # noqa: S108 - the folder itself is private
"""Places for the folder, best first; the second is writable in a read-only container."""

_LONGEST_FOLDER: Final = 90
"""Maximum length of the folder's path in bytes; some systems limit paths of sockets to 104."""

_SIZE_BYTES: Final = 8

PATIENCE_S: Final = 1.0
"""Seconds to wait for a worker. A reply usually takes a few milliseconds. The bound is far above,
as the metrics of an overloaded worker are the most important."""


class _Question(msgspec.Struct, frozen=True):
    """A request for metrics from one worker to another.

    Attributes:
        accept: `Accept` header that names the format.
        until_s: When the request expires, by the machine's monotonic
            clock, which all processes share.
    """

    accept: str
    until_s: float


@contextlib.contextmanager
def open_folder(count: int) -> Iterator[None]:
    """Create the shared folder of the worker processes that are started in the block.

    Args:
        count: Number of workers; those that never start are reported as missing.
    """
    folder = _make_folder()
    if folder is None:
        os.environ.pop(_VARIABLE, None)
        get_logger().warning(
            "workers cannot share their metrics, as no folder for it can be written to; "
            "each shows only its own"
        )
        yield
        return
    with folder as path:
        for number in range(count):
            _lock_path(Path(path), number).touch()
        # Programs that delete old temporary files skip a locked folder.
        handle = os.open(path, os.O_RDONLY)
        _try_lock(handle)
        os.environ[_VARIABLE] = path
        try:
            yield
        finally:
            del os.environ[_VARIABLE]
            os.close(handle)


def find_folder(environ: Mapping[str, str]) -> Path | None:
    """Find the folder of the workers of this process's parent; None when there is none."""
    path = environ.get(_VARIABLE)
    return Path(path) if path else None


class Workers:
    """This worker among its siblings.

    Args:
        folder: Their shared folder.
        registry: Metrics of this worker.
        patience_s: Time-out for the other workers, which are all asked at once.
    """

    def __init__(
        self,
        folder: Path,
        *,
        registry: Collector = REGISTRY,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._folder = folder
        self._registry = registry
        self._patience_s = patience_s
        self._number = -1
        self._lock: BinaryIO | None = None
        self._server: asyncio.Server | None = None

    async def join(self) -> None:
        """Take a number and listen for the others; if that fails, show own metrics only."""
        try:
            self._number, self._lock = _take_number(self._folder)
            path = _socket_path(self._folder, self._number)
            # Left behind by a predecessor that has crashed.
            path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._answer, str(path))
        except OSError as exc:
            get_logger().warning(
                "this worker cannot exchange metrics with the others; it shows only its own",
                problem=str(exc),
            )

    async def leave(self) -> None:
        """Give the number back."""
        if self._server is not None:
            self._server.close()
            _socket_path(self._folder, self._number).unlink(missing_ok=True)
        if self._lock is not None:
            # Before the lock is released: afterwards the socket might be a successor's.
            _lock_path(self._folder, self._number).unlink(missing_ok=True)
            self._lock.close()

    async def write_metrics(self, accept: str) -> tuple[bytes, str]:
        """Write the metrics of all workers in the format that an `Accept` header asks for.

        Returns:
            The text, and its media type.
        """
        if self._server is None:
            return write_metrics(self._registry, accept)
        own, media_type = self._write_own(accept)
        numbers = _find_numbers(self._folder)
        asking = (self._ask(number, media_type) for number in numbers)
        answers = dict(zip(numbers, await asyncio.gather(*asking), strict=True))
        answers[self._number] = own
        texts = [text for text in answers.values() if text is not None]
        present = {number: text is not None for number, text in answers.items()}
        texts.append(write_metrics(Presence(present), media_type)[0])
        return merge_texts(texts), media_type

    def _write_own(self, accept: str) -> tuple[bytes, str]:
        return write_metrics(Numbered(self._registry, self._number), accept)

    async def _ask(self, number: int, accept: str) -> bytes | None:
        """Ask another worker for its metrics; None when it does not answer in time."""
        if number == self._number:
            return None
        until_s = time.monotonic() + self._patience_s
        question = msgspec.json.encode(_Question(accept, until_s))
        try:
            async with asyncio.timeout(self._patience_s):
                reader, writer = await asyncio.open_unix_connection(
                    str(_socket_path(self._folder, number))
                )
                with contextlib.closing(writer):
                    writer.write(question + b"\n")
                    size = int.from_bytes(await reader.readexactly(_SIZE_BYTES), "big")
                    return await reader.readexactly(size)
        except (OSError, asyncio.IncompleteReadError):
            return None

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # An unreadable request was written by another version, during a restart.
        with (
            contextlib.closing(writer),
            contextlib.suppress(OSError, ValueError, msgspec.MsgspecError),
        ):
            question = msgspec.json.decode(await reader.readline(), type=_Question)
            # Collecting resets some metrics, such as the longest block since the last scrape,
            # so it must not happen for an expired request.
            if time.monotonic() < question.until_s:
                text, _ = self._write_own(question.accept)
                writer.write(len(text).to_bytes(_SIZE_BYTES, "big") + text)
                await writer.drain()


def _make_folder() -> tempfile.TemporaryDirectory[str] | None:
    for place in _PLACES:
        try:
            folder = tempfile.TemporaryDirectory(
                prefix="catalograph-", dir=place, ignore_cleanup_errors=True
            )
        except OSError:
            continue
        if len(os.fsencode(folder.name)) <= _LONGEST_FOLDER:
            return folder
        folder.cleanup()
    return None


def _take_number(folder: Path) -> tuple[int, BinaryIO]:
    """Take the number of a crashed worker, or the lowest free one."""
    for number in itertools.chain(_find_numbers(folder), itertools.count()):
        path = _lock_path(folder, number)
        lock = path.open("ab")
        # Its holder may have deleted the file after it was opened here.
        if _try_lock(lock.fileno()) and _is_at(lock, path):
            return number, lock
        lock.close()
    raise AssertionError  # pragma: no cover - there is always another number


def _try_lock(handle: int) -> bool:
    import fcntl  # noqa: PLC0415 - not on Windows, where the rest can be imported

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _find_numbers(folder: Path) -> list[int]:
    """Find the numbers of workers that run or should run, ascending."""
    return sorted(int(path.stem) for path in folder.glob("*.lock"))


def _lock_path(folder: Path, number: int) -> Path:
    return folder / f"{number}.lock"


def _socket_path(folder: Path, number: int) -> Path:
    return folder / f"{number}.socket"
