"""Standard streams as they are given: missing, closed, or not in UTF-8."""

import os
import sys
from typing import TextIO


def prepare_streams() -> None:
    """Make standard streams that can be written to, whatever they were given as.

    A service may be started without them, and a console may lack most of Unicode; neither
    is a reason to fail.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Otherwise a socket would get this number, and receive what is written to it.
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def discard_output() -> None:
    """Let what is left of standard output go nowhere, when it cannot be written."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def can_show(text: str, stream: TextIO) -> bool:
    """Whether a stream has every character of a text."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
