"""Other voices, microphones and rooms out of the ones a corpus has."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from maskaudio.codec.mel import FLOOR

FRAME = 1024  # samples of a spectrum whose envelope is moved
QUEFRENCY = 48  # samples: what is shorter in the cepstrum is envelope, what is longer is pitch


def vary(mel: Tensor, sample_rate: int, generator: torch.Generator) -> Tensor:
    """log-mel [B, n_mels, F] as another throat, microphone and room would give it, phones in place."""
    mel = warp(mel, _uniform(len(mel), 0.82, 1.22, generator), sample_rate)
    mel = mel + _curve(mel, 0.4, generator) + _uniform(len(mel), -1.5, 0.5, generator)[:, None, None]
    noisy = torch.rand(len(mel), generator=generator) < 0.4
    mel = torch.where(noisy[:, None, None], add_noise(mel, generator), mel)
    mel = cut_bands(mel, generator)
    return mel.clamp(min=math.log(FLOOR))


def warp(mel: Tensor, factor: Tensor, sample_rate: int) -> Tensor:
    """Move all frequencies of item b up by factor[b]: formants and pitch of a smaller or larger speaker."""
    n = mel.shape[1]
    top = 2595 * math.log10(1 + sample_rate / 2 / 700)
    hertz = 700 * (10 ** (torch.arange(1, n + 1) / (n + 1) * top / 2595) - 1)
    source = 2595 * (1 + hertz / factor[:, None] / 700).log10() / top * (n + 1) - 1
    source = source.clamp(0, n - 1)
    weights = (1 - (source[:, :, None] - torch.arange(n)).abs()).clamp(min=0)
    return weights @ mel


def add_noise(mel: Tensor, generator: torch.Generator) -> Tensor:
    """Steady noise of a random colour, 5 to 35 dB under the loudest frames."""
    loud = mel.amax(2).mean(1)
    under = _uniform(len(mel), 5, 35, generator) / 20 * math.log(10)
    level = (loud - under)[:, None, None] + _curve(mel, 0.7, generator)
    jitter = 0.5 * torch.randn(mel.shape, generator=generator)
    return torch.logaddexp(2 * mel, 2 * (level + jitter)) / 2


def cut_bands(mel: Tensor, generator: torch.Generator) -> Tensor:
    """A quarter of the items lose what is above a telephone's, or a tape's, highest band."""
    n = mel.shape[1]
    highest = _uniform(len(mel), 0.55, 0.95, generator) * n
    cut = torch.rand(len(mel), generator=generator) < 0.25
    gone = cut[:, None] & (torch.arange(n) > highest[:, None])
    return mel.masked_fill(gone[:, :, None], math.log(FLOOR))


def _curve(mel: Tensor, size: float, generator: torch.Generator) -> Tensor:
    """A smooth random function of frequency, [B, n_mels, 1]."""
    points = size * torch.randn(len(mel), 1, 7, generator=generator)
    return F.interpolate(points, mel.shape[1], mode="linear", align_corners=True)[:, 0, :, None]


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def change_pitch(wave: np.ndarray, factor: float) -> np.ndarray:
    """wave [N] played `factor` times faster: pitch, formants and pace of another speaker."""
    frames = -(-len(wave) // 960)  # lengths of small factors: other Fourier transforms are slow
    whole = np.pad(wave, (0, 960 * frames - len(wave)))
    count = round(960 / factor)
    spectrum = np.fft.rfft(whole)[: count * frames // 2 + 1]
    return (np.fft.irfft(spectrum, count * frames) * (count / 960)).astype(np.float32)[
        : round(len(wave) / factor)
    ]


def move_formants(wave: np.ndarray, factor: float) -> np.ndarray:
    """wave [N] from a throat `factor` times shorter, at the pitch it had.

    The envelope of every spectrum, taken from its cepstrum, is stretched; what stands under it stays.
    """
    window = torch.hann_window(FRAME)
    spectrum = torch.stft(torch.from_numpy(wave), FRAME, FRAME // 4, window=window, return_complex=True)
    cepstrum = torch.fft.irfft(spectrum.abs().clamp(min=1e-5).log(), FRAME, dim=0)
    cepstrum[QUEFRENCY : FRAME - QUEFRENCY + 1] = 0.0
    envelope = torch.fft.rfft(cepstrum, dim=0).real
    at = (torch.arange(len(envelope)) / factor).clamp(max=len(envelope) - 1)
    low = at.floor().long()
    moved = torch.lerp(envelope[low], envelope[(low + 1).clamp(max=len(envelope) - 1)], (at - low)[:, None])
    spectrum = spectrum * (moved - envelope).clamp(-3.0, 3.0).exp()
    return torch.istft(spectrum, FRAME, FRAME // 4, window=window, length=len(wave)).numpy()


def colour(wave: np.ndarray, sample_rate: int, decibels: np.ndarray) -> np.ndarray:
    """wave [N] louder or softer by `decibels`, given at equal steps of nine octaves from 30 Hz on."""
    length = -(-len(wave) // 960) * 960
    octave = np.log2(np.maximum(np.fft.rfftfreq(length, 1 / sample_rate), 30.0) / 30.0)
    gain = 10 ** (np.interp(octave, np.linspace(0, 9, len(decibels)), decibels) / 20)
    return np.fft.irfft(np.fft.rfft(wave, length) * gain, length)[: len(wave)].astype(np.float32)


def cut_treble(wave: np.ndarray, sample_rate: int, hertz: float) -> np.ndarray:
    """wave [N], softer by 60 dB an octave from `hertz` on."""
    over = np.linspace(0, 9, 181) - np.log2(hertz / 30)
    return colour(wave, sample_rate, -60 * np.clip(over, 0, 1))


def far_away(wave: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """wave [N] as a cheap microphone in a room hears it: echo, colour, band limits, noise."""
    samples = round(rng.uniform(0.05, 0.5) * sample_rate)
    tail = rng.standard_normal(samples) * 10 ** -np.linspace(0, 3, samples)  # 60 dB down at its end
    count, length = len(wave), -(-(len(wave) + len(tail)) // 960) * 960
    echo = np.fft.irfft(np.fft.rfft(wave, length) * np.fft.rfft(tail, length), length)[:count]
    wave = wave + rng.uniform(0.0, 0.6) * echo / np.sqrt((tail**2).sum())
    wave = colour(wave, sample_rate, rng.normal(0, 3, 8))
    wave = cut_treble(wave, sample_rate, 30 * 2 ** rng.uniform(6.8, 9.0))  # 3.3 to 15 kHz
    noise = rng.standard_normal(len(wave)) * 10 ** (-rng.uniform(15, 45) / 20) * np.sqrt((wave**2).mean())
    wave = wave + noise
    return (wave * (rng.uniform(0.3, 0.9) / np.abs(wave).max())).astype(np.float32)
