"""The spectrogram that judges: a front end of its own, shared with no codec."""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def mel_db(
    wave: Tensor, sample_rate: int = 24000, n_fft: int = 1024, hop: int = 480, n_mels: int = 64
) -> Tensor:
    """wave [B, N] in [-1, 1] → mel power in dB re full scale, floor −100 dB: [B, n_mels, 1 + N // hop].

    Slaney's mel scale (linear below 1 kHz, logarithmic above; Auditory Toolbox, 1998), triangles of unit
    sum, 30 Hz to Nyquist.
    """
    window = torch.hann_window(n_fft)
    spectrum = torch.stft(F.pad(wave, (n_fft // 2, n_fft // 2)), n_fft, hop, window=window, center=False,
                          return_complex=True)  # fmt: skip
    power = (spectrum.real.square() + spectrum.imag.square()) / window.sum().square()
    return 10 * (_filters(sample_rate, n_fft, n_mels) @ power).clamp(min=1e-10).log10()


def mel_distance(one: Tensor, other: Tensor, sample_rate: int = 24000) -> float:
    """Mean absolute difference in dB of two waves [B, N] (cut to the shorter), over three resolutions.

    What lies more than 80 dB under the loudest cell of `one` is inaudible beside it and counts as equal.
    """
    length = min(one.shape[-1], other.shape[-1])
    total = 0.0
    for n_fft, n_mels in ((512, 40), (1024, 64), (2048, 96)):
        a, b = (mel_db(w[..., :length], sample_rate, n_fft, n_fft // 4, n_mels) for w in (one, other))
        floor = a.amax((-2, -1), keepdim=True) - 80
        total += (a.clamp(min=floor) - b.clamp(min=floor)).abs().mean().item()
    return total / 3


@functools.cache
def _filters(sample_rate: int, n_fft: int, n_mels: int) -> Tensor:
    step = np.log(6.4) / 27
    top = 15 + np.log(sample_rate / 2000) / step
    mels = np.linspace(30 * 3 / 200, top, n_mels + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * step))
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.minimum(rising, falling).clip(0)
    # a triangle narrower than a bin takes the nearest one
    nearest = np.abs(bins[None] - edges[1:-1, None]).argmin(1)
    empty = triangles.sum(1) == 0
    triangles[empty, nearest[empty]] = 1
    return torch.from_numpy(triangles / triangles.sum(1, keepdims=True)).float()
