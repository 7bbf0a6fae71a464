"""The treble a recording lacks: its upper bands are masked, and what lies below stays its own."""

import numpy as np
import torch

from maskaudio.audio import resample
from maskaudio.codec.bands import BandsCodec
from maskaudio.errors import UsageError
from maskaudio.pipelines.filling import Filling

SILENT = -90.0  # dB under the loudest: a spectrum that stays below has ended; soft treble has not
NEARLY = 1.05  # a band that reaches so far beyond the cutoff is whole
CROSSOVER = 0.9  # share of the cutoff from where on, up to the cutoff, both are heard


def widen(
    samples: np.ndarray, rate: int, filling: Filling, prompt: str | None, seed: int, cutoff: float | None
) -> tuple[np.ndarray, int, float]:
    """samples [C, N] at `rate` → with new treble above `cutoff` (Hz; found where None), its rate, the cutoff.

    The rate is the codec's where the recording's is lower. Raises UsageError where the model's codec has no
    bands, or none of them is missing.
    """
    codec = filling.sound.codec
    if not isinstance(codec, BandsCodec):
        raise UsageError(f"{filling.sound.name}: its streams are no frequency bands")
    if cutoff is None:
        cutoff = ends_at(samples, rate)
    own = np.stack([resample(np.ascontiguousarray(c), rate, max(rate, codec.sample_rate)) for c in samples])
    rate = max(rate, codec.sample_rate)
    missing = [edge > NEARLY * cutoff for edge in codec.edges[1:]]
    if not any(missing):
        raise UsageError(f"nothing is missing up to {codec.edges[-1]:.0f} Hz: give the cutoff you mean")
    if all(missing):
        raise UsageError(f"cutoff {cutoff:.0f} Hz: the lowest band alone reaches to {codec.edges[1]:.0f} Hz")
    bands = torch.tensor(missing)[:, None]
    made = filling.again(own.mean(0), rate, lambda frames: bands.expand(-1, frames), prompt, seed)
    treble = _above(made[None], rate, cutoff) * _levels(own, made, rate, cutoff)
    return own - _above(own, rate, cutoff) + treble, rate, cutoff


def ends_at(samples: np.ndarray, rate: int) -> float:
    """Hz above which samples [C, N] hold nothing, in steps of 100 Hz."""
    power = np.square(np.abs(np.fft.rfft(samples * np.hanning(samples.shape[1])))).sum(0)
    hertz = np.fft.rfftfreq(samples.shape[1], 1 / rate)
    steps = np.bincount((hertz / 100).astype(int), power)
    heard = np.flatnonzero(steps > steps.max() * 10 ** (SILENT / 10))
    return min(100.0 * (heard[-1] + 1), rate / 2) if steps.max() > 0 else rate / 2


def _above(samples: np.ndarray, rate: int, cutoff: float) -> np.ndarray:
    """What of samples [C, N] lies above the cutoff."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(samples.shape[1], 1 / rate)
    fade = np.clip((hertz - CROSSOVER * cutoff) / ((1 - CROSSOVER) * cutoff), 0.0, 1.0)
    above = np.fft.irfft(spectrum * (0.5 - 0.5 * np.cos(np.pi * fade)), samples.shape[1])
    return above.astype(np.float32)


def _levels(own: np.ndarray, made: np.ndarray, rate: int, cutoff: float) -> np.ndarray:
    """Factors [C, 1] that make the octave under the crossover as loud as each channel's own."""
    hertz = np.fft.rfftfreq(own.shape[1], 1 / rate)
    octave = (hertz > 0.5 * CROSSOVER * cutoff) & (hertz < CROSSOVER * cutoff)
    loud = np.square(np.abs(np.fft.rfft(own)[:, octave])).sum(1)
    heard = np.square(np.abs(np.fft.rfft(made)[octave])).sum()
    return np.sqrt(loud / max(heard, 1e-12)).clip(0.0, 4.0)[:, None].astype(np.float32)
