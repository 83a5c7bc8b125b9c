"""How many random cases a test draws: a few at every save, some hundreds for every change."""

import os
import random

IS_NIGHTLY = bool(os.environ.get("NIGHTLY"))
_IS_QUICK = bool(os.environ.get("QUICK"))


def count_cases(usual: int) -> int:
    """This many; 10,000 with `NIGHTLY=1`, a tenth with `QUICK=1`."""
    if IS_NIGHTLY:
        return 10_000
    return max(10, usual // 10) if _IS_QUICK else usual


def chance(seed: int) -> random.Random:
    """Chance that comes out the same for the same seed."""
    return random.Random(seed)  # noqa: S311 - nothing is kept secret by it
