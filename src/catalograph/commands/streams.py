"""Standard streams that may be missing, closed, or not in UTF-8."""

import os
import sys
from typing import TextIO


def prepare_streams() -> None:
    """Make sure that stdout and stderr can be written to.

    A service manager may start a process without them, and a console may not support all of
    Unicode. Neither should make a command fail.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Otherwise the next socket or file would get this number, and receive the output.
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def discard_output() -> None:
    """Redirect stdout to the null device, so that flushing it at exit does not fail again."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def can_show(text: str, stream: TextIO) -> bool:
    """Whether the encoding of a stream has every character of a text."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
