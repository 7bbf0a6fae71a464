"""All audio of a run, decoded once into one memory-mapped int16 file."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskaudio.training.clips import Clip, Refused, read_clips

SHORTEST = 0.25  # seconds; anything shorter holds no event worth a grid


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


def store_audio(clips: list[Clip], folder: Path, sample_rate: int) -> tuple[AudioStore, list[Refused]]:
    """Decode `clips` into `folder` (reused if it already holds exactly these clips)."""
    data, index = folder / "audio.i16", folder / "audio.json"
    by_key = {_key(c): c for c in clips}
    if index.is_file():
        known = json.loads(index.read_text())
        if known["sample_rate"] == sample_rate and known["asked"] == sorted(by_key):
            kept = [by_key[k] for k in known["kept"]]
            samples = np.memmap(data, np.int16, "r")
            refused = [Refused(*r) for r in known["refused"]]
            return AudioStore(kept, samples, np.array(known["offsets"]), sample_rate), refused

    folder.mkdir(parents=True, exist_ok=True)
    kept, refused, offsets = [], [], [0]
    with data.open("wb") as out:
        for clip, source in read_clips(clips):
            wave = _decode(source, sample_rate)
            if isinstance(wave, str):
                refused.append(Refused(clip.name, wave))
                continue
            wave.tofile(out)
            kept.append(clip)
            offsets.append(offsets[-1] + len(wave))
    state = {
        "sample_rate": sample_rate,
        "asked": sorted(by_key),
        "kept": [_key(c) for c in kept],
        "refused": [[r.name, r.reason] for r in refused],
        "offsets": offsets,
    }
    index.write_text(json.dumps(state))
    samples = np.memmap(data, np.int16, "r") if kept else np.empty(0, np.int16)
    return AudioStore(kept, samples, np.array(offsets), sample_rate), refused


def _key(clip: Clip) -> str:
    return f"{clip.path}::{clip.member or ''}"


def _decode(source: object, sample_rate: int) -> np.ndarray | str:
    """int16 mono at `sample_rate`, or the reason why not."""
    import soundfile

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
    if rate != sample_rate:
        from maskaudio.audio import resample

        wave = resample(wave, rate, sample_rate)
    return (wave.clip(-1, 1) * 32767).astype(np.int16)
