"""Measures the cost of all defences (API keys, rate limits, trusted documents, and so on).

    python benchmarks/defence.py [--rounds 9]

Two gateways over one upstream, one with all defences on and one with all off, answer 50
typical models (Q2) at the same time. This is done with and without the response cache. Prints
the median over the rounds of the speed with defences, relative to that without. Needs wrk.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from load import API_KEY, put_load
from measures import open_upstream, start
from queries import QUERIES
from servers import OURS, OURS_UNCACHED, Contender, Server, pin

SECONDS: Final = 3.0


def defended(contender: Contender, folder: Path, document: str) -> Contender:
    """Copy a contender, and turn on every defence that the benchmark's requests pass."""
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"q2": document}))
    names: Mapping[str, str] = {
        "API_KEYS": f"{API_KEY},another-key",
        "RATE_LIMIT": "1000000/s",
        "TRUSTED_DOCUMENTS": str(manifest),
        "TRUSTED_DOCUMENTS_MODE": "require",
        "TRUSTED_PROXIES": "10.0.0.0/8",
        "INTROSPECTION_ENABLED": "off",
        "TRACE_ENABLED": "on",
    }
    environment = {f"CATALOGRAPH_{name}": value for name, value in names.items()}
    return contender._replace(environment={**contender.environment, **environment})


def undefended(contender: Contender) -> Contender:
    """Copy a contender, and turn off API keys and the rate limit."""
    environment = dict(contender.environment)
    for name in ("API_KEYS", "RATE_LIMIT"):
        del environment[f"CATALOGRAPH_{name}"]
    return contender._replace(environment=environment)


def compare(contender: Contender, rounds: int) -> float:
    """Compare defences on and off, by requests per second of CPU time."""
    query = QUERIES[1]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        payloads = folder / "payloads"
        payloads.write_bytes(b"\n".join(query.payloads(seed=0)))
        upstream = stack.enter_context(open_upstream())
        off = stack.enter_context(start(undefended(contender), upstream))
        on = stack.enter_context(
            start(defended(contender, folder, query.document()), upstream)
        )
        for server in (off, on):
            server.wait()
            _measure(server, payloads, seconds=1.0)  # until it is warm
        ratios = []
        for turn in range(rounds):
            # Both run at the same time on the same CPU, so that any other load on the
            # machine affects both alike.
            with ThreadPoolExecutor(2) as pool:
                told = pool.map(lambda one: _measure(one, payloads), (on, off))
            speed_on, speed_off = told
            ratios.append(speed_on / speed_off)
            print(f"  {turn + 1}/{rounds}  {ratios[-1]:.2f}", flush=True)
    return statistics.median(ratios)


def _measure(server: Server, payloads: Path, *, seconds: float = SECONDS) -> float:
    """Measure requests per second of the server's CPU time."""
    before_s = server.cpu_s()
    load = put_load(
        server.port, "/graphql", payloads, seconds=seconds, pin=pin(load=True)
    )
    if load.failed:
        raise SystemExit(f"{load.failed} requests were not answered")
    return load.requests / (server.cpu_s() - before_s)


def main() -> None:
    """Measure with the response cache, then without it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    for contender in (OURS, OURS_UNCACHED):
        print(contender.name)
        print(f"on : off  {compare(contender, rounds):.2f}")


if __name__ == "__main__":
    main()
