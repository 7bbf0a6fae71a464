"""What is said in a training clip, and where it is known, when."""

from dataclasses import dataclass

import numpy as np

from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.text.phones import PAUSES, check_phones, from_ipa
from maskaudio.text.script import read_script
from maskaudio.text.units import Units, units
from maskaudio.training.clips import Clip

TICK = 0.025  # seconds; the corpus counts durations in it


@dataclass(frozen=True, eq=False)
class Spoken:
    """The units of a clip; `edges` [n + 1], or None: the seconds at which each begins, and the end."""

    units: Units
    edges: np.ndarray | None

    def faster(self, factor: float) -> "Spoken":
        """The same said `factor` times as fast."""
        return self.at(None if self.edges is None else self.edges / factor)

    def at(self, edges: np.ndarray | None) -> "Spoken":
        """The same at other times."""
        return Spoken(self.units, edges)


def spoken(clip: Clip) -> Spoken:
    """What `clip` says: from its symbols and durations, else its phonemes (IPA), else its text.

    Raises UsageError where that cannot be spoken.
    """
    given = clip.fields
    language = str(given.get("lang", "en-us"))
    if symbols := given.get("symbols"):
        check_phones(symbols)
        said, durations = units(symbols), given.get("durations")
        if not durations:
            return Spoken(said, None)
        if len(durations) != len(symbols):
            raise UsageError(f"{len(durations)} durations for {len(symbols)} symbols")
        ends = TICK * np.cumsum(said.merged(durations))
        return Spoken(said, np.concatenate([[0.0], ends]) - float(given.get("offset", 0.0)))
    if given.get("phonemes"):
        return Spoken(units(from_ipa(given["phonemes"], language)), None)
    text = clip.captions[0] if clip.captions else ""
    return Spoken(units(" ".join(s.phones for s in read_script(text, language=language))), None)


def unspeakable(clip: Clip) -> str:
    """Why nobody can say what `clip` is to say; "" where one can."""
    try:
        said = spoken(clip)
    except MaskaudioError as error:
        return str(error)
    return "" if len(said.units.phones) else "its text holds no word"


def frame_classes(said: Spoken, frames: int, rate: float) -> np.ndarray:
    """The class of each of `frames` frames (`rate` a second): 0 silence, 1 + phone, −1 where nobody knows.

    Nobody knows in the gaps between words, and anywhere in a clip without durations.
    """
    if said.edges is None:
        return np.full(frames, -1, dtype=np.int64)
    index = said.units.index
    of_unit = np.where(index == 0, -1, np.maximum(0, index - len(PAUSES)))
    at = (np.arange(frames) + 0.5) / rate
    unit = np.searchsorted(said.edges, at, side="right") - 1
    inside = (unit >= 0) & (unit < len(index))
    return np.where(inside, of_unit[unit.clip(0, len(index) - 1)], 0)
