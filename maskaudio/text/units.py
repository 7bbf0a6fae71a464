"""What speech models read: phones with their stress and length, the gaps between words, and pauses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maskaudio.text.phones import PAUSES, PHONES

UNITS = (" ", *PAUSES, *PHONES)  # the order is part of trained weights
STRESSES = ("", "ˌ", "ˈ")
LONG = "ː"

_index = {symbol: i for i, symbol in enumerate(UNITS)}


@dataclass(frozen=True, eq=False)
class Units:
    """A sequence of n units: `index` into UNITS, `stress` into STRESSES, `long` 0 or 1; int64 [n] each.

    `owner` [number of symbols] says which unit each symbol of the text became part of.
    """

    index: np.ndarray
    stress: np.ndarray
    long: np.ndarray
    owner: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    @property
    def phones(self) -> np.ndarray:
        """Index into PHONES of the units that are phones, in order."""
        return self.index[self.index > len(PAUSES)] - len(PAUSES) - 1

    def merged(self, durations: Sequence[float]) -> np.ndarray:
        """One duration per symbol → one per unit: a mark's goes to its phone."""
        return np.bincount(self.owner, weights=durations, minlength=len(self))


def units(symbols: str) -> Units:
    """The units of a text in symbols (see text/phones.py); a stress mark belongs to the phone after it."""
    index: list[int] = []
    stress: list[int] = []
    long: list[int] = []
    owner: list[int] = []
    waiting = 0
    for symbol in symbols:
        if symbol in STRESSES[1:]:
            waiting = STRESSES.index(symbol)
            owner.append(len(index))
        elif symbol == LONG:
            if long:
                long[-1] = 1
            owner.append(max(0, len(index) - 1))
        else:
            owner.append(len(index))
            index.append(_index[symbol])
            is_phone = symbol in PHONES
            stress.append(waiting if is_phone else 0)
            long.append(0)
            waiting = 0 if is_phone else waiting
    last = max(0, len(index) - 1)
    arrays = (np.array(x, dtype=np.int64) for x in (index, stress, long, [min(o, last) for o in owner]))
    return Units(*arrays)
