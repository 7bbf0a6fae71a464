"""The tokens of every speech clip, semantic and acoustic in one grid, in its own voice and in new ones."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskaudio.codec.alignment import align
from maskaudio.codec.protocol import Codec
from maskaudio.codec.semantic import SpeechTokeniser
from maskaudio.training.augment import change_pitch, colour, far_away, move_formants
from maskaudio.training.speakers import speaker_of
from maskaudio.training.spoken import Spoken, spoken
from maskaudio.training.store import AudioStore
from maskaudio.training.tokens import TokenStore, Wave, encode_waves


class Both:
    """A tokeniser and a codec as one codec: stream 0 is semantic, then the codec's first `streams`."""

    def __init__(self, tokeniser: SpeechTokeniser, codec: Codec, streams: int):
        self.tokeniser, self.codec, self.acoustic = tokeniser, codec, streams
        self.hash = f"{tokeniser.hash}+{codec.hash}:{streams}"
        self.sample_rate = codec.sample_rate

    def encode(self, wave: Tensor) -> Tensor:
        return torch.cat([self.tokeniser.encode(wave), self.codec.encode(wave)[:, : self.acoustic]], 1)


@dataclass(frozen=True)
class Disguise:
    """A new voice out of an old one: another pitch and pace, another throat, another colour."""

    pace: float  # pitch, formants and pace together
    formants: float  # on top of that
    decibels: tuple[float, ...]  # over nine octaves from 30 Hz on

    @classmethod
    def of(cls, speaker: str, take: int) -> "Disguise":
        """Take 1, 2, … of `speaker`: lower and higher in turn."""
        seed = int(hashlib.sha256(speaker.encode()).hexdigest()[:8], 16)
        rng = np.random.default_rng([seed, take])
        pace = np.exp((-1) ** take * rng.uniform(0.04, 0.24))
        formants = np.exp(rng.uniform(-0.13, 0.13))
        decibels = rng.normal(0.0, 3.0, 8).round(2)
        return cls(round(float(pace), 3), round(float(formants), 3), tuple(decibels.tolist()))

    def on(self, wave: np.ndarray, sample_rate: int) -> np.ndarray:
        """wave [N] in the new voice, N / pace samples, as loud as before."""
        other = move_formants(change_pitch(wave, self.pace), self.formants)
        other = colour(other, sample_rate, np.array(self.decibels))
        level = np.sqrt(np.square(wave).mean() / max(1e-12, float(np.square(other).mean())))
        return np.clip(other * level, -1.0, 1.0).astype(np.float32)


@dataclass
class SpeechStore:
    """`grid(i)` [1 + K, T]: item i is a clip in one of its takes, of `speaker[i]`, saying `said[i]`.

    `rooms[i]`: the item that is the same clip heard from afar, or i itself.
    """

    tokens: TokenStore
    speakers: list[str]
    said: list[Spoken]
    rooms: np.ndarray

    def __post_init__(self) -> None:
        self.lengths = np.diff(self.tokens.offsets)[: len(self.speakers)]
        self.spoken_by: dict[str, np.ndarray] = {}
        for speaker in dict.fromkeys(self.speakers):
            self.spoken_by[speaker] = np.array([i for i, s in enumerate(self.speakers) if s == speaker])

    def __len__(self) -> int:
        return len(self.speakers)

    def grid(self, index: int) -> np.ndarray:
        """Tokens [1 + K, T] of item `index`."""
        return self.tokens.codes(index)


def store_speech(
    store: AudioStore, both: Both, path: Path, *, takes: int = 1, rooms: bool = False
) -> SpeechStore:
    """Encode all clips of `store` into `path` (or reuse it): as they are, then in `takes` − 1 new voices.

    A new voice is the same for all clips of a speaker, see `Disguise`. With `rooms` every clip comes once
    more as a microphone far away hears it.
    """
    clips = store.clips
    speakers = [speaker_of(clip) for clip in clips]
    voices = {s: [Disguise.of(s, take) for take in range(1, takes)] for s in sorted(set(speakers))}

    def wave(index: int, disguise: Disguise | None) -> np.ndarray:
        clean = store.wave(index).astype(np.float32) / 32768.0
        return disguise.on(clean, store.sample_rate) if disguise else clean

    def from_afar(index: int) -> np.ndarray:
        return far_away(wave(index, None), store.sample_rate, np.random.default_rng([11, index]))

    def waves() -> Iterator[Wave]:
        for take in range(takes):
            for i, speaker in enumerate(speakers):
                yield partial(wave, i, voices[speaker][take - 1] if take else None)
        for i in range(len(clips) if rooms else 0):
            yield partial(from_afar, i)

    said = [spoken(clip) for clip in clips]
    new = {s: [asdict(v) for v in own] for s, own in voices.items()}
    key = json.dumps([both.hash, [c.name for c in clips], np.asarray(store.offsets).tolist(), new, rooms])
    tokens = encode_waves(
        clips * (takes + rooms), waves(), both, path, hashlib.sha256(key.encode()).hexdigest()
    )
    count = len(clips)
    said = [
        x
        if x.edges is not None
        else x.at(align(both.tokeniser, torch.from_numpy(tokens.codes(i)[0].astype(int)), x.units))
        for i, x in enumerate(said)
    ]
    heard = [f"{s}*{take}" for take in range(takes) for s in speakers]
    spoke = list(said)
    for take in range(1, takes):
        spoke += [s.faster(voices[who][take - 1].pace) for s, who in zip(said, speakers, strict=True)]
    room = np.arange(takes * count)
    if rooms:
        room[:count] = takes * count + np.arange(count)
    return SpeechStore(tokens, heard, spoke, room)
