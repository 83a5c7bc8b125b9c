"""The measurements. Each runs contenders side by side, and returns ratios of their figures."""

import asyncio
import contextlib
import json
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from load import Load, percentile, put_load, stampede
from questions import QUESTIONS, TYPICAL, Json, Question, ask_for_page, encode
from servers import (
    MERCURIUS_CACHED,
    OURS,
    OURS_UNKEPT,
    Contender,
    Server,
    pin,
    raw,
    with_workers,
)

MODELS: Final = 600
SIZES: Final = (600, 6_000, 60_000)
PAGE_SIZES: Final = (1, 10, 50, 250)
DELAYS_MS: Final = (0, 150)
AT_ONCE: Final = 100
_WARM_ASKS: Final = 30
_CHECKED: Final = 10
_MOST_VARIANTS: Final = 1_000
_HERE: Final = Path(__file__).parent
_RAW: Final = "raw uvicorn"


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


class Ratio(NamedTuple):
    """A speed relative to another one; medians over the rounds.

    Attributes:
        requests: Ratio of requests per second.
        work: Ratio of requests per second of the server's CPU time; None if unknown.
        p99_ms: 99th percentile of the latency; not a ratio.
    """

    requests: float
    work: float | None
    p99_ms: float


class Speeds(NamedTuple):
    """How contenders compare with raw uvicorn, the upper limit.

    Attributes:
        ratios: Ratios by question and contender.
        rss_mb: Memory after all questions, by contender.
        body_bytes: Size of an answer, by question.
        foreign: Share of the servers' CPU that other processes used; the median.
    """

    ratios: dict[tuple[str, str], Ratio]
    rss_mb: dict[str, float]
    body_bytes: dict[str, int]
    foreign: float


class Cold(NamedTuple):
    """A hundred equal questions at the same time, with an empty cache.

    Attributes:
        upstream_requests: Upstream requests that they caused together.
        p50_ms: Median latency.
        p99_ms: 99th percentile of the latency.
    """

    upstream_requests: int
    p50_ms: float
    p99_ms: float


class Growth(NamedTuple):
    """Figures for one size of the catalogue.

    Attributes:
        ready_s: Seconds from start to the first answer, a page fetched from the upstream.
        page_mb: Memory after that.
        index_s: Seconds of the first question that needs the index, including the crawl.
        index_mb: Memory after that.
        page: Speed of a cached page, relative to the smallest catalogue.
        search: Speed of a search with facets, without response cache, relative to the
            smallest catalogue.
        search_asked: Upstream requests while `search` was measured. More than one crawl a
            minute means that the catalogue does not fit into `CACHE_MAX_BYTES`.
    """

    ready_s: float
    page_mb: float
    index_s: float
    index_mb: float
    page: float
    search: float
    search_asked: int


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
def open_upstream(models: int = MODELS) -> Iterator[Server]:
    """Serve the embedded upstream, on the CPU of the load."""
    python = with_workers(OURS, 1).command[0]
    command = [python, "upstream.py", "--port", "{port}", "--models", str(models)]
    with Server(Contender("upstream", command), pinned=pin(load=True)) as server:
        yield server.wait()


def upstream_url(upstream: Server) -> str:
    """Return the base URL of the upstream for contenders."""
    return f"http://127.0.0.1:{upstream.port}/v1"


def start(contender: Contender, upstream: Server, *, cores: int = 1) -> Server:
    """Start a contender over an upstream."""
    return Server(contender, upstream=upstream_url(upstream), pinned=pin(cores=cores))


def check(server: Server, upstream: Server, question: Question) -> bytes:
    """Compare answers with those of the upstream; return the first answer.

    Raises:
        WrongAnswerError: An answer differs, if only in the order of its keys.
    """
    answers = []
    for payload in question.payloads(seed=0)[:_CHECKED]:
        answer = server.ask("/graphql", payload)
        answers.append(answer)
        told = json.loads(answer).get("data") or {}
        asked = json.loads(payload)
        variables = asked.get("variables") or {}
        path = f"/v1/models?limit={question.limit}&offset={variables.get('offset', 0)}"
        if variables.get("in"):
            path += f"&organisation={','.join(variables['in'])}"
        page = json.loads(upstream.ask(path))
        if question.name == "Q5":
            # Each document names and orders its fields differently.
            told = {"models": next(iter(told.values()), None)}
            equal = told == question.expected(page)
        else:
            equal = json.dumps(told) == json.dumps(question.expected(page))
        if not equal:
            raise WrongAnswerError(
                f"{server.contender.name} answers {question.name} wrongly: {answer[:300]!r}"
            )
    return answers[0]


