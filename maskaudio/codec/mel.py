"""Log-mel spectrograms on the same frames that the inverse-STFT head writes."""

import math

import torch
from torch import Tensor, nn

from maskaudio.codec.stft import stft_magnitude

FLOOR = 1e-2  # magnitudes below it are inaudible at any sane level (a full-scale sine has n_fft / 4)


def mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> Tensor:
    """Triangular filters of peak 1 on the HTK mel scale, 0 Hz to Nyquist: [n_fft // 2 + 1, n_mels]."""
    edges = mel_edges(sample_rate, n_mels)
    bins = torch.linspace(0.0, sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0.0).float()


def mel_edges(sample_rate: int, n_mels: int) -> Tensor:
    """Hz [n_mels + 2], even on the HTK mel scale up to Nyquist; filter i lies between edges i and i + 2."""
    top = 2595.0 * math.log10(1.0 + sample_rate / 2 / 700.0)
    return 700.0 * (10.0 ** (torch.linspace(0.0, top, n_mels + 2, dtype=torch.float64) / 2595.0) - 1.0)


class MelSpectrogram(nn.Module):
    """wave [B, N] → natural-log mel magnitudes [B, n_mels, N // hop].

    Frame i is centred on sample (i + 1/2)·hop, so that N samples give exactly N / hop frames.
    """

    def __init__(self, sample_rate: int, n_fft: int, hop: int, n_mels: int):
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.register_buffer("filters", mel_filters(sample_rate, n_fft, n_mels), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        magnitude = stft_magnitude(wave, self.window, self.hop)
        with torch.autocast(wave.device.type, enabled=False):  # a measure, not a layer: never in bf16
            mel = (magnitude.transpose(1, 2) @ self.filters).transpose(1, 2)
        return mel.clamp(min=FLOOR).log()
