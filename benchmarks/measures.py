"""The measurements. Each runs contenders side by side, and returns ratios of their figures."""

import asyncio
import contextlib
import json
import random
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from in_process import READ, Step
from load import Load, build_request, percentile, put_load, read_answer, stampede
from queries import PRICED, QUERIES, Json, Query, encode, query_page, vary_widely
from servers import (
    MERCURIUS_CACHED,
    OURS,
    OURS_UNCACHED,
    TOKEN,
    Contender,
    Server,
    pin,
    raw,
    with_workers,
)

from catalograph.demo.service import DEMO_TOKENS

MODELS: Final = 600
TODAYS_MODELS: Final = 826
TODAY: Final = "2026-08"
SIZES: Final = (600, 6_000, 60_000)
PAGE_SIZES: Final = (1, 10, 50, 250)
DELAYS_MS: Final = (0, 150)
AT_ONCE: Final = 100
RAW: Final = "raw uvicorn"
RAW_PROXIED: Final = "raw uvicorn, behind a proxy"
_WARM_ASKS: Final = 30
_CHECKED: Final = 10
_MOST_VARIANTS: Final = 1_000
_REPEATED_VARIABLES: Final = 200
_NEW_VARIABLES: Final = 40_000
_RUNS: Final = 25
_REFRESHES: Final = 3
_PROBE: Final = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
_HERE: Final = Path(__file__).parent


class WrongAnswerError(Exception):
    """The answer of a contender differs from the upstream's, so measuring it is pointless."""


class Effort(NamedTuple):
    """How long to measure.

    Attributes:
        seconds: Seconds for each figure in each round.
        rounds: Number of rounds, of which the median is taken.
    """

    seconds: float
    rounds: int


