"""What this process takes of the machine's memory."""

from pathlib import Path


def peak_memory_bytes() -> int:
    """The most since the process began, or since it was last forgotten.

    Not ``ru_maxrss``: that one survives ``exec``, so the child of a large process would
    begin with what its parent takes.
    """
    return _status_kib("VmHWM") * 1024


def memory_bytes() -> int:
    """What is taken now."""
    return _status_kib("VmRSS") * 1024


def forget_peak_memory() -> None:
    """Let the peak begin anew with what is taken now."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def _status_kib(name: str) -> int:
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)
