"""Clips of a captioned corpus (tar shards or a folder with metadata.jsonl), as the benchmarks use them."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from maskaudio.training.clips import Clip, find_clips, read_clips

SAMPLE_RATE = 24000
KINDS = ("procedural", "music", "recorded")

Generate = Callable[[list[str], list[int]], list[np.ndarray]]  # prompts, seeds → waves [N] of four seconds
Resynthesise = Callable[[np.ndarray], np.ndarray]  # wave [N] → what the codec makes of it


def find(folders: Iterable[Path]) -> list[Clip]:
    """Every clip of the folders that carries a label."""
    return [c for folder in folders for c in find_clips(folder)[0] if "label" in c.fields]


def single(clip: Clip) -> bool:
    """One source only, no mix of two events."""
    return "mix" not in clip.fields.get("tags", ())


def kind(clip: Clip) -> str:
    """How a single-source clip was made."""
    tags = clip.fields.get("tags", ())
    return "music" if "midi" in tags else "recorded" if "recorded" in tags else "procedural"


def waves(clips: list[Clip], seconds: float | None = None) -> Iterator[tuple[Clip, np.ndarray]]:
    """Each clip with its samples at 24 kHz, float32 [N], cut to `seconds` (not in the order given)."""
    import soundfile

    from maskaudio.audio import resample

    for clip, source in read_clips(clips):
        wave, rate = soundfile.read(source, dtype="float32", always_2d=True)
        wave = resample(np.ascontiguousarray(wave.mean(1)), rate, SAMPLE_RATE)
        yield clip, wave if seconds is None else wave[: int(seconds * SAMPLE_RATE)]


def seed(text: str) -> int:
    """A fixed seed for every label or prompt."""
    return zlib.crc32(text.encode()) % 2**31
