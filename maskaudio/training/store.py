"""All audio of a run, decoded once into one memory-mapped int16 file."""

import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskaudio.audio import plausible_rate, resample
from maskaudio.errors import UsageError
from maskaudio.files import write_file
from maskaudio.training.clips import Clip, Refused, read_clips
from maskaudio.training.counted import counted
from maskaudio.training.tones import without_tones

SHORTEST = 0.25  # seconds; anything shorter holds no event worth a grid

Tones = Mapping[str, Sequence[float]]  # source: Hz


@dataclass
class AudioStore:
    """`wave(i)` is clip i as int16 mono at `sample_rate`."""

    clips: list[Clip]
    samples: np.ndarray
    offsets: np.ndarray
    sample_rate: int

    @property
    def seconds(self) -> np.ndarray:
        """Length of every clip in seconds."""
        return np.diff(self.offsets) / self.sample_rate

    def wave(self, index: int) -> np.ndarray:
        """The whole clip, int16 [N]."""
        return self.samples[self.offsets[index] : self.offsets[index + 1]]

    def window(self, index: int, length: int, rng: np.random.Generator) -> np.ndarray:
        """A random window of `length` samples as float32 in [-1, 1]; shorter clips are zero-padded."""
        wave = self.wave(index)
        start = int(rng.integers(0, max(1, len(wave) - length + 1)))
        piece = wave[start : start + length].astype(np.float32) / 32768.0
        return np.pad(piece, (0, length - len(piece)))


def store_splits(
    clips: list[Clip], folder: Path, sample_rate: int, tones: Tones | None = None
) -> dict[str, AudioStore]:
    """The clips to train on and those to validate on, decoded into `folder`.

    tones: Hz to take out of clips, by the `source` in their metadata. Raises UsageError where a split is
    empty.
    """
    stores = {}
    for split in ("train", "valid"):
        own = [clip for clip in clips if clip.split == split]
        stores[split], refused = store_audio(own, folder / split, sample_rate, tones)
        if refused:
            logging.getLogger("maskaudio").warning(
                "%d clips are left out (%s: %s)", len(refused), refused[0].name, refused[0].reason
            )
        if not stores[split].clips:
            what = "train on" if split == "train" else "validate on"
            raise UsageError(f"no clip is left to {what}: --dry-run lists what was found and refused")
    return stores


def store_audio(
    clips: list[Clip], folder: Path, sample_rate: int, tones: Tones | None = None
) -> tuple[AudioStore, list[Refused]]:
    """Decode `clips` into `folder` (reused if it already holds exactly these clips)."""
    data, index = folder / "audio.i16", folder / "audio.json"
    asked = {"sample_rate": sample_rate, "asked": [clip_key(c) for c in clips]}
    asked["tones"] = {source: list(hertz) for source, hertz in (tones or {}).items()}
    known = _read_index(index)
    if known is None or any(known.get(name, {}) != value for name, value in asked.items()):
        index.unlink(missing_ok=True)  # it must never describe another file than the one beside it
        known = asked | _decode_all(clips, data, sample_rate, tones or {})
        write_file(index, json.dumps(known).encode())
    kept = [clips[i] for i in known["kept"]]
    samples = np.memmap(data, np.int16, "r") if kept else np.empty(0, np.int16)
    refused = [Refused(*r) for r in known["refused"]]
    return AudioStore(kept, samples, np.array(known["offsets"]), sample_rate), refused


def _decode_all(clips: list[Clip], data: Path, sample_rate: int, tones: Tones) -> dict[str, list]:
    """Write the samples of all `clips` to `data`; says which were kept, where they lie, and which refused."""
    data.parent.mkdir(parents=True, exist_ok=True)
    places = {id(clip): i for i, clip in enumerate(clips)}
    kept, refused, offsets = [], [], [0]
    with data.open("wb") as out:
        for clip, source in counted(read_clips(clips), len(clips), "reading clips"):
            wave = _decode(source, sample_rate, tones.get(str(clip.fields.get("source")), ()))
            if isinstance(wave, str):
                refused.append([clip.name, wave])
                continue
            out.write(wave.tobytes())  # numpy's own says nothing of why it cannot
            kept.append(places[id(clip)])
            offsets.append(offsets[-1] + len(wave))
    return {"kept": kept, "refused": refused, "offsets": offsets}


def _read_index(path: Path) -> dict[str, Any] | None:
    """What an earlier run left, or None where that is nothing, or cut off."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def clip_key(clip: Clip) -> list[str | int]:
    """A clip and the state of its file: another recording under the same name is another clip."""
    state = clip.path.stat()
    return [str(clip.path), clip.member or "", state.st_size, state.st_mtime_ns]


def _decode(
    source: io.BytesIO | Path | Refused, sample_rate: int, tones: Sequence[float]
) -> np.ndarray | str:
    """int16 mono at `sample_rate`, or the reason why not."""
    read = read_wave(source)
    if isinstance(read, str):
        return read
    wave, rate = read
    if rate != sample_rate:
        wave = resample(wave, rate, sample_rate)
    if tones:
        wave = without_tones(wave, sample_rate, tones)
    return (wave.clip(-1, 1) * 32767).astype(np.int16)


def read_wave(source: io.BytesIO | Path | Refused) -> tuple[np.ndarray, int] | str:
    """float32 mono [N] and its rate in Hz, or the reason why it cannot be trained on."""
    import soundfile

    if isinstance(source, Refused):
        return source.reason
    try:
        wave, rate = soundfile.read(source, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        return f"not readable as audio: {error}"
    wave = wave.mean(axis=1)
    if not np.isfinite(wave).all():
        return "holds NaN or infinite samples"
    if len(wave) < SHORTEST * rate:
        return f"shorter than {SHORTEST} s"
    if np.abs(wave).max() < 1e-4:
        return "silent"
    if not plausible_rate(rate):
        return f"a sample rate of {rate} Hz"
    return wave, rate
