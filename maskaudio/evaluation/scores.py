"""Shares with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Share:
    """A mean of values in 0 … 1 with its 95 % interval; prints as per cent."""

    value: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float], draws: int = 2000) -> "Share":
        """Percentile bootstrap over the values (Efron, 1979), with draws of a fixed seed."""
        if not len(values):
            return cls(float("nan"), float("nan"), float("nan"), 0)
        data = np.asarray(values, np.float64)
        rng = np.random.default_rng(0)
        means = np.array([data[rng.integers(0, len(data), len(data))].mean() for _ in range(draws)])
        low, high = np.percentile(means, [2.5, 97.5])
        return cls(float(data.mean()), float(low), float(high), len(data))

    def __str__(self) -> str:
        if not self.count:
            return "–"
        return f"{100 * self.value:.0f} % ({100 * self.low:.0f}–{100 * self.high:.0f})"
