"""Steady load, spread over the ready gateways as by a load balancer."""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import msgspec

from chaos.checker import Checker
from chaos.client import Answer, LostError
from chaos.processes import GatewayProcess
from chaos.questions import KNOWN, Question, invent, read_answer

_LOOKS_EVERY_S = 0.25
_LOST_TO_KILL_S = 5.0
_NEW_QUESTIONS = 0.1
_ENCODE = msgspec.json.Encoder().encode


class Result(msgspec.Struct, frozen=True):
    """The result of one question.

    Attributes:
        at_s: Time at which it was sent, in seconds since the start.
        took_s: Seconds until the answer was complete.
        is_known: Whether it had been asked before the first fault.
        failure: Why there was no good answer; empty if there was one.
        is_stale: Whether the answer warned about stale data.
        tries: Number of gateways that were asked; normally one.
    """

    at_s: float
    took_s: float
    is_known: bool
    failure: str = ""
    is_stale: bool = False
    tries: int = 1


class Load:
    """Sends questions, and records the results.

    Attributes:
        results: Results in the order in which questions ended.
        lies: Wrong statements that the checker found, with the time.
        unready: Times at which a gateway that should be ready said that it is not.
        asks_new: Whether some questions are invented, so that no cache holds the answer.
    """

    def __init__(
        self,
        gateways: list[GatewayProcess],
        checker: Checker,
        chance: random.Random,
    ) -> None:
        self.results: list[Result] = []
        self.lies: list[tuple[float, str]] = []
        self.unready: list[tuple[float, str]] = []
        self.asks_new = False
        self.started_s = time.monotonic()
        self._gateways = gateways
        self._checker = checker
        self._chance = chance
        self._turns: Iterator[int] = itertools.count()
        self._running: set[asyncio.Task[None]] = set()
        self._looking: set[asyncio.Task[None]] = set()

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started_s

    @contextlib.asynccontextmanager
    async def look_after(self) -> Any:
        """Probe the readiness of all gateways regularly, as long as the context lasts."""
        self._looking = {
            asyncio.create_task(self._look_at(gateway)) for gateway in self._gateways
        }
        try:
            yield
        finally:
            for task in self._looking:
                task.cancel()
            await asyncio.wait(self._looking)

    async def run(self, rate: float, *, until: Callable[[], bool]) -> None:
        """Send questions at a fixed rate, independent of answers; then wait for the last ones."""
        due_s = self.now_s
        while not until():
            question = self._choose()
            task = asyncio.create_task(self._ask(question))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            due_s += 1 / rate
            await asyncio.sleep(max(0.0, due_s - self.now_s))
        if self._running:
            await asyncio.wait(set(self._running))

    async def warm(self) -> None:
        """Ask every known question once."""
        for question in KNOWN:
            await self._ask(question)

    def _choose(self) -> Question:
        if self.asks_new and self._chance.random() < _NEW_QUESTIONS:
            return invent(self._chance)
        return self._chance.choice(KNOWN)

    async def _look_at(self, gateway: GatewayProcess) -> None:
        while True:
            await asyncio.sleep(_LOOKS_EVERY_S)
            was_stopping = gateway.is_stopping
            says_no = not await gateway.look()
            if says_no and not (was_stopping or gateway.is_stopping):
                self.unready.append((self.now_s, gateway.name))

    async def _ask(self, question: Question) -> None:
        at_s = self.now_s
        failure, is_stale, tries = "nobody ready", False, 0
        asked: set[str] = set()
        while tries < len(self._gateways):
            gateway = self._next_gateway(asked)
            if gateway is None:
                break
            tries += 1
            asked.add(gateway.name)
            failure, is_stale, may_try_again = await self._ask_one(gateway, question)
            if not may_try_again:
                break
        self.results.append(
            Result(
                at_s,
                self.now_s - at_s,
                question.is_known,
                failure,
                is_stale,
                max(1, tries),
            )
        )

    def _next_gateway(self, asked: set[str]) -> GatewayProcess | None:
        turn = next(self._turns)
        for place in range(len(self._gateways)):
            gateway = self._gateways[(turn + place) % len(self._gateways)]
            if gateway.is_ready and gateway.name not in asked:
                return gateway
        return None

    async def _ask_one(
        self, gateway: GatewayProcess, question: Question
    ) -> tuple[str, bool, bool]:
        """Ask one gateway.

        Returns:
            The failure (empty if none), whether the answer is stale, and whether another
            gateway may be asked.
        """
        sent_s = time.time()
        try:
            answer = await gateway.client.post(_ENCODE({"query": question.text}))
        except TimeoutError:
            return "no answer in time", False, False
        except OSError:
            # Nothing was sent, so the next gateway is asked, as every load balancer does.
            gateway.is_ready = False
            return "not connected", False, True
        except LostError as error:
            was_killed = time.monotonic() - gateway.killed_at_s < _LOST_TO_KILL_S
            # A killed gateway cannot answer. Queries are idempotent, so another one is asked.
            name = "lost to a kill" if was_killed else f"lost: {error}"
            return name, False, was_killed
        return (*self._judge(question, answer, sent_s), False)

    def _judge(
        self, question: Question, answer: Answer, sent_s: float
    ) -> tuple[str, bool]:
        received_s = time.time()
        if answer.status != HTTPStatus.OK:
            return f"HTTP {answer.status}", False
        body = msgspec.json.decode(answer.body)
        if body.get("errors"):
            return str(body["errors"][0]["extensions"]["code"]), False
        seen = read_answer(question, body)
        for lie in self._checker.find_lies(
            seen, answer.headers, sent_s=sent_s, received_s=received_s
        ):
            self.lies.append((self.now_s, f"{lie}: {question.text}"))
        return "", seen.stale_as_of_s is not None
