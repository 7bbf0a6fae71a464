"""The log-mel filter banks that w2v-bert-2.0 hears: Kaldi's, 80 of them, two frames of 10 ms to a row."""

import numpy as np
import torch
from torch import Tensor

HEARING_RATE = 16000  # Hz
FRAME, HOP, N_FFT, BANKS, STRIDE = 400, 160, 512, 80, 2
LOWEST = 20.0  # Hz
PREEMPHASIS = 0.97
FLOOR = 2.0**-23
PADDING = 1.0  # what an odd number of frames is filled up with


def filter_banks(wave: Tensor) -> tuple[Tensor, Tensor]:
    """Speech [N ≥ 400] at 16 kHz, full scale 1 → rows [1, T, 160] and which are whole, bool [1, T].

    Every bank has zero mean and unit variance. To the bit as SeamlessM4TFeatureExtractor of transformers
    with the published settings, hence its mixture of precisions.
    """
    scaled = (2.0**15 * wave.cpu().float().numpy()).astype(np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(scaled, FRAME)[::HOP]
    frames = frames - frames.mean(1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], 1)
    window = np.hanning(FRAME) ** 0.85
    spectrum = np.fft.rfft((frames - PREEMPHASIS * before) * window, N_FFT).astype(np.complex64)
    power = np.abs(spectrum, dtype=np.float64) ** 2
    banks = np.log(np.maximum(FLOOR, _triangles().T @ power.T)).astype(np.float32)  # [banks, frames]
    variance = banks.var(1, ddof=1, keepdims=True)
    banks = (banks - banks.mean(1, keepdims=True)) / np.sqrt(variance + 1e-7)
    short = -banks.shape[1] % STRIDE
    banks = np.pad(banks, ((0, 0), (0, short)), constant_values=PADDING)
    rows = torch.from_numpy(np.ascontiguousarray(banks.T).reshape(1, -1, STRIDE * BANKS))
    whole = torch.ones(rows.shape[:2], dtype=torch.bool)
    whole[:, whole.shape[1] - short :] = False
    return rows, whole


def _triangles() -> np.ndarray:
    """Weights [bins, banks], triangles in Kaldi's mel scale."""

    def mel(hertz: np.ndarray) -> np.ndarray:
        return 1127.0 * np.log(1.0 + hertz / 700.0)

    bins = mel(np.arange(N_FFT // 2 + 1) * HEARING_RATE / N_FFT)[:, None]
    edges = np.linspace(*mel(np.array([LOWEST, HEARING_RATE / 2])), BANKS + 2)
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rise, fall))
