"""Values that make no sense, said in one line."""

import secrets
from collections.abc import Sequence

from maskaudio.errors import UsageError


def in_range(name: str, value: float | None, low: float, high: float) -> None:
    """Raise UsageError where `value` is given and not a number from `low` to `high`."""
    if value is not None and not low <= value <= high:  # NaN is in no range
        raise UsageError(f"{name} {value:g}: give a number from {low:g} to {high:g}")


def pick_seed(seed: int | None) -> int:
    """`seed`, or one that is drawn where there is none. Raises UsageError where it is none."""
    return pick_seeds(seed, 1)[0]


def pick_seeds(seed: int | Sequence[int] | None, count: int) -> list[int]:
    """A seed for each of `count` clips: those given, the one given for all, or drawn ones."""
    if seed is None:
        return [secrets.randbits(32) for _ in range(count)]
    seeds = [seed] * count if isinstance(seed, int) else list(seed)
    if len(seeds) != count:
        raise UsageError(f"{len(seeds)} seeds for {count} clips: give one, or one each")
    for one in seeds:
        check_seed(one)
    return seeds


def check_seed(seed: int) -> None:
    """Raise UsageError where `seed` is none."""
    if not 0 <= seed < 2**63:
        raise UsageError(f"seed {seed}: give a whole number from 0 to 2^63 - 1")