class Figure(NamedTuple):
    """A figure over all rounds.

    Attributes:
        median: Median of the rounds.
        noise: Half of the range of the rounds.
    """

    median: float
    noise: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Build it from the values of the rounds."""
        return cls(statistics.median(values), (max(values) - min(values)) / 2)


class Ratio(NamedTuple):
    """A speed relative to another one.

    Attributes:
        requests: Ratio of requests per second.
        works: Ratio of requests per second of the server's CPU time, by round; empty if
            unknown.
        p99_ms: 99th percentile of the latency; not a ratio.
    """

    requests: Figure
    works: tuple[float, ...]
    p99_ms: float


class Speeds(NamedTuple):
    """How contenders compare with raw uvicorn with the same bytes and headers.

    Attributes:
        ratios: Ratios by query and contender.
        per_cpu_s: Requests of raw uvicorn per second of its CPU time, by query.
        rss_mb: Memory after all queries, by contender.
        body_bytes: Size of a response, by query.
        foreign: Share of the servers' CPU that other processes used; the median.
    """

    ratios: dict[tuple[str, str], Ratio]
    per_cpu_s: dict[str, float]
    rss_mb: dict[str, float]
    body_bytes: dict[str, int]
    foreign: float


class Stampede(NamedTuple):
    """A hundred equal requests at the same time, with an empty cache.

    Attributes:
        upstream_requests: Upstream requests that they caused together.
        p50_ms: Median latency.
        p99_ms: 99th percentile of the latency.
    """

    upstream_requests: int
    p50_ms: float
    p99_ms: float


class Today(NamedTuple):
    """Figures over the version of the upstream that is in use now, at its real size.

    Attributes:
        over_ms: Milliseconds that the first list after the start took longer than an upstream
            request. By upstream delay in ms.
        index_cpu_s: CPU time in seconds for reading all models and building the index.
        priced: CPU time per request of a page with prices relative to Q2, less one; with and
            without response cache.
        priced_bytes: Size of the response with prices relative to that of Q2, less one.
    """

    over_ms: dict[int, Figure]
    index_cpu_s: Figure
    priced: dict[str, Figure]
    priced_bytes: float


class _Sample(NamedTuple):
    load: Load
    cpu_s: float
    foreign: float

    @property
    def speed(self) -> float:
        return self.load.requests / self.load.took_s

    @property
    def work(self) -> float | None:
        return self.load.requests / self.cpu_s if self.cpu_s else None


def say(text: str) -> None:
    """Print progress at once."""
    print(text, flush=True)


@contextlib.contextmanager
def open_upstream(models: int = MODELS, version: str = "2025-12") -> Iterator[Server]:
    """Serve the embedded upstream, on the CPU of the load."""
    command = [OURS.command[0], "upstream.py", "--port", "{port}"]
    command += ["--models", str(models), "--upstream-version", version]
    with Server(Contender("upstream", command), pinned=pin(load=True)) as server:
        yield server.wait()


def upstream_url(upstream: Server) -> str:
    """Return the base URL of the upstream for contenders."""
    return f"http://127.0.0.1:{upstream.port}/v1"


def start(contender: Contender, upstream: Server, *, cores: int = 1) -> Server:
    """Start a contender over an upstream."""
    return Server(contender, upstream=upstream_url(upstream), pinned=pin(cores=cores))


def check(server: Server, upstream: Server, query: Query) -> bytes:
    """Compare answers with those of the upstream; return the first answer.

    Raises:
        WrongAnswerError: An answer differs, if only in the order of its keys.
    """
    answers = []
    for payload in query.payloads(seed=0)[:_CHECKED]:
        answer = server.ask("/graphql", payload)
        answers.append(answer)
        told = json.loads(answer).get("data") or {}
        asked = json.loads(payload)
        variables = asked.get("variables") or {}
        path = f"/v1/models?limit={query.limit}&offset={variables.get('offset', 0)}"
        if variables.get("in"):
            path += f"&organisation={','.join(variables['in'])}"
        page = json.loads(upstream.ask(path))
        if query.name == "Q5":
            # Each document names and orders its fields differently.
            told = {"models": next(iter(told.values()), None)}
            equal = told == query.expected(page)
        else:
            equal = json.dumps(told) == json.dumps(query.expected(page))
        if not equal:
            raise WrongAnswerError(
                f"{server.contender.name} answers {query.name} wrongly: {answer[:300]!r}"
            )
    return answers[0]


def measure_speeds(
    contenders: Sequence[Contender],
    queries: Sequence[Query],
    effort: Effort,
) -> Speeds:
    """Measure each query on each contender in turn, for several rounds."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(open_upstream())
        servers = [stack.enter_context(start(one, upstream)) for one in contenders]
        sizes = _prepare(servers, upstream, queries, folder)
        ceiling = Server(raw(folder / "bodies"), pinned=pin())
        stack.enter_context(ceiling)
        _wait_for_raw(ceiling, queries)
        samples: dict[tuple[str, str], list[_Sample]] = defaultdict(list)
        is_proxied = any(one.is_behind_proxy for one in contenders)
        for turn in range(effort.rounds):
            for query in queries:
                payloads = _write_payloads(folder, query, turn)
                for server in [ceiling, *servers]:
                    _warm(server, query, payloads, turn)
                    sample = _sample(server, query, payloads, effort.seconds)
                    samples[query.name, server.contender.name].append(sample)
                if is_proxied:
                    sample = _sample(
                        ceiling, query, payloads, effort.seconds, varied=True
                    )
                    samples[query.name, RAW_PROXIED].append(sample)
                told = _describe(samples, query.name, contenders)
                say(f"  {turn + 1}/{effort.rounds} {query.name}  {told}")
                for server in servers:
                    check(server, upstream, query)
        ratios = {
            (query.name, one.name): _compare(
                samples[query.name, one.name], samples[query.name, _base(one)]
            )
            for query in queries
            for one in contenders
        }
        per_cpu_s = {
            query.name: statistics.median(
                one.work or 0.0 for one in samples[query.name, RAW]
            )
            for query in queries
        }
        foreign = statistics.median(
            one.foreign for many in samples.values() for one in many
        )
        rss_mb = {one.contender.name: one.rss_mb() for one in [ceiling, *servers]}
    return Speeds(ratios, per_cpu_s, rss_mb, sizes, foreign)


