"""Time that only passes while a task waits for it, and a client that uses it."""

import asyncio

import httpx

from catalograph.catalogue.query import ModelsPage, ModelsQuery
from catalograph.concurrency.breaker import BreakerState
from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.versions import Versions

NOW_S = 1_766_361_600.0
"""Unix time at which every test begins: 2025-12-22T00:00:00Z."""


OURS = "our-token"


class FakeTime:
    """Clock, monotonic clock and sleep of one test.

    Attributes:
        passed_s: Seconds since the start.
        waits_s: Every wait, in order.
        jitter: What the random number generator gives.
    """

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.waits_s: list[float] = []
        self.jitter = 1.0

    def clock(self) -> float:
        return NOW_S + self.passed_s

    def monotonic(self) -> float:
        return 1_000.0 + self.passed_s

    async def sleep(self, seconds: float) -> None:
        self.waits_s.append(seconds)
        self.passed_s += seconds

    def random(self) -> float:
        return self.jitter


class FakeUpstream:
    """A client whose far side is a function, or a list of answers to give in turn.

    Attributes:
        requests: All that were sent.
        gate: Answers wait for it.
        answers: What is still to come; the last one is given for ever. An exception is raised.
        release: What `UPSTREAM_VERSION` says.
    """

    def __init__(
        self,
        *answers: httpx.Response | Exception,
        token: str | None = OURS,
        release: str = "2025-12",
    ) -> None:
        self.time = FakeTime()
        self.requests: list[httpx.Request] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.answers = list(answers)
        self.client = UpstreamClient(
            base_url="https://upstream.test/v1",
            token=token,
            versions=Versions(release),
            transport=httpx.MockTransport(self._answer),
            clock=self.time.clock,
            monotonic=self.time.monotonic,
            sleep=self.time.sleep,
            random=self.time.random,
        )

    @property
    def breaker_state(self) -> BreakerState:
        return self.client.breaker_state

    async def fetch(
        self, query: ModelsQuery | None = None, *, token: str | None = None
    ) -> ModelsPage:
        return await self.client.fetch_page(query or ModelsQuery(), token=token)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        await self.gate.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=answer.content
        )


def build_page(
    *models: object, limit: int = 50, offset: int = 0, **envelope: object
) -> httpx.Response:
    """Build a 200 with these models; valid by default."""
    return httpx.Response(
        200,
        json={
            "ok": True,
            "limit": limit,
            "offset": offset,
            "total": offset + len(models),
            "models": models,
            **envelope,
        },
    )
