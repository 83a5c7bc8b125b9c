"""The whole gateway without HTTP: operations in, decoded answers out, with a manual clock."""

import datetime
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from catalograph.app import Gateway
from catalograph.graphql.run.request import Answer, Caller, Operation
from catalograph.settings import Settings
from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.transport import build_in_process_transport
from support.stub_upstream import NOW


class TurnedClock:
    """Unix time that stands still until a test moves it; starts at the time of the stub.

    Attributes:
        now_s: The current time.
        waits_s: Waits of the upstream client between attempts, in seconds; none takes time.
    """

    def __init__(self) -> None:
        self.now_s = NOW.timestamp()
        self.waits_s: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def pass_s(self, seconds: float) -> None:
        """Move the clock forward."""
        self.now_s += seconds

    def show(self) -> str:
        """Write the current time as a GraphQL DateTime."""
        now = datetime.datetime.fromtimestamp(self.now_s, tz=datetime.UTC)
        return now.isoformat().replace("+00:00", "Z")

    async def sleep(self, seconds: float) -> None:
        """Record the wait, and return at once."""
        self.waits_s.append(seconds)


class Result(msgspec.Struct, frozen=True):
    """One answer.

    Attributes:
        data: `data` of the response; None also if there is none.
        errors: Empty when there are none.
        extensions: Empty when there are none.
        answer: The engine's answer, as the web layer gets it.
    """

    data: Any
    errors: list[Any]
    extensions: dict[str, Any]
    answer: Answer

    @property
    def codes(self) -> list[str]:
        """Codes of the errors, in order."""
        return [error["extensions"]["code"] for error in self.errors]

    @property
    def messages(self) -> list[str]:
        """Messages of the errors, in order."""
        return [error["message"] for error in self.errors]


class Answers(Protocol):
    """An upstream in this process, with a key that it accepts."""

    @property
    def token(self) -> str:
        """The gateway's own token."""

    @property
    def app(self) -> Any:
        """An ASGI application."""


class GraphGateway:
    """A gateway over a stub of the upstream.

    Args:
        upstream: The fake upstream.
        clock: Clock of the gateway and of its upstream client.
        attempt_timeout_s: Timeout of one upstream request, in real seconds.
        settings: Settings, by name of the variable without prefix.
    """

    def __init__(
        self,
        upstream: Answers,
        clock: TurnedClock,
        *,
        attempt_timeout_s: float = 5.0,
        **settings: str,
    ) -> None:
        client = UpstreamClient(
            base_url="http://upstream.test/v1",
            token=upstream.token,
            attempt_timeout_s=attempt_timeout_s,
            transport=build_in_process_transport(upstream.app),
            clock=clock,
            monotonic=clock,
            sleep=clock.sleep,
        )
        environ = {f"CATALOGRAPH_{name}": value for name, value in settings.items()}
        self.gateway = Gateway(
            Settings.from_environ(environ), client=client, clock=clock
        )

    async def query(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        name: str | None = None,
    ) -> Result:
        """Run one operation.

        Args:
            document: GraphQL document.
            variables: Values by name.
            token: The caller's token, which is passed through; None uses the gateway's own.
            name: Name of the operation, if there are several.
        """
        operation = Operation(document=document, variables=variables or {}, name=name)
        caller = Caller(
            request_id="request-1",
            token=token,
            partition="" if token is None else f"of {token}",
        )
        answer = await self.gateway.engine.execute(operation, caller)
        body = msgspec.json.decode(answer.body)
        return Result(
            body.get("data"),
            body.get("errors", []),
            body.get("extensions", {}),
            answer,
        )

    async def ask(
        self, document: str, variables: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one operation that must succeed; return its data."""
        result = await self.query(document, variables)
        assert result.errors == [], result.errors
        return result.data

    async def aclose(self) -> None:
        """Stop background work."""
        await self.gateway.aclose()