def measure_page_sizes(
    contenders: Sequence[Contender],
    effort: Effort,
    sizes: Iterable[int] = PAGE_SIZES,
) -> Speeds:
    """Measure pages of 1 to 250 models with all fields."""
    return measure_speeds(contenders, list(map(query_page, sizes)), effort)


def measure_workers(
    effort: Effort, asked: Sequence[tuple[Contender, Sequence[str]]]
) -> dict[str, Figure]:
    """Compare two processes on two processors with one.

    Args:
        effort: How long to measure.
        asked: Names of queries, by contender. Cached answers say little here, because the
            load generator cannot request them fast enough.

    Returns:
        Requests per second of two processes relative to one, by contender and query.
    """
    found = {}
    for contender, names in asked:
        queries = [one for one in QUERIES if one.name in names]
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            upstream = stack.enter_context(open_upstream())
            one, two = (
                stack.enter_context(
                    start(with_workers(contender, workers), upstream, cores=2)
                )
                for workers in (1, 2)
            )
            _prepare([one, two], upstream, queries, folder)
            samples: dict[tuple[str, int], list[_Sample]] = defaultdict(list)
            for turn in range(effort.rounds):
                for query in queries:
                    payloads = _write_payloads(folder, query, turn)
                    for workers, server in ((1, one), (2, two)):
                        _warm(server, query, payloads, turn)
                        sample = _sample(
                            server, query, payloads, effort.seconds, cores=2
                        )
                        samples[query.name, workers].append(sample)
            for query in queries:
                ratio = _compare(samples[query.name, 2], samples[query.name, 1])
                found[f"{contender.name}, {query.name}"] = ratio.requests
                say(f"  {contender.name}, {query.name}: {ratio.requests.median:.2f}")
    return found


def measure_stampede(
    contenders: Iterable[Contender],
) -> dict[tuple[str, int], Stampede]:
    """Send a hundred equal new queries at the same time to a process that is warmed up."""
    found = {}
    with open_upstream() as upstream:
        for contender in contenders:
            with start(contender, upstream).wait() as server:
                query = QUERIES[1]
                for delay_ms in DELAYS_MS:
                    # Other pages warm up the code, so that only the page is cold.
                    other = query_page(49 - len(str(delay_ms)))
                    for _ in range(_WARM_ASKS):
                        server.ask("/graphql", encode(other.document()))
                    limit = query.limit + len(str(delay_ms))
                    asked = query._replace(limit=limit)
                    one = _stampede(server, upstream, asked, delay_ms)
                    found[contender.name, delay_ms] = one
                    say(
                        f"  {contender.name}, {delay_ms} ms: {one.upstream_requests}"
                        f" upstream, p99 {one.p99_ms:.0f} ms"
                    )
    return found


def measure_start(contenders: Iterable[Contender], rounds: int) -> dict[str, Figure]:
    """Time processes from start to the first correct answer, in seconds."""
    query = QUERIES[1]
    times: dict[str, list[float]] = defaultdict(list)
    with open_upstream() as upstream:
        for _ in range(rounds):
            for contender in contenders:
                with start(contender, upstream) as server:
                    _ask_until_answered(server, query)
                    took_s = time.perf_counter() - server.started_s
                    check(server, upstream, query)
                times[contender.name].append(took_s)
    return {name: Figure.of(many) for name, many in times.items()}


