"""Values that make no sense, said in one line."""

from maskaudio.errors import UsageError


def in_range(name: str, value: float | None, low: float, high: float) -> None:
    """Raise UsageError where `value` is given and not a number from `low` to `high`."""
    if value is not None and not low <= value <= high:  # NaN is in no range
        raise UsageError(f"{name} {value:g}: give a number from {low:g} to {high:g}")


def check_seed(seed: int) -> None:
    """Raise UsageError where `seed` is none."""
    if not 0 <= seed < 2**63:
        raise UsageError(f"seed {seed}: give a whole number from 0 to 2^63 - 1")
