"""Four processes with fifty callers each ask for one missing key: one request."""

import collections
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from redis import Redis

from support import cache_worker
from support.redis_server import RedisServer

SLACK_S = 0.8
"""Generous, for slow machines."""


class Processes:
    """Four processes that get the same command at the same time.

    Attributes:
        took_s: For how long the callers of the last question waited, all together.
    """

    def __init__(self, url: str) -> None:
        self.took_s = 0.0
        self._counter = Redis.from_url(url.replace("?db=0", "?db=1"))
        self._processes = [
            subprocess.Popen(  # noqa: S603 - this very interpreter
                [sys.executable, str(cache_worker.__file__), url],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for process in self._processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

    def ask(self, key: str, upstream: str) -> tuple[int, dict[str, int]]:
        """Requests to the upstream, and the number of callers by result."""
        for process in self._processes:
            assert process.stdin is not None
            job = {"key": key, "upstream": upstream, "callers": 50}
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
        began_s = time.monotonic()
        told: collections.Counter[str] = collections.Counter()
        for process in self._processes:
            assert process.stdout is not None
            told.update(json.loads(process.stdout.readline() or "{}"))
        self.took_s = time.monotonic() - began_s
        calls = self._counter.get(key)
        assert isinstance(calls, bytes)
        return int(calls), dict(told)

    def close(self) -> None:
        self._counter.close()
        for process in self._processes:
            process.kill()
            process.communicate()


@pytest.fixture
def processes(redis_server: RedisServer) -> Iterator[Processes]:
    processes = Processes(redis_server.unix_url)
    yield processes
    processes.close()


def test_four_processes_share_one_request(processes: Processes) -> None:
    """Also when it fails, or takes longer than the lease.

    One test, because starting the processes is what takes time.
    """
    assert processes.ask("a", "answers") == (1, {"answer 1": 200})

    failed = (
        "UpstreamRateLimitError('the catalogue limits our requests; try again in 7 s')"
    )
    assert processes.ask("b", "fails") == (1, {failed: 200})

    assert processes.ask("c", "takes three leases") == (1, {"answer 1": 200})


def test_a_process_killed_before_it_asked_costs_no_request(
    processes: Processes,
) -> None:
    """The lease expires, and one of the waiting processes fetches for all."""
    told = processes.ask("k", "kills the first before it asks")

    assert told == (1, {"answer 1": 150})
    assert processes.took_s < cache_worker.LEASE_S + SLACK_S


def test_a_process_killed_after_it_asked_costs_one_request_more(
    processes: Processes,
) -> None:
    """Its answer is lost; one of the waiting processes fetches again, for all."""
    told = processes.ask("k", "kills the first who asks")

    assert told == (2, {"answer 2": 150})
    assert processes.took_s < cache_worker.LEASE_S + SLACK_S