def measure_variables(effort: Effort) -> tuple[Figure, float]:
    """Compare new variables with repeated ones, without response cache.

    Lists come from the index, so that no page must be fetched.

    Returns:
        Requests per second of CPU time with new variables relative to repeated ones, and the
        share of requests with new variables that had to be repeated for want of further ones.
    """
    contender = OURS_UNCACHED._replace(
        environment={
            **OURS_UNCACHED.environment,
            "CATALOGRAPH_LISTS_FROM": "index",
        }
    )
    query = QUERIES[3]
    works = []
    repeated = 0.0
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(open_upstream())
        server = stack.enter_context(start(contender, upstream).wait())
        _wait_until_ready(server)
        few, many = folder / "few", folder / "many"
        for turn in range(effort.rounds + 1):
            seed = random.SystemRandom().getrandbits(32)
            some = vary_widely(query, _NEW_VARIABLES, seed)
            many.write_bytes(b"\n".join(some) + b"\n")
            if turn == 0:
                few.write_bytes(b"\n".join(some[:_REPEATED_VARIABLES]) + b"\n")
            old = _sample(server, query, few, effort.seconds)
            new = _sample(server, query, many, effort.seconds)
            # The first round is the warm-up.
            if turn and old.work and new.work:
                works.append(new.work / old.work)
                repeated = max(repeated, 1 - _NEW_VARIABLES / new.load.requests)
    figure = Figure.of(works)
    say(f"  {figure.median:.2f} \u00b1{figure.noise:.2f}")
    return figure, max(0.0, repeated)


def measure_today(effort: Effort) -> Today:
    """Measure the upstream's current version at its real size."""
    token = {"CATALOGRAPH_UPSTREAM_TOKEN": DEMO_TOKENS[TODAY]}
    ours, uncached = (
        one._replace(environment={**one.environment, **token})
        for one in (OURS, OURS_UNCACHED)
    )
    query = QUERIES[1]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(open_upstream(TODAYS_MODELS, TODAY))
        index_cpu_s = []
        for _ in range(effort.rounds):
            steps = _run_in_process(upstream, TODAY, runs=0, refreshes=0)
            index_cpu_s.append(steps[READ][0].cpu_ms / 1000)
        say(f"  reading and building the index: {index_cpu_s[-1]:.2f} s of CPU")
        over_ms: dict[int, list[float]] = defaultdict(list)
        for delay_ms in DELAYS_MS:
            for _ in range(effort.rounds):
                over_ms[delay_ms].append(_time_first_list(ours, upstream, delay_ms))
            say(f"  first list, {delay_ms} ms: {over_ms[delay_ms][-1]:+.0f} ms")
        priced = {}
        plain, dear = folder / "plain", folder / "priced"
        plain.write_bytes(encode(query.document()) + b"\n")
        dear.write_bytes(encode(PRICED) + b"\n")
        sizes: list[int] = []
        for contender in (ours, uncached):
            server = stack.enter_context(start(contender, upstream).wait())
            _wait_until_ready(server)
            sizes = [len(_check_page(server, one)) for one in (plain, dear)]
            costs = []
            for turn in range(effort.rounds + 1):
                one, other = (
                    _sample(server, query, file, effort.seconds)
                    for file in (plain, dear)
                )
                if turn and one.work and other.work:
                    costs.append(one.work / other.work - 1)
            priced[contender.name] = Figure.of(costs)
            say(f"  {contender.name}, prices: {statistics.median(costs):+.0%}")
    return Today(
        {delay_ms: Figure.of(many) for delay_ms, many in over_ms.items()},
        Figure.of(index_cpu_s),
        priced,
        sizes[1] / sizes[0] - 1,
    )


def measure_growth(sizes: Sequence[int] = SIZES) -> dict[int, dict[str, list[Step]]]:
    """Watch the event loop while catalogues of growing size are read and searched.

    Returns:
        The runs of each operation, by size.
    """
    found = {}
    for size in sizes:
        with open_upstream(size) as upstream:
            steps = _run_in_process(
                upstream, "2025-12", runs=_RUNS, refreshes=_REFRESHES
            )
        found[size] = steps
        told = "  ".join(
            f"{name} {statistics.median(one.block_cpu_ms for one in many):.0f} ms"
            for name, many in steps.items()
        )
        say(f"  {size:,}: the loop is blocked by {told}")
    return found


PAGE_CONTENDERS: Final = (OURS, OURS_UNCACHED, MERCURIUS_CACHED)


