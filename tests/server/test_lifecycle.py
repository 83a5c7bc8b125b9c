"""Graceful stop of a serving process on SIGTERM."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from catalograph.server.lifecycle import Drain


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """Signals that the server has heard of."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    yield heard
    signal.signal(signal.SIGTERM, before)


async def test_the_server_hears_of_sigterm_after_a_moment(heard: list[int]) -> None:
    drain = Drain()

    with drain.on_sigterm(for_s=0.02):
        os.kill(os.getpid(), signal.SIGTERM)
        at_once = (drain.has_begun, heard.copy())
        async with asyncio.timeout(5):
            while not heard:  # noqa: ASYNC110 - the handler is not ours
                await asyncio.sleep(0.005)

    assert at_once == (True, [])
    assert heard == [signal.SIGTERM]


async def test_the_server_hears_of_a_second_sigterm_at_once(heard: list[int]) -> None:
    now_s = 0.0

    with Drain(monotonic=lambda: now_s).on_sigterm(for_s=60):
        os.kill(os.getpid(), signal.SIGTERM)
        now_s = 1.01
        os.kill(os.getpid(), signal.SIGTERM)

        assert heard == [signal.SIGTERM]


async def test_a_repeated_sigterm_counts_once(heard: list[int]) -> None:
    """By a service manager, and by the parent process."""
    with Drain(monotonic=lambda: 0.0).on_sigterm(for_s=60):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

        assert heard == []


async def test_afterwards_the_server_has_its_signal_back(heard: list[int]) -> None:
    drain = Drain()
    with drain.on_sigterm(for_s=60):
        pass

    os.kill(os.getpid(), signal.SIGTERM)

    assert (drain.has_begun, heard) == (False, [signal.SIGTERM])


async def test_without_a_sigterm_handler_nothing_changes() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with Drain().on_sigterm(for_s=60):
        assert signal.getsignal(signal.SIGTERM) is before
