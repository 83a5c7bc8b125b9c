"""Bytes that are chosen by what they reach, thrown at what reads requests: `make fuzz`.

libFuzzer (by way of atheris) changes inputs and keeps those that reach code no other has
reached. An input is a body (`b…`), an address (`a…`) or a document (`d…`). Bodies and
addresses must be read or refused, and what is read must be what the standard library
reads. Documents must be parsed, and found valid, exactly where graphql-core does so.
"""

import json
import sys
import urllib.parse
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import atheris

from support.nightly import chance

# Instrument the tested code, but not the reference.
with atheris.instrument_imports(
    include=["catalograph.graphql", "catalograph.web.request", "graphql.language"]
):
    import graphql

    from catalograph.graphql.check.documents import Documents
    from catalograph.graphql.schema import build_schema
    from catalograph.web.replies import Refusal
    from catalograph.web.request import (
        Parameters,
        parse_body,
        parse_query_string,
    )
    from support.random_documents import Breaker, DocumentWriter

T = TypeVar("T")

SCHEMA: Final = build_schema()._schema  # noqa: SLF001 - Strawberry has no public name for it
DOCUMENTS: Final = Documents(SCHEMA)
SEEDS: Final = 60
LONGEST: Final = 500
"""Maximum bytes of an input; most bugs need fewer, and short inputs are faster."""

FOLDER: Final = Path(".fuzz")
"""Folder of inputs that reached new code, for the next run."""

_PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"


def check_input(data: bytes) -> None:
    """Check one input, according to its kind."""
    kind, rest = data[:1], data[1:]
    if kind == b"b":
        check_body(rest)
    elif kind == b"a":
        check_address(rest)
    else:
        check_document(rest.decode("utf-8", "replace"))


def check_body(body: bytes) -> None:
    """A body is refused, or is what it says."""
    try:
        found = parse_body(body)
    except Refusal:
        return
    check_parameters(found, json.loads(body))


def check_address(query_string: bytes) -> None:
    """An address is refused, or is what it says."""
    try:
        found = parse_query_string(query_string)
    except Refusal:
        return
    said: dict[str, Any] = dict(urllib.parse.parse_qsl(query_string.decode("ascii")))
    for name in ("variables", "extensions"):
        if name in said:
            said[name] = json.loads(said[name])
    check_parameters(found, said)


def check_parameters(found: Parameters, said: dict[str, Any]) -> None:
    """What was read is what the standard library reads."""
    assert found.variables == (said.get("variables") or {})
    assert found.extensions == (said.get("extensions") or {})
    assert found.name == (said.get("operationName") or None)
    assert found.document_id == said.get("documentId")
    assert (found.query or None) == (said.get("query") or None)
    if found.query is not None:
        check_document(found.query)


def check_document(text: str) -> None:
    """A document is taken where graphql-core takes it, unless it is too large."""
    document = run_at_once(DOCUMENTS.load(text))
    if document.ast is None and document.code != _PARSE_FAILED:
        return  # a limit has refused it
    try:
        ast = graphql.parse(text, no_location=True)
    except graphql.GraphQLError:
        assert document.code == _PARSE_FAILED
        return
    assert document.code != _PARSE_FAILED
    assert bool(document.errors) == bool(graphql.validate(SCHEMA, ast))
    assert document.errors or document.ast == ast


def run_at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, such as parsing a short document."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError


def write_seeds() -> Iterator[bytes]:
    """Write initial inputs, valid and nearly valid ones."""
    for seed in range(SEEDS):
        luck = chance(seed)
        operation = DocumentWriter(SCHEMA, luck).write()
        given = {"query": operation.text, "variables": json.dumps(operation.variables)}
        yield b"d" + operation.text.encode()
        yield b"d" + Breaker(SCHEMA, luck).change(operation.text).encode()
        yield b"b" + json.dumps({**given, "variables": operation.variables}).encode()
        yield b"a" + urllib.parse.urlencode(given).encode()


def write_words() -> Iterator[str]:
    """Words of the schema and of the protocols, in libFuzzer's own format."""
    words = {"query", "variables", "extensions", "operationName", "documentId"}
    words |= {"fragment", "on", "...", "@include(if: ", "@skip(if: ", "__typename"}
    words |= {'"""', "\\u", "\\ud800", "null", "true", "1e9", "%22", "persistedQuery"}
    for name, type_ in SCHEMA.type_map.items():
        words |= {name, *getattr(type_, "fields", ()), *getattr(type_, "values", ())}
    for word in sorted(words):
        hexadecimal = "".join(f"\\x{byte:02x}" for byte in word.encode())
        yield f'"{hexadecimal}"'


def throw(data: bytes) -> None:
    """Check one input, and print it if a check fails."""
    try:
        check_input(data)
    except Exception:
        print(f"\n{data!r}", file=sys.stderr)
        raise


def main(seconds: int) -> None:
    """Fuzz for some time."""
    seeds = FOLDER / "inputs"
    seeds.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(write_seeds()):
        if len(data) <= LONGEST:
            (seeds / f"seed-{number}").write_bytes(data)
    (FOLDER / "words").write_text("\n".join(write_words()), encoding="ascii")
    atheris.Setup(
        [
            sys.argv[0],
            str(seeds),
            f"-dict={FOLDER / 'words'}",
            f"-artifact_prefix={FOLDER}/",
            f"-max_len={LONGEST}",
            f"-max_total_time={seconds}",
            "-timeout=5",
            "-print_final_stats=1",
            "-verbosity=0",
        ],
        throw,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]))
