"""Number of random cases of a test: few in `make quick`, hundreds in `make check`."""

import os
import random

IS_NIGHTLY = bool(os.environ.get("NIGHTLY"))
_IS_QUICK = bool(os.environ.get("QUICK"))


def count_cases(usual: int) -> int:
    """Return the given number; 10,000 with `NIGHTLY=1`, a tenth with `QUICK=1`."""
    if IS_NIGHTLY:
        return 10_000
    return max(10, usual // 10) if _IS_QUICK else usual


def chance(seed: int) -> random.Random:
    """Build a random generator with a fixed seed."""
    return random.Random(seed)  # noqa: S311 - nothing is kept secret by it
