"""Steady tones that a synthesiser left in its clips: whatever learns from them would sing them, too."""

from collections.abc import Sequence

import numpy as np

WIDTH = 12.0  # Hz: a tone that comes and goes with the voice is gone, the gap is not wide enough to hear


def without_tones(wave: np.ndarray, sample_rate: int, hertz: Sequence[float]) -> np.ndarray:
    """wave [N] without what lies within a few hertz of each of `hertz`: 1 − a Gaussian in the spectrum."""
    length = -(-len(wave) // 960) * 960  # of small factors: other Fourier transforms are slow
    frequency = np.fft.rfftfreq(length, 1 / sample_rate)
    gain = np.ones_like(frequency)
    for tone in hertz:
        gain *= 1 - np.exp(-0.5 * ((frequency - tone) / WIDTH) ** 2)
    return np.fft.irfft(np.fft.rfft(wave, length) * gain, length)[: len(wave)].astype(np.float32)