def _run_in_process(
    upstream: Server, version: str, *, runs: int, refreshes: int
) -> dict[str, list[Step]]:
    token = DEMO_TOKENS[TODAY] if version == TODAY else TOKEN
    command = [OURS.command[0], "in_process.py", upstream_url(upstream), token]
    done = subprocess.run(
        [*pin(), *command, str(runs), str(refreshes)],
        cwd=_HERE,
        stdout=subprocess.PIPE,
        check=True,
    )
    return {
        name: [Step(*one) for one in many]
        for name, many in json.loads(done.stdout).items()
    }


def _time_first_list(contender: Contender, upstream: Server, delay_ms: int) -> float:
    """Compare the first list after the start with one upstream request.

    The list is requested as soon as the process is alive, while it reads the whole catalogue
    for its index.

    Returns:
        Milliseconds that the list took longer than the upstream request.
    """
    upstream.ask(f"/_delay?ms={delay_ms}")
    headers = f"authorization: Bearer {DEMO_TOKENS[TODAY]}\r\n"
    request = f"GET /v1/models?limit=50 HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}\r\n"
    upstream_ms = min(
        asyncio.run(_time_request(upstream.port, request.encode())) for _ in range(3)
    )
    query = QUERIES[1]
    list_request = build_request("/graphql", encode(query.document()))
    with start(contender, upstream) as server:
        asyncio.run(_time_request(server.port, _PROBE))
        took_ms = asyncio.run(_time_request(server.port, list_request))
    upstream.ask("/_delay?ms=0")
    return took_ms - upstream_ms


async def _time_request(port: int, request: bytes) -> float:
    """Wait until the port accepts connections; return the milliseconds of the request."""
    reader, writer = await _connect(port)
    began_s = time.perf_counter()
    writer.write(request)
    is_ok, body = await read_answer(reader)
    took_ms = (time.perf_counter() - began_s) * 1000
    writer.close()
    if not is_ok or b'"errors"' in body:
        raise WrongAnswerError(f"port {port} answers wrongly: {body[:300]!r}")
    return took_ms


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.002)


def _wait_until_ready(server: Server) -> None:
    """Wait until the gateway has read the whole catalogue."""
    while json.loads(server.ask("/readyz")).get("status") != "ready":
        time.sleep(0.05)


def _check_page(server: Server, payload: Path) -> bytes:
    answer = server.ask("/graphql", payload.read_bytes().strip())
    page = json.loads(answer)["data"]["models"]
    if len(page["nodes"]) != page["limit"]:
        raise WrongAnswerError(f"{server.contender.name} answers {answer[:300]!r}")
    return answer


def _base(contender: Contender) -> str:
    return RAW_PROXIED if contender.is_behind_proxy else RAW


def _prepare(
    servers: Sequence[Server],
    upstream: Server,
    queries: Sequence[Query],
    folder: Path,
) -> dict[str, int]:
    """Check all answers, and write ours to files for the raw server; return their sizes."""
    bodies = folder / "bodies"
    bodies.mkdir()
    sizes = {}
    for server in servers:
        server.wait()
        for query in queries:
            body = check(server, upstream, query)
            if server.contender == OURS or query.name not in sizes:
                answers = _ask_all(server, query) or [body]
                _lay_out(bodies / query.name, answers)
                sizes[query.name] = round(statistics.mean(map(len, answers)))
    say(f"  {len(servers)} servers give the same answers")
    return sizes


def _ask_all(server: Server, query: Query) -> list[bytes]:
    """Return the answers to all variants of a query; none if there are too many."""
    payloads = query.payloads(seed=0)
    if len(payloads) > _MOST_VARIANTS:
        return []
    return [server.ask("/graphql", payload) for payload in payloads]


