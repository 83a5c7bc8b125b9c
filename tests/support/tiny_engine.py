"""Engines for tests of the web layer: one with a real graph, one with scripted answers."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from graphql import (
    GraphQLError,
    OperationDefinitionNode,
    build_schema,
    execute,
    get_operation_ast,
    parse,
    validate,
)

from catalograph.graphql.run.request import Answer, Caller, Operation

SCHEMA = build_schema(
    """
    type Query { hello(name: String = "world"): String  number(from: Int): Int }
    """
)


def _resolve_hello(_: object, __: object, name: str) -> str:
    return f"hello {name}"


SCHEMA.query_type.fields["hello"].resolve = _resolve_hello  # type: ignore[union-attr]


class TinyEngine:
    """An engine with a schema of two fields; every answer is fresh for a minute.

    Attributes:
        calls: Operations in order.
    """

    def __init__(self, fresh_for_s: float = 60.0) -> None:
        self.calls: list[tuple[Operation, Caller]] = []
        self.fresh_for_s = fresh_for_s

    async def execute(self, operation: Operation, caller: Caller) -> Answer:
        self.calls.append((operation, caller))
        kind = name = None
        try:
            document = parse(operation.document)
            node = get_operation_ast(document, operation.name)
            if isinstance(node, OperationDefinitionNode):
                kind = node.operation.value
                name = node.name.value if node.name else None
            errors = validate(SCHEMA, document)
            if errors:
                return _refuse(errors[0], "GRAPHQL_VALIDATION_FAILED", kind)
        except GraphQLError as error:
            return _refuse(error, "GRAPHQL_PARSE_FAILED", kind)
        result: Any = execute(
            SCHEMA,
            document,
            variable_values=dict(operation.variables),
            operation_name=operation.name,
        )
        if result.data is None:
            return _refuse(result.errors[0], "BAD_USER_INPUT", kind)
        return Answer(
            body=msgspec.json.encode({"data": result.data}),
            kind=kind,
            name=name,
            fresh_for_s=self.fresh_for_s,
            cache_for_s=self.fresh_for_s,
            cost=1,
        )


class ScriptedEngine:
    """An engine that gives one answer, raises, or waits forever.

    Attributes:
        late_answer: The answer after waiting.
        calls: Number of operations.
        callers: Callers of the operations, in order.
        started: Set when an operation begins.
        release: Lets waiting operations be answered.
        ended: Set when a waiting operation ends, in any way.
        was_cancelled: Whether an operation was cancelled.
    """

    def __init__(
        self, answer: Answer | None = None, error: Exception | None = None
    ) -> None:
        self.answer = answer
        self.late_answer = make_answer()
        self.error = error
        self.calls = 0
        self.callers: list[Caller] = []
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        self.ended = asyncio.Event()
        self.was_cancelled = False

    async def execute(self, operation: Operation, caller: Caller) -> Answer:
        del operation
        self.calls += 1
        self.callers.append(caller)
        self.started.set()
        if self.error is not None:
            raise self.error
        if self.answer is None:
            caller.record_cost(self.late_answer.cost)
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.was_cancelled = True
                raise
            finally:
                self.ended.set()
            return self.late_answer
        return self.answer


def make_answer(data: Mapping[str, Any] | None = None, **fields: object) -> Answer:
    """Build a successful answer; by default it is fresh for a minute."""
    defaults: dict[str, Any] = {
        "body": msgspec.json.encode({"data": data or {"hello": "world"}}),
        "kind": "query",
        "fresh_for_s": 60.0,
        "cache_for_s": 60.0,
    }
    return Answer(**(defaults | fields))


def _refuse(error: GraphQLError, code: str, kind: str | None) -> Answer:
    body = {"errors": [{"message": error.message, "extensions": {"code": code}}]}
    return Answer(body=msgspec.json.encode(body), ran=False, codes=(code,), kind=kind)
