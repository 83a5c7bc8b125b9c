"""How many random cases a test draws: some hundreds for every change, many at night."""

import os
import random

IS_NIGHTLY = bool(os.environ.get("NIGHTLY"))


def count_cases(usual: int) -> int:
    """This many, or 10,000 with `NIGHTLY=1`."""
    return 10_000 if IS_NIGHTLY else usual


def chance(seed: int) -> random.Random:
    """Chance that comes out the same for the same seed."""
    return random.Random(seed)  # noqa: S311 - nothing is kept secret by it
