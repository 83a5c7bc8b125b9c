"""One of several processes that share a Redis; runs commands, each a line of JSON.

Started with the URL of the Redis. An input line gives a key, the number of callers, and how the
upstream behaves; an output line counts the results. Upstream requests are counted in
another database of the same Redis, for all processes together.
"""

import asyncio
import collections
import functools
import json
import os
import signal
import sys
import time

from redis.asyncio import Redis

from catalograph.cache.entries import Ages, Entry
from catalograph.cache.refreshing import RefreshingCache
from catalograph.cache.shared import open_store
from catalograph.errors import UpstreamRateLimitError
from support.cache_stand_ins import TEXT

LEASE_S = 0.4


async def _main(url: str) -> None:
    cache = RefreshingCache(
        open_store(url, max_bytes=1_000_000, lease_s=LEASE_S), ages=Ages()
    )
    counter = Redis.from_url(url.replace("?db=0", "?db=1"))
    print("ready", flush=True)  # noqa: T201 - spoken to by pipes
    while line := await asyncio.to_thread(sys.stdin.readline):
        job = json.loads(line)
        outcomes = await asyncio.gather(
            *(
                cache.fetch_through(
                    job["key"],
                    functools.partial(_ask, counter, job["key"], job["upstream"]),
                    codec=TEXT,
                )
                for _ in range(job["callers"])
            ),
            return_exceptions=True,
        )
        told = collections.Counter(
            outcome.value if isinstance(outcome, Entry) else repr(outcome)
            for outcome in outcomes
        )
        print(json.dumps(told), flush=True)  # noqa: T201 - as above
    await counter.aclose()
    await cache.aclose()


async def _ask(counter: "Redis", key: str, upstream: str) -> Entry[str | None]:
    as_of_s = time.time()
    # The first is a special case: the upstream has not been asked yet.
    if upstream.endswith("before it asks") and await counter.incr(f"{key}?") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    calls = await counter.incr(key)
    match upstream:
        case "kills the first who asks" if calls == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        case "takes three leases":
            await asyncio.sleep(3 * LEASE_S)
        case "fails":
            await asyncio.sleep(0.05)
            raise UpstreamRateLimitError(7)
        case _:
            await asyncio.sleep(0.05)
    return Entry(f"answer {calls}", as_of_s)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