def _lay_out(folder: Path, answers: Sequence[bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for number, answer in enumerate(answers):
        (folder / f"{number:03}").write_bytes(answer)


def _wait_for_raw(server: Server, queries: Sequence[Query]) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            server.ask(f"/{queries[0].name}", b"{}")
            return
        time.sleep(0.05)
    raise RuntimeError("raw uvicorn did not start")


def _ask_until_answered(server: Server, query: Query) -> None:
    while True:
        with contextlib.suppress(OSError):
            server.ask("/graphql", encode(query.document()))
            return
        time.sleep(0.005)


def _write_payloads(folder: Path, query: Query, turn: int) -> Path:
    """Write one body per line; distinct documents are new in every round."""
    file = folder / f"{query.name}-payloads"
    seed = random.SystemRandom().getrandbits(32) + turn
    file.write_bytes(b"\n".join(query.payloads(seed)) + b"\n")
    return file


def _path(server: Server, query: Query) -> str:
    is_raw = server.contender.name == RAW
    return f"/{query.name}" if is_raw else "/graphql"


def _warm(server: Server, query: Query, payloads: Path, turn: int) -> None:
    """Ask until code is compiled and everything that can be cached is cached."""
    path = _path(server, query)
    if query.name == "Q4" and server.contender.name != RAW:
        # The first answer may be stale since the last round, so each query is sent twice.
        for payload in query.payloads(0) * 2:
            server.ask(path, payload)
    if turn == 0:
        varied = server.contender.is_behind_proxy
        put_load(
            server.port, path, payloads, seconds=1, pin=pin(load=True), varied=varied
        )


def _sample(
    server: Server,
    query: Query,
    payloads: Path,
    seconds: float,
    *,
    cores: int = 1,
    varied: bool | None = None,
) -> _Sample:
    if query.name == "Q5":
        # Documents that were sent before, as warm-up or to another server, are not distinct.
        _write_payloads(payloads.parent, query, 0)
    cpu_s, busy_s, began = server.cpu_s(), _busy_s(), time.perf_counter()
    load = put_load(
        server.port,
        _path(server, query),
        payloads,
        seconds=seconds,
        pin=pin(load=True, cores=cores),
        varied=server.contender.is_behind_proxy if varied is None else varied,
    )
    wall_s = time.perf_counter() - began
    cpu_s = server.cpu_s() - cpu_s
    foreign = max(0.0, (_busy_s() - busy_s - cpu_s) / wall_s)
    if load.failed:
        say(f"  {server.contender.name}, {query.name}: {load.failed} requests failed")
    return _Sample(load, cpu_s, foreign)


def _busy_s() -> float:
    """Return the total busy time of the first CPU in seconds; 0 if unknown."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
            name, *fields = line.split()
            if name == "cpu0":
                ticks = list(map(int, fields[:8]))
                idle, waiting = ticks[3:5]
                return (sum(ticks) - idle - waiting) / 100
    return 0.0


def _compare(ones: Sequence[_Sample], others: Sequence[_Sample]) -> Ratio:
    pairs = list(zip(ones, others, strict=True))
    return Ratio(
        requests=Figure.of([one.speed / other.speed for one, other in pairs]),
        works=tuple(a.work / b.work for a, b in pairs if a.work is not None and b.work),
        p99_ms=statistics.median(one.load.p99_ms for one in ones),
    )


def _describe(
    samples: dict[tuple[str, str], list[_Sample]],
    query: str,
    contenders: Iterable[Contender],
) -> str:
    told = []
    for one in contenders:
        sample, base = (samples[query, name][-1] for name in (one.name, _base(one)))
        if sample.work and base.work:
            told.append(f"{one.name} {sample.work / base.work:.3f}")
    return "  ".join(told)


def _stampede(
    server: Server, upstream: Server, query: Query, delay_ms: int
) -> Stampede:
    payload = encode(query.document())
    upstream.ask(f"/_delay?ms={delay_ms}")
    upstream.ask("/_count")
    took_ms, answers = asyncio.run(stampede(server.port, "/graphql", payload, AT_ONCE))
    count = int(upstream.ask("/_count"))
    upstream.ask("/_delay?ms=0")
    page: Json = json.loads(upstream.ask(f"/v1/models?limit={query.limit}"))
    upstream.ask("/_count")
    right = query.expected(page)
    if len(answers) != AT_ONCE or any(
        json.loads(one)["data"] != right for one in answers
    ):
        raise WrongAnswerError(f"{server.contender.name} answers wrongly when cold")
    return Stampede(count, statistics.median(took_ms), percentile(took_ms, 0.99))
