"""Clips and manifests to be judged in tests."""

import json
from pathlib import Path

import numpy as np
import soundfile

RATE = 24000


def noise(seed: int, seconds: float = 0.6) -> np.ndarray:
    """Pulses of noise, so that there is loud and soft."""
    count = round(seconds * RATE)
    rng = np.random.default_rng(seed)
    return 0.2 * rng.standard_normal(count) * (np.sin(np.arange(count) / (800 + 100 * seed)) > 0)


def write_clip(path: Path, wave: np.ndarray) -> str:
    """A 16-bit file; its name."""
    soundfile.write(path, wave, RATE)
    return path.name


def manifest(folder: Path, rows: list[dict], name: str = "clips.jsonl") -> Path:
    """The rows as JSON lines."""
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
