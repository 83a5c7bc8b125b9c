"""Several workers on one port: each shows the metrics of all."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.gateway_process import GatewayProcess, start_gateways
from support.stub_upstream import StubUpstream, serve

pytestmark = [
    pytest.mark.shapes(
        "sectioned", reason="starts processes; the version is not what it tests"
    ),
    pytest.mark.skipif(
        sys.platform != "linux",
        reason="only Linux tells which processes are the workers",
    ),
]

WITHIN_S = 30
QUESTION = {"query": "query Counted { models(limit: 1) { totalCount } }"}
AT_ONCE = 20


class Scrape:
    """The contents of one response of `/metrics`.

    Attributes:
        asked: The process that answered: the prefix of its request ids.
        up: Whether each worker is running.
        counted: Number of questions that each worker has answered.
    """

    def __init__(self, response: httpx.Response) -> None:
        assert response.status_code == 200
        self.asked = response.headers["x-request-id"].partition("-")[0]
        self.up: dict[str, bool] = {}
        self.counted: dict[str, float] = {}
        for family in text_string_to_metric_families(response.text):
            for sample in family.samples:
                worker = sample.labels["worker"]
                if sample.name == "catalograph_worker_up":
                    self.up[worker] = bool(sample.value)
                elif sample.labels.get("operation") == "Counted":
                    self.counted[worker] = sample.value


async def get(gateway: GatewayProcess, path: str) -> httpx.Response:
    """Get a path over a new connection, so that any worker may answer."""
    return await gateway.http.get(path, headers={"connection": "close"})


async def scrape(gateway: GatewayProcess) -> Scrape:
    return Scrape(await get(gateway, "/metrics"))


async def ask_many(gateway: GatewayProcess) -> None:
    async def ask() -> httpx.Response:
        return await gateway.http.post(
            "/graphql", json=QUESTION, headers={"connection": "close"}
        )

    answers = await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    assert {answer.status_code for answer in answers} == {200}


async def ask_until_both_have_counted(gateway: GatewayProcess) -> int:
    """Ask until both workers have counted a question; return the number of questions."""
    asked = 0
    seen = await scrape(gateway)
    while seen.counted.keys() != {"0", "1"}:
        await ask_many(gateway)
        asked += AT_ONCE
        seen = await scrape(gateway)
    return asked


async def scrape_until(gateway: GatewayProcess, up: dict[str, bool]) -> Scrape:
    while (seen := await scrape(gateway)).up != up:  # noqa: ASYNC110 - other processes
        await asyncio.sleep(0.05)
    return seen


async def test_one_scrape_shows_all_workers(
    upstream: StubUpstream,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """This holds when one hangs, when it is killed, and when it has been replaced.

    One test, because starting the processes is what takes time.
    """
    place = tmp_path_factory.mktemp("w")
    monkeypatch.setenv("TMPDIR", str(place))
    both = {"0": True, "1": True}
    async with (
        asyncio.timeout(4 * WITHIN_S),
        serve(upstream) as url,
        start_gateways(1, url, WORKERS="2", DRAIN_S="0") as (gateway,),
    ):
        asked = await ask_until_both_have_counted(gateway)

        before = await scrape_until(gateway, both)
        assert sum(before.counted.values()) == asked
        answered_by = {before.asked}
        while len(answered_by) < 2:
            again = await scrape_until(gateway, both)
            assert again.counted == before.counted
            answered_by.add(again.asked)

        pid, other = gateway.find_workers()
        os.kill(pid, signal.SIGSTOP)
        without = await scrape(gateway)
        os.kill(pid, signal.SIGCONT)
        assert sorted(without.up.values()) == [False, True]
        (lost,) = (worker for worker, is_up in without.up.items() if not is_up)
        (left,) = both.keys() - {lost}
        assert without.counted == {left: before.counted[left]}
        assert (await scrape_until(gateway, both)).counted == before.counted

        os.kill(pid, signal.SIGKILL)
        without = await scrape_until(gateway, {left: True, lost: False})
        assert without.counted == {left: before.counted[left]}

        # The new worker starts at zero, under the number of the old one.
        assert (await scrape_until(gateway, both)).counted == without.counted
        assert other in gateway.find_workers()
        while (seen := await scrape(gateway)).counted.keys() != both.keys():
            await ask_many(gateway)
            asked += AT_ONCE
        assert sum(seen.counted.values()) == asked - before.counted[lost]

        gateway.tell_to_stop()
        assert await gateway.wait() == 0

    assert list_names(place) == []


async def test_one_worker_alone_needs_no_number(upstream: StubUpstream) -> None:
    async with serve(upstream) as url, start_gateways(1, url) as (gateway,):
        await gateway.ask("query Counted { models(limit: 1) { totalCount } }")
        text = (await get(gateway, "/metrics")).text

    assert "worker" not in text
    assert 'catalograph_operations_total{operation="Counted",outcome="ok"} 1.0' in text


def list_names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]
