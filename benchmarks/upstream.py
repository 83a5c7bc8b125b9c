"""The embedded upstream as a REST server that delays answers and counts requests.

It serves the catalogue of `catalograph upstream --models N`. `/_delay?ms=150` delays each
answer from now on. `/_count` returns the number of requests since the last call of it.
"""

import argparse
import asyncio

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from catalograph.demo import DEFAULT_VERSION
from catalograph.demo.replies import Reply, send_reply
from catalograph.demo.service import DEMO_TOKENS, build_demo_app
from catalograph.demo.synthesis import synthesise

_TEXT = {"content-type": "text/plain"}


class SlowedUpstream:
    """Counts and delays requests before it passes them on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._delay_s = 0.0
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an ASGI connection."""
        path = scope.get("path")
        if path == "/_delay":
            milliseconds = scope["query_string"].decode().partition("ms=")[2]
            self._delay_s = float(milliseconds) / 1000
            await send_reply(Reply(200, _TEXT, b"ok"), scope, send)
        elif path == "/_count":
            count, self._count = self._count, 0
            await send_reply(Reply(200, _TEXT, str(count).encode()), scope, send)
        else:
            if scope["type"] == "http":
                self._count += 1
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
            await self._app(scope, receive, send)


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--models", type=int, required=True)
    parser.add_argument(
        "--upstream-version", choices=list(DEMO_TOKENS), default=DEFAULT_VERSION
    )
    asked = parser.parse_args()
    version = asked.upstream_version
    app = SlowedUpstream(
        build_demo_app(synthesise(asked.models, version), version=version)
    )
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=asked.port,
        log_level="warning",
        access_log=False,
        loop="uvloop",
        http="httptools",
    )


if __name__ == "__main__":
    main()
