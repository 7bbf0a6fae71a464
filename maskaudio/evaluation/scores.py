"""Figures with an interval: means, corpus-level ratios, and what only a whole set has."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000  # bootstrap samples (Efron, 1979)
Part = tuple[float, float]  # what one clip adds: an amount, and of how much; wrong words, and words


@dataclass(frozen=True)
class Share:
    """A mean of values in 0 … 1 with its 95 % interval; prints as per cent."""

    value: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Share":
        """Of one value for each clip; the interval is `ratio`'s."""
        mean = ratio([(float(value), 1.0) for value in values])
        if mean is None:
            return cls(float("nan"), float("nan"), float("nan"), 0)
        low, high = (mean.value if x is None else x for x in (mean.low, mean.high))
        return cls(mean.value, low, high, mean.count)

    def __str__(self) -> str:
        if not self.count:
            return "–"
        return f"{100 * self.value:.0f} % ({100 * self.low:.0f}–{100 * self.high:.0f})"


@dataclass(frozen=True)
class Figure:
    """A figure over `count` clips and its 95 % interval; a single clip, or a constant, has none."""

    value: float
    low: float | None
    high: float | None
    count: int

    @property
    def sure(self) -> bool:
        """Of a difference: whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def drawn(count: int, draws: int = DRAWS) -> np.ndarray:
    """How often each of `count` clips is in each bootstrap sample, [draws, count]; always the same."""
    rng = np.random.default_rng(0)
    return rng.multinomial(count, np.full(count, 1 / count), draws).astype(np.float64)


def ratio(parts: Sequence[Part]) -> Figure | None:
    """Sum of amounts over sum of weights, resampled by clip; None of nothing. A mean has weights of 1."""
    if not parts:
        return None
    amounts, weights = np.asarray(parts, np.float64).T
    chosen = drawn(len(parts))
    return _figure(amounts.sum() / weights.sum(), (chosen @ amounts) / (chosen @ weights), len(parts))


def difference(parts: Sequence[Part], others: Sequence[Part]) -> Figure | None:
    """`ratio` of parts less that of others, both of the same clips: a clip is drawn with its twin."""
    if not parts:
        return None
    (a, n), (b, m) = (np.asarray(p, np.float64).T for p in (parts, others))
    chosen = drawn(len(parts))
    values = (chosen @ a) / (chosen @ n) - (chosen @ b) / (chosen @ m)
    return _figure(a.sum() / n.sum() - b.sum() / m.sum(), values, len(parts))


def of_set(value: float, samples: np.ndarray, count: int) -> Figure:
    """What only a set of clips has, such as a Fréchet distance, and its values in bootstrap samples.

    A sample has fewer different clips than the set, which moves such a figure: how widely the samples
    spread counts, not where they lie.
    """
    return _figure(value, samples - samples.mean() + value, count)


def _figure(value: float, samples: np.ndarray, count: int) -> Figure:
    low, high = np.percentile(samples, [2.5, 97.5]) if count > 1 else (None, None)
    return Figure(float(value), *(None if x is None else float(x) for x in (low, high)), count)
