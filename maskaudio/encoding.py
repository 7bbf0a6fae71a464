"""Samples → audio files, piece by piece: what libsndfile writes, made to come out the same every time."""

import json
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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


def format_of(path: Path) -> str:
    """The format that the suffix of `path` names. Raises UsageError for any other."""
    name = path.suffix.lower().removeprefix(".")
    if name not in FORMATS:
        what = f"unknown format '.{name}'" if name else "the name says no format"
        raise UsageError(f"{path}: {what}; end it in .{', .'.join(FORMATS)}, or name the format")
    return name


def check_format(format: str, sample_rate: int) -> None:
    """Raise UsageError for an unknown format, or one that cannot hold `sample_rate`."""
    if format not in FORMATS:
        raise UsageError(f"unknown format '{format}' (known: {', '.join(FORMATS)})")
    if format == "opus" and sample_rate not in OPUS_RATES:
        raise UsageError(f"opus cannot hold {sample_rate} Hz; choose another format")


@contextmanager
def audio_stream(
    out: BinaryIO,
    sample_rate: int,
    format: str,
    channels: int = 1,
    tags: Mapping[str, str] | None = None,
    bits: int = 16,
) -> Iterator[Callable[[np.ndarray], None]]:
    """A function that appends samples float32 [channels, N] in [-1, 1] to the audio file `out`.

    raw, and wav to a pipe, go out at once; any other format reaches a pipe when it is whole. Raises
    MaskaudioError for samples that are no numbers.
    """
    check_format(format, sample_rate)
    container, _ = FORMATS[format]
    if container == "RAW" or (container == "WAV" and not out.seekable()):
        if container == "WAV":
            out.write(_endless_header(sample_rate, channels, tags or {}))

        def write(samples: np.ndarray) -> None:
            out.write(_whole_numbers(finite(samples).T, 16).astype("<i2").tobytes())
            out.flush()

        yield write
    elif out.seekable() and out.readable():
        with _sound_file(out, sample_rate, format, channels, tags or {}, bits) as write:
            yield write
    else:
        with tempfile.TemporaryFile() as whole:
            with _sound_file(whole, sample_rate, format, channels, tags or {}, bits) as write:
                yield write
            whole.seek(0)
            shutil.copyfileobj(whole, out)


@contextmanager
def _sound_file(
    out: BinaryIO, sample_rate: int, format: str, channels: int, tags: Mapping[str, str], bits: int
) -> Iterator[Callable[[np.ndarray], None]]:
    """The same by libsndfile, for a file that can be read and sought."""
    import soundfile

    container, kind = FORMATS[format]
    if kind == "PCM_16" and bits > 16:
        kind = "FLOAT" if (bits, container) == (32, "WAV") else "PCM_24"
    width = {"PCM_16": 16, "PCM_24": 24}.get(kind)
    patient = _Patient(out)
    checksum = 0

    def write(samples: np.ndarray) -> None:
        nonlocal checksum
        checksum = zlib.crc32(np.ascontiguousarray(finite(samples)).tobytes(), checksum)
        for start in range(0, samples.shape[1], BLOCK):  # libvorbis overflows its stack on long writes
            block = samples.T[start : start + BLOCK]
            file.write(_whole_numbers(block, width) if width else block)
            patient.complain()

    try:
        with soundfile.SoundFile(patient, "w", sample_rate, channels, subtype=kind, format=container) as file:
            if tags:
                file.software = tags.get("software", "maskaudio")
                file.comment = json.dumps(dict(tags), sort_keys=True)
            yield write
    except soundfile.LibsndfileError as error:
        raise MaskaudioError(f"cannot make {format} of this clip ({error})") from None
    patient.complain()
    if container == "OGG":
        out.seek(0)
        data = _fixed_serial(out.read(), checksum)
        out.seek(0)
        out.write(data)


class _Patient:
    """A file whose errors wait: libsndfile writes to it from C, where Python could only print them."""

    def __init__(self, out: BinaryIO):
        self.out = out
        self.problem: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self.out.write(data)
        except OSError as error:
            self.problem = error
            return len(data)

    def complain(self) -> None:
        """Raise what has gone wrong."""
        if self.problem:
            raise self.problem

    def __getattr__(self, name: str) -> Any:  # seek, tell, read
        return getattr(self.out, name)


def _whole_numbers(samples: np.ndarray, bits: int) -> np.ndarray:
    """Samples as libsndfile takes and gives them back: what was read from a file is written as it was."""
    whole = (
        (samples.astype(np.float64) * 2 ** (bits - 1)).round().clip(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    )
    return whole.astype(np.int16) if bits == 16 else whole.astype(np.int32) << (32 - bits)


def finite(samples: np.ndarray) -> np.ndarray:
    """The samples. Raises MaskaudioError for NaN or infinite ones."""
    if not np.isfinite(samples).all():
        raise MaskaudioError("the clip holds NaN or infinite samples and was not written")
    return samples


def _endless_header(sample_rate: int, channels: int, tags: Mapping[str, str]) -> bytes:
    """The header of a wav whose length nobody knows yet: players read on until the end of the pipe."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    frame = 2 * channels
    head = chunk(b"fmt ", struct.pack("<HHIIHH", 1, channels, sample_rate, frame * sample_rate, frame, 16))
    if tags:
        comment = json.dumps(dict(tags), sort_keys=True).encode() + b"\0"
        software = tags.get("software", "maskaudio").encode() + b"\0"
        head += chunk(b"LIST", b"INFO" + chunk(b"ISFT", software) + chunk(b"ICMT", comment))
    return b"RIFF" + b"\xff" * 4 + b"WAVE" + head + b"data" + b"\xff" * 4


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
