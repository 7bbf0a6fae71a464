"""The codes of every clip, computed once: what generators are trained on."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from maskaudio.codec.protocol import Codec
from maskaudio.files import write_file
from maskaudio.training.clips import Clip
from maskaudio.training.counted import counted
from maskaudio.training.store import AudioStore

SAVE_EVERY = 180.0  # seconds

Wave = Callable[[], np.ndarray]  # float32 [N] at the codec's rate, made when it is asked for


@dataclass
class TokenStore:
    """`codes(i)` are the codes [K, T] of clip i; `silence` [K] is one frame of silence."""

    clips: list[Clip]
    grid: np.ndarray  # [K, total frames] uint16
    offsets: np.ndarray
    silence: np.ndarray

    def first(self, streams: int) -> "TokenStore":
        """The same clips in their first `streams` streams."""
        return replace(self, grid=self.grid[:streams], silence=self.silence[:streams])

    def codes(self, index: int) -> np.ndarray:
        """Codes [K, T] of clip `index`."""
        return self.grid[:, self.offsets[index] : self.offsets[index + 1]]


def store_tokens(
    store: AudioStore, codec: Codec, path: Path, *, mixes: int = 0, takes: int = 1, seed: int = 0
) -> TokenStore:
    """Encode all clips of `store`, and `mixes` pairs of them heard at once, into `path` (or reuse it).

    With `takes` > 1 all of them come again, each time a random part of a frame late and up to 2 dB softer
    or louder: what is the same to the ear has other tokens.
    """
    clips, waves = _clips_and_mixes(store, mixes, seed)
    key = _key(store, codec, mixes, takes, seed)
    return encode_waves(clips * takes, _takes(waves, takes, codec, seed), codec, path, key)


def encode_waves(clips: list[Clip], waves: Iterable[Wave], codec: Codec, path: Path, key: str) -> TokenStore:
    """Encode one wave for every clip into `path`, or reuse what is there under the same key.

    What is done stands in a .part file beside it every few minutes: after a kill the rest is encoded.
    """
    if (known := _read(path, key)) is not None:
        return TokenStore(clips, *known)
    part = path.with_suffix(".part")
    grids: list[np.ndarray] = []
    if (begun := _read(part, key)) is not None:
        grids = np.split(begun[0], begun[1][1:-1], 1)
    silence = _encode(codec, np.zeros(int(codec.sample_rate), np.float32))[:, 12].copy()
    saved = time.monotonic()
    for number, wave in enumerate(counted(waves, len(clips), "encoding")):
        if number < len(grids):
            continue
        grids.append(_encode(codec, wave()))
        if time.monotonic() - saved > SAVE_EVERY:
            _write(part, key, grids, silence)
            saved = time.monotonic()
    grid, offsets = _write(path, key, grids, silence)
    part.unlink(missing_ok=True)
    return TokenStore(clips, grid, offsets, silence)


def _write(
    path: Path, key: str, grids: list[np.ndarray], silence: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All grids as one, and where each begins in it; returns both."""
    grid = np.ascontiguousarray(np.concatenate(grids, 1))  # safetensors writes memory as it lies
    offsets = np.cumsum([0, *(own.shape[1] for own in grids)])
    parts = {"grid": grid, "offsets": offsets, "silence": silence}
    write_file(path, save(parts, metadata={"key": key}))
    return [grid, offsets]


def _key(store: AudioStore, codec: Codec, mixes: int, takes: int, seed: int) -> str:
    """Of all that decides what is in the file."""
    names = [clip.name for clip in store.clips]
    said = json.dumps([codec.hash, names, np.asarray(store.offsets).tolist(), mixes, takes, seed])
    return hashlib.sha256(said.encode()).hexdigest()


def _read(path: Path, key: str) -> list[np.ndarray] | None:
    """Grid, offsets and silence of an earlier run with this key, or None."""
    try:
        with safe_open(path, "np") as file:
            if (file.metadata() or {}).get("key") == key:
                return [file.get_tensor(name) for name in ("grid", "offsets", "silence")]
            return None
    except (FileNotFoundError, SafetensorError):  # none yet, or cut off
        return None


@torch.inference_mode()
def _encode(codec: Codec, wave: np.ndarray) -> np.ndarray:
    return codec.encode(torch.from_numpy(wave)[None, None])[0].numpy().astype(np.uint16)


def _clips_and_mixes(store: AudioStore, mixes: int, seed: int):
    """All clips, then random pairs of captioned ones, and what yields their waves one at a time."""
    rng = np.random.default_rng([seed, 99])
    captioned = [
        i for i, clip in enumerate(store.clips) if clip.captions and "mix" not in clip.fields.get("tags", ())
    ]
    pairs = [rng.choice(captioned, 2, replace=False) for _ in range(mixes)] if len(captioned) > 1 else []
    gains = rng.uniform(-9, 3, len(pairs))
    mixed = [
        _mixed_clip(store.clips[a], store.clips[b], gain) for (a, b), gain in zip(pairs, gains, strict=True)
    ]

    def waves() -> Iterator[Wave]:
        for i in range(len(store.clips)):
            yield partial(_samples, store, i)
        for (a, b), gain in zip(pairs, gains, strict=True):
            yield partial(_mix, store.wave(a), store.wave(b), gain)

    return store.clips + mixed, waves


def _takes(waves: Callable[[], Iterator[Wave]], takes: int, codec: Codec, seed: int) -> Iterator[Wave]:
    """All waves as they are, then, for every further take, all of them shifted and scaled."""
    yield from waves()
    rng = np.random.default_rng([seed, 7])
    frame = round(codec.sample_rate / codec.frame_rate)
    for _ in range(takes - 1):
        for wave in waves():
            yield partial(_late, wave, int(rng.integers(1, frame)), 10 ** (rng.uniform(-2, 2) / 20))


def _samples(store: AudioStore, index: int) -> np.ndarray:
    return store.wave(index).astype(np.float32) / 32768.0


def _late(wave: Wave, samples: int, gain: float) -> np.ndarray:
    clean = wave()
    gain = min(gain, 1 / max(1e-6, float(np.abs(clean).max())))
    return np.concatenate([np.zeros(samples, np.float32), clean * np.float32(gain)])


def _mix(front: np.ndarray, back: np.ndarray, gain: float) -> np.ndarray:
    """`back`, repeated or cut to the length of `front`, `gain` dB above it."""
    front, back = (x.astype(np.float32) / 32768.0 for x in (front, back))
    back = np.tile(back, -(-len(front) // len(back)))[: len(front)]
    level = np.sqrt((front**2).mean() / max(1e-8, float((back**2).mean())))
    wave = front + back * level * 10 ** (gain / 20)
    return (wave * min(1.0, 0.9 / max(1e-6, float(np.abs(wave).max())))).astype(np.float32)


def _mixed_clip(front: Clip, back: Clip, gain: float) -> Clip:
    a, b = front.captions[0].rstrip("."), back.captions[0].rstrip(".")
    captions = [f"{a} and {b}", f"{b} and {a}", f"{a} together with {b}"]
    if gain < -4:
        captions = [f"{a} with {b} in the background", f"{a} and {b}"]
    fields = {"tags": ["mix"], "label": front.fields.get("label")}
    return replace(front, name=f"{front.name}+{back.name}", captions=tuple(captions), fields=fields)