def measure_speeds(
    contenders: Sequence[Contender],
    questions: Sequence[Question],
    effort: Effort,
) -> Speeds:
    """Measure each question on each contender in turn, for several rounds."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(open_upstream())
        servers = [stack.enter_context(start(one, upstream)) for one in contenders]
        sizes = _prepare(servers, upstream, questions, folder)
        ceiling = Server(raw(folder / "bodies"), pinned=pin())
        stack.enter_context(ceiling)
        _wait_for_raw(ceiling, questions)
        samples: dict[tuple[str, str], list[_Sample]] = defaultdict(list)
        for turn in range(effort.rounds):
            for question in questions:
                payloads = _write_payloads(folder, question, turn)
                for server in [ceiling, *servers]:
                    name = server.contender.name
                    _warm(server, question, payloads, turn)
                    sample = _sample(server, question, payloads, effort.seconds)
                    samples[question.name, name].append(sample)
                told = _describe(
                    samples, question.name, [one.name for one in contenders]
                )
                say(f"  {turn + 1}/{effort.rounds} {question.name}  {told}")
                for server in servers:
                    check(server, upstream, question)
        ratios = {
            (question.name, one.name): _compare(
                samples[question.name, one.name], samples[question.name, _RAW]
            )
            for question in questions
            for one in contenders
        }
        foreign = statistics.median(
            one.foreign for many in samples.values() for one in many
        )
        rss_mb = {one.contender.name: one.rss_mb() for one in [ceiling, *servers]}
    return Speeds(ratios, rss_mb, sizes, foreign)


def measure_page_sizes(
    contenders: Sequence[Contender],
    effort: Effort,
    sizes: Iterable[int] = PAGE_SIZES,
) -> Speeds:
    """Measure pages of 1 to 250 models with all fields."""
    return measure_speeds(contenders, list(map(ask_for_page, sizes)), effort)


def measure_workers(
    effort: Effort, asked: Sequence[tuple[Contender, Sequence[str]]]
) -> dict[str, float]:
    """Compare two processes on two processors with one.

    Args:
        effort: How long to measure.
        asked: Names of questions, by contender. Cached answers say little here, because the
            load generator cannot request them fast enough.

    Returns:
        Requests per second of two processes relative to one, by contender and question.
    """
    found = {}
    for contender, names in asked:
        questions = [one for one in QUESTIONS if one.name in names]
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            upstream = stack.enter_context(open_upstream())
            one, two = (
                stack.enter_context(
                    start(with_workers(contender, workers), upstream, cores=2)
                )
                for workers in (1, 2)
            )
            _prepare([one, two], upstream, questions, folder)
            samples: dict[tuple[str, int], list[_Sample]] = defaultdict(list)
            for turn in range(effort.rounds):
                for question in questions:
                    payloads = _write_payloads(folder, question, turn)
                    for workers, server in ((1, one), (2, two)):
                        _warm(server, question, payloads, turn)
                        sample = _sample(
                            server, question, payloads, effort.seconds, cores=2
                        )
                        samples[question.name, workers].append(sample)
            for question in questions:
                ratio = _compare(samples[question.name, 2], samples[question.name, 1])
                found[f"{contender.name}, {question.name}"] = ratio.requests
                say(f"  {contender.name}, {question.name}: {ratio.requests:.2f}")
    return found


def measure_cold(contenders: Iterable[Contender]) -> dict[tuple[str, int], Cold]:
    """Send a hundred equal new questions at the same time to a process that is warmed up."""
    found = {}
    with open_upstream() as upstream:
        for contender in contenders:
            with start(contender, upstream).wait() as server:
                question = QUESTIONS[1]
                for delay_ms in DELAYS_MS:
                    # Other pages warm up the code, so that only the page is cold.
                    other = ask_for_page(49 - len(str(delay_ms)))
                    for _ in range(_WARM_ASKS):
                        server.ask("/graphql", encode(other.document()))
                    limit = question.limit + len(str(delay_ms))
                    asked = question._replace(limit=limit)
                    cold = _stampede(server, upstream, asked, delay_ms)
                    found[contender.name, delay_ms] = cold
                    say(
                        f"  {contender.name}, {delay_ms} ms: {cold.upstream_requests}"
                        f" upstream, p99 {cold.p99_ms:.0f} ms"
                    )
    return found


def measure_start(contenders: Iterable[Contender], rounds: int) -> dict[str, float]:
    """Time processes from start to the first correct answer; medians in seconds."""
    question = QUESTIONS[1]
    times: dict[str, list[float]] = defaultdict(list)
    with open_upstream() as upstream:
        for _ in range(rounds):
            for contender in contenders:
                with start(contender, upstream) as server:
                    _ask_until_answered(server, question)
                    took_s = time.perf_counter() - server.started_s
                    check(server, upstream, question)
                times[contender.name].append(took_s)
    return {name: statistics.median(many) for name, many in times.items()}


def measure_growth(effort: Effort, sizes: Sequence[int] = SIZES) -> dict[int, Growth]:
    """Measure catalogues of growing size; ratios are measured side by side."""
    question = QUESTIONS[1]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        begun: dict[int, tuple[float, float, float, float]] = {}
        kept, unkept, upstreams = {}, {}, {}
        for size in sizes:
            upstream = stack.enter_context(open_upstream(size))
            upstreams[size] = upstream
            kept[size] = server = stack.enter_context(start(OURS, upstream))
            _ask_until_answered(server, question)
            ready_s = time.perf_counter() - server.started_s
            check(server, upstream, question)
            page_mb = server.rss_mb()
            began = time.perf_counter()
            server.ask("/graphql", _search(0))
            index_s = time.perf_counter() - began
            begun[size] = ready_s, page_mb, index_s, server.rss_mb()
            unkept[size] = stack.enter_context(start(OURS_UNKEPT, upstream).wait())
            unkept[size].ask("/graphql", _search(0))
            say(
                f"  {size:,} models: first answer {ready_s:.1f} s, {page_mb:.0f} MB;"
                f" whole catalogue {index_s:.1f} s, {begun[size][3]:.0f} MB"
            )
        page_file = _write_payloads(folder, question, 0)
        search_file = folder / "search"
        search_file.write_bytes(b"\n".join(map(_search, range(200))) + b"\n")
        pages, searches = defaultdict(list), defaultdict(list)
        for upstream in upstreams.values():
            upstream.ask("/_count")
        for _ in range(effort.rounds):
            for size in sizes:
                pages[size].append(
                    _sample(kept[size], question, page_file, effort.seconds)
                )
                searches[size].append(
                    _sample(unkept[size], question, search_file, effort.seconds)
                )
        smallest = sizes[0]
        return {
            size: Growth(
                *begun[size],
                page=_speed_ratio(pages[size], pages[smallest]),
                search=_speed_ratio(searches[size], searches[smallest]),
                search_asked=int(upstreams[size].ask("/_count")),
            )
            for size in sizes
        }


PAGE_CONTENDERS: Final = (OURS, OURS_UNKEPT, MERCURIUS_CACHED)


def _search(number: int) -> bytes:
    words = ("heron", "ibis mini", "egret 70b", "ultra", "kestrel large")
    counts = "facets{providers{value count}statuses{value count}}"
    page = f"totalCount nodes{{{TYPICAL}}}{counts}"
    word = json.dumps(words[number % len(words)])
    return encode(f"{{models(search:{word} limit:20 offset:{number}){{{page}}}}}")


def _prepare(
    servers: Sequence[Server],
    upstream: Server,
    questions: Sequence[Question],
    folder: Path,
) -> dict[str, int]:
    """Check all answers, and write ours to files for the raw server; return their sizes."""
    bodies = folder / "bodies"
    bodies.mkdir()
    sizes = {}
    for server in servers:
        server.wait()
        for question in questions:
            body = check(server, upstream, question)
            if server.contender == OURS or question.name not in sizes:
                answers = _ask_all(server, question) or [body]
                _lay_out(bodies / question.name, answers)
                sizes[question.name] = round(statistics.mean(map(len, answers)))
    say(f"  {len(servers)} servers give the same answers")
    return sizes


def _ask_all(server: Server, question: Question) -> list[bytes]:
    """Return the answers to all variants of a question; none if there are too many."""
    payloads = question.payloads(seed=0)
    if len(payloads) > _MOST_VARIANTS:
        return []
    return [server.ask("/graphql", payload) for payload in payloads]


def _lay_out(folder: Path, answers: Sequence[bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for number, answer in enumerate(answers):
        (folder / f"{number:03}").write_bytes(answer)


def _wait_for_raw(server: Server, questions: Sequence[Question]) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            server.ask(f"/{questions[0].name}", b"{}")
            return
        time.sleep(0.05)
    raise RuntimeError("raw uvicorn did not start")


def _ask_until_answered(server: Server, question: Question) -> None:
    while True:
        with contextlib.suppress(OSError):
            server.ask("/graphql", encode(question.document()))
            return
        time.sleep(0.005)


def _write_payloads(folder: Path, question: Question, turn: int) -> Path:
    """Write one body per line; distinct documents are new in every round."""
    file = folder / f"{question.name}-payloads"
    seed = random.SystemRandom().getrandbits(32) + turn
    file.write_bytes(b"\n".join(question.payloads(seed)) + b"\n")
    return file


def _path(server: Server, question: Question) -> str:
    is_raw = server.contender.name == _RAW
    return f"/{question.name}" if is_raw else "/graphql"


def _warm(server: Server, question: Question, payloads: Path, turn: int) -> None:
    """Ask until code is compiled and everything that can be cached is cached."""
    path = _path(server, question)
    if question.name == "Q4" and server.contender.name != _RAW:
        # The first answer may be stale since the last round, so each question is sent twice.
        for payload in question.payloads(0) * 2:
            server.ask(path, payload)
    if turn == 0:
        put_load(server.port, path, payloads, seconds=1, pin=pin(load=True))


def _sample(
    server: Server, question: Question, payloads: Path, seconds: float, cores: int = 1
) -> _Sample:
    if question.name == "Q5":
        # Documents that were sent before, as warm-up or to another server, are not distinct.
        _write_payloads(payloads.parent, question, 0)
    cpu_s, busy_s, began = server.cpu_s(), _busy_s(), time.perf_counter()
    load = put_load(
        server.port,
        _path(server, question),
        payloads,
        seconds=seconds,
        pin=pin(load=True, cores=cores),
    )
    wall_s = time.perf_counter() - began
    cpu_s = server.cpu_s() - cpu_s
    foreign = max(0.0, (_busy_s() - busy_s - cpu_s) / wall_s)
    if load.failed:
        say(
            f"  {server.contender.name}, {question.name}: {load.failed} requests failed"
        )
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
    works = [a.work / b.work for a, b in pairs if a.work and b.work]
    return Ratio(
        requests=_speed_ratio(ones, others),
        work=statistics.median(works) if works else None,
        p99_ms=statistics.median(one.load.p99_ms for one in ones),
    )


def _speed_ratio(ones: Sequence[_Sample], others: Sequence[_Sample]) -> float:
    pairs = zip(ones, others, strict=True)
    return statistics.median(one.speed / other.speed for one, other in pairs)


def _describe(
    samples: dict[tuple[str, str], list[_Sample]], question: str, names: Sequence[str]
) -> str:
    ceiling = samples[question, _RAW][-1].speed
    return "  ".join(
        f"{name} {samples[question, name][-1].speed / ceiling:.3f}" for name in names
    )


def _stampede(
    server: Server, upstream: Server, question: Question, delay_ms: int
) -> Cold:
    payload = encode(question.document())
    upstream.ask(f"/_delay?ms={delay_ms}")
    upstream.ask("/_count")
    took_ms, answers = asyncio.run(stampede(server.port, "/graphql", payload, AT_ONCE))
    count = int(upstream.ask("/_count"))
    upstream.ask("/_delay?ms=0")
    page: Json = json.loads(upstream.ask(f"/v1/models?limit={question.limit}"))
    upstream.ask("/_count")
    right = question.expected(page)
    if len(answers) != AT_ONCE or any(
        json.loads(one)["data"] != right for one in answers
    ):
        raise WrongAnswerError(f"{server.contender.name} answers wrongly when cold")
    return Cold(count, statistics.median(took_ms), percentile(took_ms, 0.99))
