"""A fair race: every round runs every task once, each round begins elsewhere; what the laps then say.

A lap is compared with the lap of the same round, so that a machine that slows down slows down both.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Lap:
    """One run of a task: its seconds, the seconds of audio it made (0: none), the most memory held in MB."""

    seconds: float
    audio: float = 0.0
    memory: float = 0.0

    @property
    def cost(self) -> float:
        """Seconds for a second of audio, the real-time factor; seconds where no audio is made."""
        return self.seconds / self.audio if self.audio else self.seconds


@dataclass(frozen=True)
class Spread:
    """Median of figures, the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        return cls(statistics.median(figures), min(figures), max(figures))


def race(
    tasks: Mapping[str, Callable[[int], Lap]],
    rounds: int,
    *,
    once: Sequence[str] = (),
    failed: Callable[[str, Exception], None] | None = None,
) -> dict[str, list[Lap]]:
    """The laps of every task, called with the number of the round; those of `once` run in the first one only.

    A task that raises drops out, its laps with it; without `failed` the error is raised.
    """
    laps: dict[str, list[Lap]] = {name: [] for name in tasks}
    for number in range(rounds):
        for name in order(list(tasks), number, rounds):
            if name not in laps or (number and name in once):
                continue
            try:
                laps[name].append(tasks[name](number))
            except Exception as error:
                if failed is None:
                    raise
                failed(name, error)
                del laps[name]
    return laps


def order(names: list[str], number: int, rounds: int) -> list[str]:
    """The order of round `number`: begun so far round that all rounds begin evenly apart."""
    first = number * len(names) // rounds
    return names[first:] + names[:first]


def seconds(laps: Sequence[Lap]) -> Spread:
    """How long a lap takes."""
    return Spread.of([lap.seconds for lap in laps])


def times(laps: Sequence[Lap], other: Sequence[Lap]) -> Spread:
    """How many times what `other` costs, round by round."""
    return Spread.of([a.cost / b.cost for a, b in zip(laps, other, strict=False)])
