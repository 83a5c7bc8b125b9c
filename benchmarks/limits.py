"""Measures how long hostile documents take, and how long they block the event loop.

    python benchmarks/limits.py [words in the name of a family]

Each family of documents is parsed and validated at sizes that double, up to the largest
accepted body. A row shows the time, the ratio to the time of half the size, and the longest
time for which the event loop was blocked.
"""

import asyncio
import sys
import time
from collections.abc import Callable

from catalograph.graphql.check.documents import Document, Documents
from catalograph.graphql.check.limits import Limits
from catalograph.graphql.schema import build_schema

MAX_CHARACTERS = 256 * 1024
BEAT_S = 0.001

Family = Callable[[int], str]


def doubling_fragments(count: int) -> str:
    """Each fragment spreads the next one twice: 2^count fields, were they expanded."""
    links = "".join(
        f"fragment F{n} on Query{{...F{n + 1} ...F{n + 1}}}" for n in range(count)
    )
    return f"{{...F0}}{links}fragment F{count} on Query{{__typename}}"


def doubling_fields(count: int) -> str:
    """Build the same structure with fields between the fragments."""
    links = "".join(
        f"fragment F{n} on Provider{{a:endpoints{{providers{{...F{n + 1}}}}}"
        f" b:endpoints{{providers{{...F{n + 1}}}}}}}"
        for n in range(count)
    )
    last = f"fragment F{count} on Provider{{id}}"
    return f'{{provider(providerId:"x"){{...F0}}}}{links}{last}'


def merging_fragments(count: int) -> str:
    """Build `doubling_fields` without aliases, so that all fields must be merged."""
    return doubling_fields(count).replace("a:", "").replace("b:", "")


def spread_mesh(count: int) -> str:
    """Every fragment spreads every other one."""
    side = max(2, int(count**0.5))
    spreads = " ".join(f"...F{n}" for n in range(side))
    fragments = "".join(f"fragment F{n} on Query{{{spreads}}}" for n in range(side))
    return f"{{...F0}}{fragments}"


def schema_types(count: int) -> str:
    """Build doubling fragments of introspection: nested `ofType`, each twice."""
    links = "".join(
        f"fragment F{n} on __Type{{a:ofType{{...F{n + 1}}} b:ofType{{...F{n + 1}}}}}"
        for n in range(count)
    )
    return f"{{__schema{{types{{...F0}}}}}}{links}fragment F{count} on __Type{{name}}"


def nested(count: int) -> str:
    """Fields inside one another."""
    return (
        'query{provider(providerId:"x"){'
        + "endpoints{providers{" * count
        + "id"
        + "}}" * count
        + "}}"
    )


