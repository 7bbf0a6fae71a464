"""Loudness after ITU-R BS.1770-4, and giving a clip the loudness it should have."""

import math

import numpy as np

SPEECH = -23.0  # LUFS: what prompts and our own speech are brought to; about as loud as the training clips
BLOCK, HOP = 0.4, 0.1  # seconds


def loudness(wave: np.ndarray, sample_rate: int) -> float:
    """Gated loudness of a mono wave [N] in LUFS (BS.1770-4, annex 1); −inf for silence."""
    energy = _blocks(_weighted(wave, sample_rate), sample_rate)
    loud = energy[energy > 10 ** ((-70 + 0.691) / 10)]
    if not len(loud):
        return -math.inf
    loud = loud[loud > 0.1 * loud.mean()]  # 10 LU under the mean
    return float(-0.691 + 10 * np.log10(loud.mean()))


def normalise(wave: np.ndarray, sample_rate: int, target: float = SPEECH, peak: float = 0.95) -> np.ndarray:
    """wave [N] at `target` LUFS, or softer where its peak would pass `peak`; silence stays silence."""
    now = loudness(wave, sample_rate)
    if not math.isfinite(now):
        return wave
    gain = 10 ** ((target - now) / 20)
    return wave * min(gain, peak / max(1e-9, float(np.abs(wave).max())))


def _weighted(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """K-weighting, in the frequency domain: the response of the standard's two filters, given for 48 kHz."""
    length = len(wave) + sample_rate // 10
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(length, 1 / sample_rate) / 48000)
    head = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    low = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    return np.fft.irfft(np.fft.rfft(wave, length) * head * low, length)[: len(wave)]


def _blocks(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Mean square of every block; of the whole clip where it is shorter than one."""
    size, hop = round(BLOCK * sample_rate), round(HOP * sample_rate)
    if len(wave) < size:
        return np.array([np.mean(np.square(wave))]) if len(wave) else np.zeros(0)
    power = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    starts = np.arange(0, len(wave) - size + 1, hop)
    return (power[starts + size] - power[starts]) / size
