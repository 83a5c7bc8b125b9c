"""Memory that this process uses."""

from pathlib import Path


def peak_memory_bytes() -> int:
    """Return the peak memory since the start of the process, or since the last reset.

    Not ``ru_maxrss``: that one survives ``exec``, so the child of a large process would
    start with the memory of its parent.
    """
    return _status_kib("VmHWM") * 1024


def memory_bytes() -> int:
    """Return the memory that is used now."""
    return _status_kib("VmRSS") * 1024


def forget_peak_memory() -> None:
    """Reset the peak to the current use."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def _status_kib(name: str) -> int:
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)