FAMILIES: dict[str, Family] = {
    "doubling fragments": doubling_fragments,
    "doubling fields": doubling_fields,
    "merging fragments": merging_fragments,
    "spread mesh": spread_mesh,
    "doubling types": schema_types,
    "nested fields": nested,
    "nested inline fragments": lambda n: "{" + "...{" * n + "id" + "}" * n + "}",
    "nested lists": lambda n: "{nodes(ids:" + "[" * n + "]" * n + "){id}}",
    "aliases": lambda n: "{" + " ".join(f"a{i}:__typename" for i in range(n)) + "}",
    "equal fields": lambda n: "{" + "__typename " * n + "}",
    "conflicting fields": lambda n: "{" + "a:__typename a:catalogue{version}" * n + "}",
    "unknown fields": lambda n: "{" + " ".join(f"model{i}" for i in range(n)) + "}",
    "unknown names in one value": lambda n: (
        "{models(filter:{" + " ".join(f"a{i}:1" for i in range(n)) + "}){limit}}"
    ),
    "unknown arguments": lambda n: (
        "{models(" + " ".join(f"a{i}:1" for i in range(n)) + "){limit}}"
    ),
    "inline fragments": lambda n: "{" + "...{__typename}" * n + "}",
    "unused fragments": lambda n: (
        "{__typename}"
        + "".join(f"fragment F{i} on Query{{__typename}}" for i in range(n))
    ),
    "circles": lambda n: (
        "{...F0}"
        + "".join(f"fragment F{i} on Query{{...F{(i + 1) % n}}}" for i in range(n))
    ),
    "directives": lambda n: "{__typename " + "@skip(if:true)" * n + "}",
    "directives on fields": lambda n: "{" + "__typename @skip(if:false) " * n + "}",
    "variables": lambda n: (
        "query(" + " ".join(f"$a{i}:Int" for i in range(n)) + "){__typename}"
    ),
    "undefined variables": lambda n: "{nodes(ids:[" + "$a " * n + "]){id}}",
    "list members": lambda n: '{nodes(ids:["' + '" "'.join("x" * n) + '"]){id}}',
    "operations": lambda n: "".join(f"query A{i}{{__typename}}" for i in range(n)),
    "introspection": lambda n: (
        "{" + "__schema{types{fields{name type{name}}}}" * n + "}"
    ),
    "one long string": lambda n: '{node(id:"' + "x" * n + '"){id}}',
    "escapes": lambda n: '{node(id:"' + "\\n" * n + '"){id}}',
    "block string": lambda n: '{node(id:"""' + "x\n" * n + '"""){id}}',
    "comments": lambda n: "#\n" * n + "{__typename}",
    "commas": lambda n: "{__typename" + "," * n + "}",
    "newlines": lambda n: "{__typename" + "\n" * n + "%}",
    "brackets": lambda n: "{" * n,
    "quotes": lambda n: '"' * n,
    "one long name": lambda n: "{" + "x" * n + "}",
    "digits": lambda n: "{models(limit:" + "9" * n + "){limit}}",
}


async def read(text: str) -> tuple[Document, float, float]:
    """Parse and validate a document.

    Returns:
        The document, the seconds it took, and the longest block of the event loop.
    """
    documents = Documents(build_schema()._schema, limits=LIMITS)  # noqa: SLF001 - Strawberry has no public name for it
    longest_s = 0.0
    running = True

    async def beat() -> None:
        nonlocal longest_s
        while running:
            before = time.perf_counter()
            await asyncio.sleep(BEAT_S)
            longest_s = max(longest_s, time.perf_counter() - before - BEAT_S)

    beating = asyncio.create_task(beat())
    await asyncio.sleep(2 * BEAT_S)
    started = time.perf_counter()
    document = await documents.load(text)
    took_s = time.perf_counter() - started
    await asyncio.sleep(BEAT_S)
    running = False
    await beating
    return document, took_s, longest_s


async def measure(name: str, family: Family) -> tuple[float, float]:
    """Print how the time of one family grows; return its longest time and longest block."""
    count = 8
    before_s = 0.0
    worst_s = worst_block_s = 0.0
    while len(text := family(count)) <= MAX_CHARACTERS:
        runs = [await read(text) for _ in range(3)]
        took_s = min(one[1] for one in runs)
        block_s = min(one[2] for one in runs)
        worst_s, worst_block_s = max(worst_s, took_s), max(worst_block_s, block_s)
        errors = runs[0][0].errors
        verdict = errors[0].message.splitlines()[0][:60] if errors else "valid"
        growth = f"{took_s / before_s:5.1f}x" if before_s else "      "
        print(
            f"{name:27s} {len(text):7d} characters {took_s * 1e3:8.2f} ms {growth}"
            f"  blocks {block_s * 1e3:6.2f} ms  {verdict}"
        )
        before_s = took_s
        count *= 2
    return worst_s, worst_block_s


async def main() -> None:
    """Measure all families, or those whose names contain all given words."""
    names = [name for name in FAMILIES if all(w in name for w in sys.argv[1:])]
    worst = {name: await measure(name, FAMILIES[name]) for name in names}
    slowest = max(worst, key=lambda name: worst[name][0])
    blocking = max(worst, key=lambda name: worst[name][1])
    print(f"slowest: {slowest}, {worst[slowest][0] * 1e3:.1f} ms")
    print(f"longest block: {blocking}, {worst[blocking][1] * 1e3:.1f} ms")


LIMITS = Limits()

if __name__ == "__main__":
    asyncio.run(main())
