"""Reading, writing and resampling audio."""

import io
import json
import math
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
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
BITS = {"PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 32}  # libsndfile's sample types above 16 bits
OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
BLOCK = 1 << 16  # samples handed to libsndfile at a time


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


def format_of(path: Path) -> str:
    """The format that the suffix of `path` names. Raises UsageError for any other."""
    name = path.suffix.lower().removeprefix(".")
    if name not in FORMATS:
        what = f"unknown format '.{name}'" if name else "the name says no format"
        raise UsageError(f"{path}: {what}; end it in .{', .'.join(FORMATS)}, or name the format")
    return name


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
    samples = _finite(samples) / max(1.0, float(np.abs(samples).max()))
    out = io.BytesIO()
    tags = audio.tags if tags else {}
    with audio_stream(out, audio.sample_rate, format, len(samples), tags, audio.bits) as write:
        write(samples)
    return out.getvalue()


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
            out.write(_whole_numbers(_finite(samples).T, 16).astype("<i2").tobytes())
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
        checksum = zlib.crc32(np.ascontiguousarray(_finite(samples)).tobytes(), checksum)
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


def _finite(samples: np.ndarray) -> np.ndarray:
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
            with part.open("x+b") as file:
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
