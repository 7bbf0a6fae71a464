"""Reading, writing and resampling audio."""

import io
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from maskaudio.errors import MaskaudioError, UsageError

FORMATS = {  # name: libsndfile's container and sample type
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "raw": ("RAW", "PCM_16"),  # s16le without a header
}
OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
BLOCK = 1 << 16  # samples handed to libsndfile at a time


@dataclass(frozen=True, eq=False)
class Audio:
    """A clip: `samples` float32 [channels, N] (full scale 1), `sample_rate` in Hz, and where it is from."""

    samples: np.ndarray
    sample_rate: int
    tags: dict[str, str] = field(default_factory=dict)

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


def format_of(path: Path) -> str:
    """The format that the suffix of `path` names. Raises UsageError for any other."""
    name = path.suffix.lower().removeprefix(".")
    if name not in FORMATS:
        what = f"unknown format '.{name}'" if name else "the name says no format"
        raise UsageError(f"{path}: {what}; end it in .{', .'.join(FORMATS)}, or name the format")
    return name


def read_audio(source: str | Path | bytes) -> Audio:
    """A file (or its bytes) in any format libsndfile knows, tags included.

    Raises UsageError where there is no such file, MaskaudioError where it is not audio, is empty, or
    holds NaN or infinite samples.
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
            blocks = list(_blocks(file))
            rate, tags = file.samplerate, _read_tags(file.copy_metadata())
    except soundfile.LibsndfileError as error:
        why = error.error_string.rstrip(".")
        raise MaskaudioError(f"{name}: not readable as audio ({why}); try wav, flac, ogg or mp3") from None
    if not blocks:
        raise MaskaudioError(f"{name}: holds no sound")
    samples = np.concatenate(blocks).T
    if not np.isfinite(samples).all():
        raise MaskaudioError(f"{name}: holds NaN or infinite samples")
    return Audio(np.ascontiguousarray(samples), rate, tags)


def encode_audio(audio: Audio, format: str, *, tags: bool = True) -> bytes:
    """The clip as the bytes of a file; the same clip gives the same bytes (no time stamp, no chance)."""
    import soundfile

    if format not in FORMATS:
        raise UsageError(f"unknown format '{format}' (known: {', '.join(FORMATS)})")
    if format == "opus" and audio.sample_rate not in OPUS_RATES:
        raise UsageError(f"opus cannot hold {audio.sample_rate} Hz; choose another format")
    samples = np.asarray(audio.samples, dtype=np.float32)
    if samples.ndim != 2 or samples.size == 0:
        raise MaskaudioError(f"a clip is [channels, samples], this one is {list(samples.shape)}")
    if not np.isfinite(samples).all():
        raise MaskaudioError("the clip holds NaN or infinite samples and was not written")
    samples = samples / max(1.0, float(np.abs(samples).max()))
    container, kind = FORMATS[format]
    if format == "raw":
        return (samples.T * 32767.0).round().astype("<i2").tobytes()
    out = io.BytesIO()
    try:
        with soundfile.SoundFile(
            out, "w", audio.sample_rate, len(samples), subtype=kind, format=container
        ) as file:
            if tags and audio.tags:
                file.software = audio.tags.get("software", "maskaudio")
                file.comment = json.dumps(audio.tags, sort_keys=True)
            for start in range(0, samples.shape[1], BLOCK):  # libvorbis overflows its stack on long writes
                file.write(samples.T[start : start + BLOCK])
    except (soundfile.LibsndfileError, ValueError) as error:
        raise MaskaudioError(f"cannot make {format} of this clip ({error})") from None
    data = out.getvalue()
    return _fixed_serial(data, zlib.crc32(samples.tobytes())) if container == "OGG" else data


def write_file(path: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write `data` to `path`, whole or not at all; one line says why where that cannot be."""
    if not overwrite and path.is_file():
        raise UsageError(f"{path} exists already and is left as it is")
    with open_whole(path) as file:
        file.write(data)


@contextmanager
def open_whole(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` at the end of the block, or leaves no trace.

    Devices and pipes are written straight. Raises MaskaudioError for whatever the system refuses.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as file:
                yield file
            return
        if path.is_dir():
            raise MaskaudioError(f"{path}: is a folder, not a file")
        path = Path(os.path.realpath(path))  # a link stays a link
        part = path.with_name(f".{path.name[:100]}.{os.getpid()}.part")
        try:
            with part.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except BrokenPipeError:
        raise
    except FileNotFoundError:
        raise MaskaudioError(f"{path}: the folder {path.parent} does not exist") from None
    except OSError as error:
        raise MaskaudioError(f"{path}: cannot be written ({error.strerror})") from None


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


_REVERSED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))


def _fixed_serial(data: bytes, serial: int) -> bytes:
    """An Ogg file with `serial` in place of the random stream number that libsndfile draws (RFC 3533)."""
    pages = bytearray(data)
    start = 0
    while start < len(pages):
        segments = pages[start + 26]
        end = start + 27 + segments + sum(pages[start + 27 : start + 27 + segments])
        pages[start + 14 : start + 18] = serial.to_bytes(4, "little")
        pages[start + 22 : start + 26] = bytes(4)
        pages[start + 22 : start + 26] = _ogg_checksum(bytes(pages[start:end]))
        start = end
    return bytes(pages)


def _ogg_checksum(page: bytes) -> bytes:
    """Ogg's CRC-32 is zlib's with every bit mirrored and nothing inverted."""
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return mirrored.to_bytes(4, "big").translate(_REVERSED)
