"""The upper bound: reads the body of a request and sends fixed bytes, nothing else.

BODIES is a folder; `/Q1` is answered with the files of its folder `Q1`, in turn.
"""

import os
from itertools import cycle
from pathlib import Path

from starlette.types import Receive, Scope, Send

_BODIES = {
    f"/{folder.name}": cycle([file.read_bytes() for file in folder.iterdir()])
    for folder in Path(os.environ["BODIES"]).iterdir()
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Speak ASGI."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body", False):
        pass
    body = next(_BODIES[scope["path"]])
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
