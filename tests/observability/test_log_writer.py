"""Writing a line never blocks the caller."""

import contextlib
import fcntl
import io
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from catalograph.observability.log_writer import LogWriter, open_writer
from catalograph.observability.metrics import LOG_LINES_LOST

LINE = "x" * 99 + "\n"
BOUND = 200_000


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """The reading end of a pipe, and a stream that writes to the other."""
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w", encoding="ascii")
    yield reading, stream
    os.close(reading)
    stream.close()


def lost() -> float:
    return float(next(iter(LOG_LINES_LOST.collect())).samples[0].value)


def read_until(descriptor: int, end: bytes) -> bytes:
    data = b""
    while end not in data:
        data += os.read(descriptor, 65_536)
    return data


def test_lines_arrive_in_order_and_are_waited_for(pipe: tuple[int, TextIO]) -> None:
    reading, stream = pipe
    writer = LogWriter(stream)

    for number in range(100):
        writer.write(f"{number}\n")

    assert writer.drain(5)
    assert os.read(reading, 65_536).split() == [b"%d" % n for n in range(100)]


def test_held_lines_are_written_before_a_later_one(pipe: tuple[int, TextIO]) -> None:
    reading, stream = pipe
    writer = LogWriter(stream)

    assert [writer.hold("1\n"), writer.hold("2\n")] == [1, 2]
    writer.write("3\n")
    writer.hold("4\n")
    writer.release()
    writer.release()

    assert writer.drain(5)
    assert os.read(reading, 65_536) == b"1\n2\n3\n4\n"


@pytest.mark.parametrize("nonblocking", [False, True])
def test_a_stalled_reader_does_not_block_callers(
    pipe: tuple[int, TextIO], *, nonblocking: bool
) -> None:
    """Lines that do not fit are lost, counted, and reported when the stream is read again."""
    reading, stream = pipe
    if nonblocking:
        flags = fcntl.fcntl(stream, fcntl.F_GETFL)
        fcntl.fcntl(stream, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    writer = LogWriter(stream, max_queued_bytes=BOUND)
    before = lost()

    for _ in range(20_000):
        writer.write(LINE)

    dropped = int(lost() - before)
    assert not writer.drain(0)
    assert 20_000 - 2 * (BOUND + 70_000) // 100 < dropped < 20_000
    arrived = read_until(reading, b"lost")
    writer.write("last\n")
    arrived += read_until(reading, b"last\n")
    assert writer.drain(5)
    os.set_blocking(reading, False)
    with contextlib.suppress(BlockingIOError):
        arrived += os.read(reading, 65_536)
    assert arrived.count(LINE.encode()) == 20_000 - dropped
    assert sum(map(int, re.findall(rb'"lines":(\d+)', arrived))) == dropped


def test_a_reader_that_has_gone_is_no_error(pipe: tuple[int, TextIO]) -> None:
    reading, stream = pipe
    other = os.dup(reading)
    os.dup2(os.open(os.devnull, os.O_RDONLY), reading)
    os.close(other)
    writer = LogWriter(stream)
    before = lost()

    writer.write(LINE * 3)

    assert writer.drain(5)
    assert lost() - before == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_no_error() -> None:
    with Path("/dev/full").open("w", encoding="ascii") as stream:
        writer = LogWriter(stream)
        before = lost()

        writer.write(LINE)

        assert writer.drain(5)
        assert lost() - before == 1


def test_what_a_console_cannot_show_is_replaced(pipe: tuple[int, TextIO]) -> None:
    reading, stream = pipe
    writer = LogWriter(stream)

    writer.write("模\n")

    assert writer.drain(5)
    assert os.read(reading, 100) == b"?\n"


def test_a_text_buffer_is_written_at_once_and_no_stream_is_no_error() -> None:
    text = io.StringIO()
    before = threading.active_count()

    open_writer(text).write("a\n")
    open_writer(None).write("b\n")

    assert text.getvalue() == "a\n"
    assert threading.active_count() == before


def test_all_loggers_of_a_stream_share_its_writer(pipe: tuple[int, TextIO]) -> None:
    _, stream = pipe

    assert open_writer(stream) is open_writer(stream)


def test_a_closed_buffer_is_no_error() -> None:
    text = io.StringIO()
    text.close()
    before = lost()

    LogWriter(text).write("a\n")

    assert lost() - before == 1
