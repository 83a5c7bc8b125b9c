"""What keys, limits, trusted documents and the rest cost: all of it on, against all of it off.

    python benchmarks/defence.py [--rounds 9]

Two gateways over one upstream take turns at 50 typical models (Q2), kept and not kept.
Prints the medians of the rounds' ratios, on : off. Needs wrk.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from load import put_load
from measures import open_upstream, start
from questions import QUESTIONS
from servers import OURS, OURS_UNKEPT, Contender, Server, pin

KEY: Final = "benchmark-key"
SECONDS: Final = 3.0


def defended(contender: Contender, folder: Path, document: str) -> Contender:
    """Give the same with everything on that can be, so that every request passes it."""
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"q2": document}))
    names: Mapping[str, str] = {
        "API_KEYS": f"{KEY},another-key",
        "RATE_LIMIT": "1000000000/min",
        "TRUSTED_DOCUMENTS": str(manifest),
        "TRUSTED_DOCUMENTS_MODE": "require",
        "TRUSTED_PROXIES": "10.0.0.0/8",
        "INTROSPECTION_ENABLED": "off",
        "TRACE_ENABLED": "on",
    }
    environment = {f"CATALOGRAPH_{name}": value for name, value in names.items()}
    return contender._replace(environment={**contender.environment, **environment})


def compare(contender: Contender, rounds: int) -> tuple[float, float]:
    """Measure one against the other; requests per second, and per second of processor."""
    question = QUESTIONS[1]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        payloads = folder / "payloads"
        payloads.write_bytes(b"\n".join(question.payloads(seed=0)))
        upstream = stack.enter_context(open_upstream())
        off = stack.enter_context(start(contender, upstream))
        on = stack.enter_context(
            start(defended(contender, folder, question.document()), upstream)
        )
        for server in (off, on):
            server.wait()
        speeds, works = [], []
        for turn in range(rounds):
            pair = [on, off] if turn % 2 else [off, on]
            told = {server: _measure(server, payloads) for server in pair}
            speeds.append(told[on][0] / told[off][0])
            works.append(told[on][1] / told[off][1])
            print(
                f"  {turn + 1}/{rounds}  {speeds[-1]:.2f}  {works[-1]:.2f}", flush=True
            )
    return statistics.median(speeds), statistics.median(works)


def _measure(server: Server, payloads: Path) -> tuple[float, float]:
    ask = {"seconds": SECONDS, "pin": pin(load=True), "headers": {"x-api-key": KEY}}
    put_load(server.port, "/graphql", payloads, **{**ask, "seconds": 1.0})
    before_s = server.cpu_s()
    load = put_load(server.port, "/graphql", payloads, **ask)
    if load.failed:
        raise SystemExit(f"{load.failed} requests were not answered")
    return load.requests / load.took_s, load.requests / (server.cpu_s() - before_s)


def main() -> None:
    """Measure kept answers, then answers that are put together anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    for contender in (OURS, OURS_UNKEPT):
        print(contender.name)
        speed, work = compare(contender, rounds)
        print(f"on : off  {speed:.2f} requests/s, {work:.2f} per processor second")


if __name__ == "__main__":
    main()
