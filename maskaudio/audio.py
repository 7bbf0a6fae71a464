"""Clips of audio: read, encoded, saved, resampled."""

import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from maskaudio.encoding import BLOCK, audio_stream, finite, format_of
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.files import write_file

BITS = {"PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 32}  # libsndfile's sample types above 16 bits


@dataclass(frozen=True, eq=False)
class Audio:
    """A clip: `samples` float32 [channels, N] (full scale 1), `sample_rate` in Hz, and where it is from.

    bits: of a sample in the file it is from, 16, 24, or 32 (floating point); wav and flac are written so.
    """

    samples: np.ndarray
    sample_rate: int
    tags: dict[str, str] = field(default_factory=dict)
    bits: int = 16

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.samples.shape[-1] / self.sample_rate

    def save(
        self, path: str | Path, *, format: str | None = None, overwrite: bool = True, tags: bool = True
    ) -> Path:
        """Write the clip, whole or not at all; returns the path.

        `format` is one of FORMATS, else the path's suffix says it. Peaks above full scale are scaled down.
        Raises UsageError for an unknown format or an existing file without `overwrite`, MaskaudioError
        where the file cannot be written.
        """
        path = Path(path)
        data = encode_audio(self, format or format_of(path), tags=tags)
        write_file(path, data, overwrite=overwrite)
        return path


def read_audio(source: str | Path | bytes, longest: float = math.inf) -> Audio:
    """A file (or its bytes) in any format libsndfile knows, tags included.

    Raises UsageError where there is no such file or it says that it has more than `longest` seconds,
    MaskaudioError where it is not audio, is empty, or holds NaN or infinite samples.
    """
    import soundfile

    name = "the input" if isinstance(source, bytes) else str(source)
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{name}: no such file") from None
    except OSError as error:
        raise UsageError(f"{name}: cannot be read ({error.strerror})") from None
    if not data:
        raise MaskaudioError(f"{name}: the file is empty")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if (seconds := file.frames / file.samplerate) > longest:
                raise UsageError(f"{name}: {seconds:.0f} s; at most {longest:g} s are wanted here")
            blocks = list(_blocks(file))
            rate, tags = file.samplerate, _read_tags(file.copy_metadata())
            bits = BITS.get(file.subtype, 16)
    except soundfile.LibsndfileError as error:
        why = error.error_string.rstrip(".")
        raise MaskaudioError(f"{name}: not readable as audio ({why}); try wav, flac, ogg or mp3") from None
    if not blocks:
        raise MaskaudioError(f"{name}: holds no sound")
    samples = np.concatenate(blocks).T
    if not np.isfinite(samples).all():
        raise MaskaudioError(f"{name}: holds NaN or infinite samples")
    return Audio(np.ascontiguousarray(samples), rate, tags, bits)


def encode_audio(audio: Audio, format: str, *, tags: bool = True) -> bytes:
    """The clip as the bytes of a file; the same clip gives the same bytes (no time stamp, no chance)."""
    samples = np.asarray(audio.samples, dtype=np.float32)
    if samples.ndim != 2 or samples.size == 0:
        raise MaskaudioError(f"a clip is [channels, samples], this one is {list(samples.shape)}")
    samples = finite(samples) / max(1.0, float(np.abs(samples).max()))
    out = io.BytesIO()
    tags = audio.tags if tags else {}
    with audio_stream(out, audio.sample_rate, format, len(samples), tags, audio.bits) as write:
        write(samples)
    return out.getvalue()


def resample(wave: np.ndarray, rate: int, target: int) -> np.ndarray:
    """Band-limited resampling along the last axis (torchaudio's windowed sinc).

    Rates without a small common ratio are taken as the nearest one with terms up to 1000: at most a
    millionth off, where the exact filter would fill the memory. Raises MaskaudioError for rates that no
    recording has.
    """
    import torch

    from maskaudio.compat import load_torchaudio

    if rate == target:
        return wave
    if not plausible_rate(rate) or not plausible_rate(target):
        raise MaskaudioError(f"cannot resample from {rate} Hz to {target} Hz")
    ratio = Fraction(target, rate).limit_denominator(1000)
    functional = load_torchaudio().functional
    return functional.resample(
        torch.from_numpy(wave), ratio.denominator, ratio.numerator, lowpass_filter_width=32
    ).numpy()


def plausible_rate(rate: int) -> bool:
    """Whether a recording may have this sample rate: 1 kHz to 1 MHz."""
    return 1000 <= rate <= 1_000_000


def _blocks(file: Any) -> Iterator[np.ndarray]:
    """All samples in blocks, so that a header that lies about the length costs no memory."""
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
        yield block


def _read_tags(found: Mapping[str, str]) -> dict[str, str]:
    """Our tags where maskaudio wrote the file, else what the file says of itself."""
    if found.get("software", "").startswith("maskaudio") or found.get("comment", "").startswith("{"):
        try:
            ours = json.loads(found.get("comment", ""))
        except ValueError:
            ours = None  # somebody else's comment
        if isinstance(ours, dict):
            return {str(k): str(v) for k, v in ours.items()}
    return {k: v for k, v in found.items() if v}
